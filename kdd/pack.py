"""`kdd pack`: a folder becomes a setup package, the same bytes each time.

Layer: shell.
"""

from pathlib import Path

import typer

from kdlib import packages

__all__ = ["pack"]


def pack(folder: Path, output: Path) -> None:
    """Pack the folder; raises RefusedError for one that is no setup package."""
    output.write_bytes(packages.pack(folder))
    typer.echo(f"{output}: {output.stat().st_size} bytes")
