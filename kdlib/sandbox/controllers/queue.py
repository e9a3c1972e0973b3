"""One queue for all controllers: each key once, in slices of the event loop, again after errors, silent at rest.

Layer: shell.
"""

import asyncio
from collections.abc import Callable
from itertools import islice

from kdlib.errors import ApiError, ConflictError

__all__ = ["Item", "Queue"]

Item = tuple[str, str]
"""A controller's name and the key of what it shall look at."""

_SLICE = 8
"""Keys worked on before the event loop gets its turn."""
_REST_SECONDS = 0.001
"""A key rests at least so long after each look, so that work which undoes itself cannot stop the event loop."""
_SECONDS_PER_OBJECT = 0.000005
"""A key whose work looked at n objects rests n times this, so that a large set cannot eat the processor."""
_FIRST_RETRY_SECONDS = 0.005
_LAST_RETRY_SECONDS = 30.0


class Queue:
    """Runs `work(item)` for each added item on the event loop.

    `work` returns how many objects it looked at. An item that is added while it waits is worked on once. After a
    refusal by the store the item comes again with exponential back-off; after a conflict at once, a few times.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[Item], int]) -> None:
        self._loop = loop
        self._work = work
        self._ready: dict[Item, None] = {}
        self._resting: dict[Item, asyncio.TimerHandle] = {}
        self._delayed: dict[Item, asyncio.TimerHandle] = {}
        self._again: set[Item] = set()
        self._failures: dict[Item, int] = {}
        self._turn: asyncio.Handle | None = None
        self._closed = False

    @property
    def idle(self) -> bool:
        """Tell whether nothing is to be done now; work that waits for its time may be left."""
        return not self._ready and not self._again

    def add(self, item: Item) -> None:
        """Have the item worked on soon."""
        if self._closed:
            return
        if item in self._resting:
            self._again.add(item)
            return
        self._ready[item] = None
        if self._turn is None:
            self._turn = self._loop.call_soon(self._run)

    def add_after(self, item: Item, seconds: float) -> None:
        """Have the item worked on after some seconds, or earlier where it was asked for earlier."""
        if self._closed:
            return
        when = self._loop.time() + seconds
        waiting = self._delayed.get(item)
        if waiting is not None:
            if waiting.when() <= when:
                return
            waiting.cancel()
        self._delayed[item] = self._loop.call_at(when, self._due, item)

    def close(self) -> None:
        """Drop everything; nothing runs afterwards."""
        self._closed = True
        if self._turn is not None:
            self._turn.cancel()
        for handle in (*self._resting.values(), *self._delayed.values()):
            handle.cancel()
        for left in (self._ready, self._resting, self._delayed, self._again, self._failures):
            left.clear()

    def _due(self, item: Item) -> None:
        del self._delayed[item]
        self.add(item)

    def _run(self) -> None:
        self._turn = None
        try:
            for item in list(islice(self._ready, _SLICE)):
                del self._ready[item]
                self._attempt(item)
        finally:
            # A defect in one controller is loud (the loop reports it) but must not silence the others.
            if self._ready and not self._closed:
                self._turn = self._loop.call_soon(self._run)

    def _attempt(self, item: Item) -> None:
        try:
            looked_at = self._work(item)
        except ApiError as error:
            self._retry(item, error)
            return
        self._failures.pop(item, None)
        self._rest(item, max(_REST_SECONDS, looked_at * _SECONDS_PER_OBJECT))

    def _rest(self, item: Item, seconds: float) -> None:
        if self._closed:
            return
        if item in self._ready:
            del self._ready[item]
            self._again.add(item)
        self._resting[item] = self._loop.call_later(seconds, self._rested, item)

    def _rested(self, item: Item) -> None:
        del self._resting[item]
        if item in self._again:
            self._again.remove(item)
            self.add(item)

    def _retry(self, item: Item, error: ApiError) -> None:
        count = self._failures[item] = self._failures.get(item, 0) + 1
        if isinstance(error, ConflictError) and count <= 3:
            self._again.add(item)
            self._rest(item, _REST_SECONDS)
            return
        self._ready.pop(item, None)
        self._rest(item, _REST_SECONDS)
        self.add_after(item, min(_FIRST_RETRY_SECONDS * 2 ** min(count, 20), _LAST_RETRY_SECONDS))
