"""Expectations: no pass over a root until the caches show what the last one wrote.

A pass that ran on older caches would decide once more what is decided already. What the caches never show (a write
that another one overtook, an object that no selector finds) is given up after a time limit, and with a restart the
expectations are gone: both are safe, since the next pass compares the world with what is wanted anyway.

Layer: shell.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from kdlib.kube import Cache, Singles
from kdlib.reconcile import Ended, Written
from kdlib.wire import Kind

__all__ = ["Expectations"]

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Awaited:
    facts: tuple[Written | Ended, ...]
    until: float


class Expectations(Generic[K]):
    """What the caches have to show before the next pass over each key; those of `singles` are of one object each."""

    def __init__(
        self,
        caches: Mapping[Kind, Cache],
        *,
        limit_seconds: float,
        time: Callable[[], float],
        singles: Singles | None = None,
    ) -> None:
        self._caches = caches
        self._singles = singles
        self._limit_seconds = limit_seconds
        self._time = time
        self._awaited: dict[K, _Awaited] = {}

    def expect(self, key: K, facts: Iterable[Written | Ended]) -> None:
        """Await these writes and deletions, and those awaited before."""
        known = self._awaited.get(key)
        unmet = (*(known.facts if known else ()), *facts)
        unmet = tuple(fact for fact in unmet if not self._is_met(fact))
        if unmet:
            self._awaited[key] = _Awaited(unmet, self._time() + self._limit_seconds)
        else:
            self._awaited.pop(key, None)

    def remaining_seconds(self, key: K) -> float:
        """Return how long the key has to wait at most; 0 when everything is met or the time is over."""
        awaited = self._awaited.get(key)
        if awaited is None:
            return 0.0
        remaining = awaited.until - self._time()
        if remaining <= 0 or all(map(self._is_met, awaited.facts)):
            del self._awaited[key]
            return 0.0
        return remaining

    def forget(self, key: K) -> None:
        """Await nothing for the key."""
        self._awaited.pop(key, None)

    def _is_met(self, fact: Written | Ended) -> bool:
        cache = self._caches.get(fact.ref.kind)
        if cache is None and self._singles is not None:
            cache = self._singles.cache(fact.ref)
        if cache is None:
            return True
        match fact:
            case Written(ref, uid, resource_version):
                return cache.has_seen(ref, uid, resource_version)
            case Ended(ref, uid):
                return cache.has_seen_end(ref, uid)
