"""Which files a check reads: those that are named, and manifests and setup packages in folders that are named.

Folders are walked in the order of names; hidden ones, and those behind symbolic links, are left out, so no loop is
possible; so are the templates of Helm charts, which are no manifests yet. What is neither a file nor a folder (a pipe,
a device) is never opened.

Layer: pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kdlib.offline.finding import Finding, plain_text
from kdlib.packages import MANIFEST_SUFFIXES, START_SCRIPT

__all__ = ["MOST_FILES", "Source", "sources"]

MOST_FILES = 10_000
"""Most files and folders that are looked at in one check."""

_ARCHIVES = (".tgz", ".tar.gz", ".tar")
_WALKED = (*MANIFEST_SUFFIXES, ".tgz")
"""How the names of files in folders end that are read; the URL of a package ends in .tgz."""

_CHECK_IT = "check the path and its permissions"


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read; `is_named` where the user named it."""

    path: Path
    kind: Literal["manifest", "archive", "folder"]
    is_named: bool

    @property
    def name(self) -> str:
        """Return the path as it is shown."""
        return plain_text(self.path.as_posix())


class _Walk:
    """One walk over the named paths; what it met counts against the bound, and nothing is met twice."""

    def __init__(self) -> None:
        self._met: set[Path] = set()

    def over(self, path: Path) -> Iterator[Source | Finding]:
        """Yield what there is to read at a path and below it."""
        todo = [path]
        is_empty = True
        while todo and len(self._met) < MOST_FILES:
            item = todo.pop()
            try:
                found, inner = self._visited(item, is_named=item is path)
            except (OSError, ValueError, RuntimeError) as error:
                found, inner = [_unreadable(item, f"cannot be read: {getattr(error, 'strerror', None) or error}")], []
            yield from found or ()
            is_empty = is_empty and found == []
            todo += reversed(inner)
        if is_empty:
            what, remedy = (
                "holds no manifest and no setup package",
                "name a folder with .yaml, .yml, .json or .tgz files",
            )
            yield Finding(plain_text(path.as_posix()), 1, "", "", what, remedy, "warning", "CK-F-06")
        if todo:
            what = f"holds more than {MOST_FILES} files and folders, of which the rest was not read"
            yield Finding(plain_text(path.as_posix()), 1, "", "", what, "name fewer folders", "error", "CK-F-05")

    def _visited(self, item: Path, *, is_named: bool) -> tuple[list[Source | Finding] | None, list[Path]]:
        """Return what a path is, and what is to be visited below it; None for what was met before."""
        if not self._is_new(item):
            return None, []
        found: list[Source | Finding] = list(_taken(item, is_named=is_named))
        if found:
            return found, []
        if item.is_dir():
            left_out = "templates" if (item / "Chart.yaml").is_file() else ""
            return [], [inner for inner in sorted(item.iterdir()) if inner.name != left_out and _is_walked(inner)]
        return ([_unreadable(item, "is neither a file nor a folder")] if is_named else []), []

    def _is_new(self, item: Path) -> bool:
        real = item.resolve(strict=True)
        is_new = real not in self._met
        self._met.add(real)
        return is_new


def sources(paths: Iterable[str | Path]) -> Iterator[Source | Finding]:
    """Yield what there is to read below the paths, in order, and a finding for what cannot be read."""
    walk = _Walk()
    for path in paths:
        yield from walk.over(Path(path))


def _taken(item: Path, *, is_named: bool) -> Iterator[Source]:
    """Yield the source that a path is; a folder that is none is walked."""
    if item.is_dir():
        if (item / START_SCRIPT).is_file():
            yield Source(item, "folder", is_named)
    elif item.is_file():
        if item.name.endswith(_ARCHIVES):
            yield Source(item, "archive", is_named)
        elif is_named or item.suffix in MANIFEST_SUFFIXES:
            yield Source(item, "manifest", is_named)


def _is_walked(inner: Path) -> bool:
    if inner.name.startswith(".") or (inner.is_symlink() and inner.is_dir()):
        return False
    return inner.is_dir() or inner.name.endswith(_WALKED)


def _unreadable(item: Path, what: str) -> Finding:
    return Finding(plain_text(item.as_posix()), 1, "", "", what, _CHECK_IT, "error", "CK-F-01")
