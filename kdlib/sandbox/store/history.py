"""The log of changes: what a watch is fed from, and how a list at an earlier version is made.

Layer: pure.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kdlib.frozen import Json

__all__ = ["Change", "History", "Key"]

Key = tuple[str, str]
"""Namespace (empty for a kind without any) and name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write: `old` is None for a create, `new` for a deletion.

    `gone` is the last state of a deleted object, under the version of its deletion.
    """

    version: int
    storage: str
    key: Key
    old: Json | None
    new: Json | None
    gone: Json | None = None


class History:
    """The latest changes of one storage, oldest first; `floor` is the oldest version from which all are known."""

    def __init__(self, limit: int, floor: int) -> None:
        self._changes: deque[Change] = deque()
        self._limit = limit
        self.floor = floor

    def add(self, change: Change) -> None:
        """Take in a change, and forget the oldest one where there are too many."""
        self._changes.append(change)
        if len(self._changes) > self._limit:
            self.floor = self._changes.popleft().version

    def forget(self, version: int) -> None:
        """Forget the changes up to a version."""
        while self._changes and self._changes[0].version <= version:
            self._changes.popleft()
        self.floor = max(self.floor, version)

    def after(self, version: int) -> Iterator[Change]:
        """Yield the changes that came after a version, oldest first."""
        return iter([change for change in self._changes if change.version > version])

    def rewound(self, objects: Mapping[Key, Json], version: int) -> dict[Key, Json]:
        """Return what the storage held at a version, given what it holds now."""
        state = dict(objects)
        for change in reversed(self._changes):
            if change.version <= version:
                break
            if change.old is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.old
        return state
