"""What is wrong with a command as it was typed: one line, and exit code 2, like every other error on purpose.

Layer: shell.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["Commands"]


class Commands(TyperGroup):
    """A group of commands that says what is missing, unknown or wrong in one line, with where to read more."""

    def main(self, args: Sequence[str] | None = None, *more: Any, standalone_mode: bool = True, **named: Any) -> Any:
        """Run the command that was typed; ends the process with its exit code, unless it is not standalone."""
        try:
            code = super().main(args, *more, **{**named, "standalone_mode": False})
        except typer.TyperException as error:
            if not standalone_mode:
                raise
            sys.stderr.write(_words(error))
            code = 2
        if not standalone_mode:
            return code
        sys.exit(code)


def _words(error: Exception) -> str:
    """Return what is told of a mistake; nothing where it was answered by the help already."""
    # typer has no public name for what all mistakes of arguments share.
    told: str = getattr(error, "format_message", error.__str__)()
    text = " ".join(told.replace("Value error, ", "").split()).removesuffix(".")
    if not text:
        return ""
    path = list(_path(getattr(error, "ctx", None)))
    subject = "".join(f"{name}: " for name in path[:1])
    return f"kdd: {subject}{text[:1].lower()}{text[1:]}; see {' '.join(['kdd', *path])} --help\n"


def _path(context: Any) -> Iterator[str]:
    """Yield the names of the command as they were typed, without that of the program."""
    if context is not None and context.parent is not None:
        yield from _path(context.parent)
        yield context.info_name or ""
