"""WorkQueue: keys that wait for a worker: each once, none twice at a time, failures later and later.

Layer: shell.
"""

import asyncio
import random
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from kdlib.kube import Backoff
from kdlib.runtime.observer import SILENT, Observer

__all__ = ["WorkQueue"]

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to be worked on.

    Guarantees: a key that waits already is not added again; a key is never given to two workers at once; one that is
    added while it is worked on is given once more afterwards; keys are given in the order in which they came.
    Assumes: one event loop; each key from `get` is followed by `done`.
    """

    def __init__(
        self,
        *,
        backoff: Backoff | None = None,
        dice: Callable[[], float] = random.random,
        observer: Observer = SILENT,
    ) -> None:
        self._backoff = backoff or Backoff()
        self._observer = observer
        self._dice = dice
        self._ready: asyncio.Queue[K | None] = asyncio.Queue()
        self._waiting: set[K] = set()
        self._worked: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._rests: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._failed: set[K] = set()
        self._closed = False

    def __len__(self) -> int:
        """Return how many keys wait, those for later not counted."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Tell whether no key waits, is worked on, or is due later."""
        return not (self._waiting or self._worked or self._timers)

    def add(self, key: K) -> None:
        """Let the key be worked on as soon as a worker is free."""
        if self._closed or key in self._waiting:
            return
        self._waiting.add(key)
        self._observer.added(key)
        if key not in self._worked:
            self._ready.put_nowait(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Let the key be worked on after so many seconds, unless it is due earlier anyway."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        known = self._timers.get(key)
        if known is not None and known.when() <= loop.time() + seconds:
            return
        if known is not None:
            known.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def retry(self, key: K, *, at_least_seconds: float = 0.0) -> float:
        """Let the key be worked on again after a failure, later with each in a row; return the delay in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = max(self._backoff.delay_seconds(failures, self._dice), at_least_seconds)
        self._failed.add(key)
        self._observer.retried(key)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: K) -> None:
        """Forget the key's failures."""
        self._failures.pop(key, None)

    async def get(self) -> K | None:
        """Wait for a key and take it; None once the queue is closed."""
        key = await self._ready.get()
        if key is None or self._closed:
            self._ready.put_nowait(None)
            return None
        self._waiting.discard(key)
        self._worked.add(key)
        self._observer.taken(key)
        # What the key was due for later is looked at now.
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        return key

    def done(self, key: K, *, rest_seconds: float = 0.0) -> None:
        """Tell that the work on a key from `get` is over; it is not given again before it had its rest."""
        self._observer.ended(key, "error" if key in self._failed else "success")
        self._failed.discard(key)
        if rest_seconds > 0 and not self._closed:
            self._rests[key] = asyncio.get_running_loop().call_later(rest_seconds, self._rested, key)
        else:
            self._rested(key)

    def close(self) -> None:
        """Take and give no further keys."""
        self._closed = True
        for timer in (*self._timers.values(), *self._rests.values()):
            timer.cancel()
        self._timers.clear()
        self._rests.clear()
        self._waiting.clear()
        self._observer.gave_up()
        self._ready.put_nowait(None)

    def _rested(self, key: K) -> None:
        self._rests.pop(key, None)
        self._worked.discard(key)
        if key in self._waiting and not self._closed:
            self._ready.put_nowait(key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)
