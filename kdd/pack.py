"""`kdd pack`: a folder becomes a setup package, the same bytes each time.

Layer: shell.
"""

from pathlib import Path

import typer

from kdlib import packages
from kdlib.errors import Problem, RefusedError

__all__ = ["pack"]


def pack(folder: Path, output: Path) -> None:
    """Pack the folder; raises RefusedError for one that is no setup package, or a file that cannot be written."""
    if not folder.is_dir():
        raise RefusedError("kdd pack", [Problem("FOLDER", f"{str(folder)!r} is no folder", "name the folder to pack")])
    if output.is_dir() or not output.parent.is_dir():
        what = f"{str(output)!r} cannot be written"
        raise RefusedError("kdd pack", [Problem("--output", what, "name a file in a folder that is there")])
    if output.resolve().is_relative_to(folder.resolve()):
        what = f"{str(output)!r} lies inside the folder that is packed"
        raise RefusedError("kdd pack", [Problem("--output", what, "name a file outside of it")])
    output.write_bytes(packages.pack(folder))
    typer.echo(f"{output}: {output.stat().st_size} bytes")
