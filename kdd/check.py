"""`kdd check`: manifests and setup packages judged without a cluster.

Layer: shell.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import typer

import kdlib
from kdlib import offline

__all__ = ["FORMATS", "check"]

FORMATS: Mapping[str, Callable[[offline.Checked], str]] = {
    "text": offline.as_text,
    "json": offline.as_json,
    "sarif": partial(offline.as_sarif, version=kdlib.__version__),
    "github": offline.as_github,
}
"""How findings are written, by the name of the form."""

_STDIN = Path("-")
_STDIN_NAME = "(stdin)"


def check(paths: tuple[Path, ...], *, form: str, strict: bool) -> int:
    """Check the files and folders, write what was found to stdout, and return the exit code: 0 clean, 1 not.

    `-` stands for manifests on standard input, of which no more is read than a check takes.
    """
    named = [path for path in paths if path != _STDIN]
    given = {_STDIN_NAME: sys.stdin.buffer.read(offline.MOST_MANIFEST_BYTES + 1)} if _STDIN in paths else {}
    checked = offline.check(named, given=given)
    _write(FORMATS[form](checked))
    return 0 if checked.is_clean(strict=strict) else 1


def _write(text: str) -> None:
    """Write to stdout, in whatever encoding it has."""
    encoding = sys.stdout.encoding or "utf-8"
    typer.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False)
