"""Who refers to what: a change of an app or of the configuration finds the roots that it concerns.

Layer: shell.
"""

from collections.abc import Iterable

from kdlib.kube import Identity
from kdlib.wire import Ref

__all__ = ["References"]


class References:
    """The references of roots, by what they point at."""

    def __init__(self) -> None:
        self._targets: dict[Identity, tuple[Ref, ...]] = {}
        self._sources: dict[Ref, dict[Identity, None]] = {}

    def set(self, source: Identity, targets: Iterable[Ref]) -> None:
        """Take what a root refers to now, instead of what it referred to."""
        fresh = tuple(dict.fromkeys(targets))
        if fresh == self._targets.get(source, ()):
            return
        for ref in self._targets.pop(source, ()):
            holders = self._sources[ref]
            del holders[source]
            if not holders:
                del self._sources[ref]
        if fresh:
            self._targets[source] = fresh
        for ref in fresh:
            self._sources.setdefault(ref, {})[source] = None

    def to(self, target: Ref) -> tuple[Identity, ...]:
        """Return the roots that refer to an object."""
        return tuple(self._sources.get(target, ()))

    def __contains__(self, target: Ref) -> bool:
        """Tell whether any root refers to an object."""
        return target in self._sources

    def of(self, source: Identity) -> tuple[Ref, ...]:
        """Return what a root refers to."""
        return self._targets.get(source, ())
