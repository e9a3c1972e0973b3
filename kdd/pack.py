"""`kdd pack`: a folder becomes a setup package, the same bytes each time.

Layer: shell.
"""

from collections.abc import Iterator
from pathlib import Path

import typer

from kdlib import packages
from kdlib.errors import Problem, RefusedError
from kdlib.offline import OWN_RULES

__all__ = ["pack"]


def pack(folder: Path, output: Path) -> None:
    """Pack the folder; raises RefusedError for one that is no setup package, or a file that cannot be written.

    What may go wrong in some image is a warning on stderr.
    """
    if not folder.is_dir():
        raise RefusedError("kdd pack", [Problem("FOLDER", f"{str(folder)!r} is no folder", "name the folder to pack")])
    if output.is_dir() or not output.parent.is_dir():
        what = f"{str(output)!r} cannot be written"
        raise RefusedError("kdd pack", [Problem("--output", what, "name a file in a folder that is there")])
    if output.resolve().is_relative_to(folder.resolve()):
        what = f"{str(output)!r} lies inside the folder that is packed"
        raise RefusedError("kdd pack", [Problem("--output", what, "name a file outside of it")])
    packed = packages.pack(folder)
    found = [*packages.package_problems(packages.read(packed)), *_not_executable(folder)]
    wrong = [problem for problem in found if OWN_RULES[problem.rule].level == "error"]
    if wrong:
        raise RefusedError("kdd pack", wrong)
    for problem in found:
        typer.echo(f"kdd: pack: warning: {problem}", err=True)
    output.write_bytes(packed)
    typer.echo(f"{output}: {output.stat().st_size} bytes")


def _not_executable(folder: Path) -> Iterator[Problem]:
    """Yield the start script that nobody may execute: in the archive it can be, in the folder it is a mistake."""
    for script in (folder / packages.START_SCRIPT, *sorted(folder.glob(f"*/{packages.START_SCRIPT}"))):
        if script.is_file() and not script.stat().st_mode & 0o100:
            what = "is not executable, and is packed as if it were"
            yield Problem(str(script), what, f"run chmod +x {script}", "CK-P-04")
