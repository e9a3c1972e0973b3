"""Where the shipped data is: the catalogue and the schemas, in a wheel beside kdlib, in a clone at its top.

Layer: shell.
"""

from pathlib import Path

import kdlib

__all__ = ["catalog", "examples", "relative", "schemas"]


def _shipped(name: str) -> Path:
    package = Path(kdlib.__file__).parent
    inside = package / "_data" / name
    return inside if inside.is_dir() else package.parent / name


def catalog(app: str) -> Path:
    """Return the folder of one app of the catalogue."""
    return _shipped("catalog") / app


def schemas() -> tuple[Path, ...]:
    """Return the files of the CustomResourceDefinitions, sorted."""
    return tuple(sorted(_shipped("schemas").glob("*.yaml")))


def examples(name: str) -> Path:
    """Return one example manifest."""
    return _shipped("examples") / name


def relative(path: Path) -> Path:
    """Return the path as one types it in the present folder, whole where it lies elsewhere."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
