"""Rounds: one object after the other is looked at whenever something changed that bears on it, for ever.

Layer: shell.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from kdlib.errors import ApiError, WorldError
from kdlib.kube import Api, Backoff, Cache, Identity, Reflector, ReflectorSettings, Selection
from kdlib.runtime.containment import contained
from kdlib.runtime.queue import WorkQueue
from kdlib.wire import Kind, Ref

__all__ = ["Look", "RoundSettings", "Rounds"]

_log = logging.getLogger(__name__)

Look = Callable[[Ref], Awaitable[None]]
"""Looks at one object, and does what is to be done; raises WorldError where it has to be tried again."""


@dataclass(frozen=True, slots=True)
class RoundSettings:
    """Limits of rounds: the back-off after failures, how long changes gather, and the watches."""

    backoff: Backoff = field(default_factory=lambda: Backoff(0.1, 60.0))
    gather_seconds: float = 0.01
    watches: ReflectorSettings = field(default_factory=ReflectorSettings)


class Rounds:
    """Looks at the objects of one kind that it is told of, as often as it is told.

    Guarantees: none is looked at before all caches are filled and this process may write, nor twice at once; one that
    fails is tried again, later and later, and stops no other.
    """

    def __init__(self, api: Api, kind: Kind, look: Look, *, settings: RoundSettings | None = None) -> None:
        self._api = api
        self._kind = kind
        self._look = look
        self._settings = settings or RoundSettings()
        self._queue: WorkQueue[Identity] = WorkQueue(backoff=self._settings.backoff)

    async def run(self, *caches: tuple[Kind, Cache]) -> None:
        """Fill the caches, and look at objects, until cancelled."""
        watches = self._settings.watches
        async with anyio.create_task_group() as group:
            for kind, cache in caches:
                group.start_soon(Reflector(self._api, Selection(kind), cache, optional=True, settings=watches).run)
            for _, cache in caches:
                await cache.synced.wait()
            await self._api.gate.opened()
            while (key := await self._queue.get()) is not None:
                try:
                    await self._look_at(key)
                finally:
                    self._queue.done(key)

    def soon(self, key: Identity, *, after_seconds: float | None = None) -> None:
        """Have the object looked at, at once but for what gathers in a moment, or after so many seconds."""
        self._queue.add_after(key, self._settings.gather_seconds if after_seconds is None else after_seconds)

    async def _look_at(self, key: Identity) -> None:
        ref = Ref(self._kind, *key)
        result = await contained(str(ref), lambda: self._look(ref))
        match result:
            case WorldError():
                asked = result.retry_after_seconds if isinstance(result, ApiError) else 0
                self._queue.retry(key, at_least_seconds=asked)
                _log.debug("%s: will be tried again: %s", ref, result)
            case _:
                self._queue.succeeded(key)
