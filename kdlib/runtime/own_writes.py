"""Own writes: what this process wrote last of each object, until a cache shows it; so nothing is written twice.

Layer: shell.
"""

from kdlib.kube import Cache
from kdlib.wire import Ref

__all__ = ["OwnWrites"]


class OwnWrites:
    """Remembers the last write to each object that is followed in a cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._written: dict[Ref, tuple[str, str]] = {}

    def note(self, ref: Ref, uid: str, resource_version: str) -> None:
        """Remember the state that a write gave the object."""
        self._written[ref] = (uid, resource_version)

    def are_awaited(self, ref: Ref) -> bool:
        """Tell whether the cache is behind what was written of the object."""
        return ref in self._written and not self._cache.has_seen(ref, *self._written[ref])

    def forget(self, ref: Ref) -> None:
        """Drop what is remembered of an object that is gone."""
        self._written.pop(ref, None)
