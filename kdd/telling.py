"""How a command ends: errors on purpose are told in one line, with exit code 2.

Layer: shell.
"""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from kdlib.errors import KubeDirectorError, RefusedError

__all__ = ["run_told", "told"]


def run_told(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end, and tell its errors."""
    with told():
        asyncio.run(work)


@contextmanager
def told() -> Iterator[None]:
    """Tell errors: one on purpose is one line (each problem of a refusal has its own) and exit code 2, Ctrl-C 130."""
    try:
        yield
    except RefusedError as error:
        subject = error.subject.removeprefix("kdd ")
        sys.stderr.writelines(f"kdd: {subject}: {problem}\n" for problem in error.problems)
        raise typer.Exit(2) from None
    except KubeDirectorError as error:
        sys.stderr.write(f"kdd: {error}\n")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
