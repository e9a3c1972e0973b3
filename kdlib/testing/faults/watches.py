"""What can befall a watch, and servers that are behind.

Layer: shell.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace

from kdlib.errors import UnreachableError, api_error
from kdlib.frozen import dig
from kdlib.testing.faults.life import ProcessLife
from kdlib.testing.faults.points import Channel
from kdlib.testing.faults.schedule import Schedule
from kdlib.wire import Request, WatchEvent

__all__ = ["Replicas", "events_of"]

_DELAY_SECONDS = 20.0
_BEHIND_SECONDS = 15.0
_BEHIND_EVENTS = 4
"""By how many events of a collection a server is behind, and how many are told once more."""


@dataclass
class _Collection:
    """What was told of one collection: the versions of its last list and events, oldest first."""

    versions: deque[str] = field(default_factory=lambda: deque(maxlen=_BEHIND_EVENTS + 1))
    events: deque[WatchEvent] = field(default_factory=lambda: deque(maxlen=_BEHIND_EVENTS))
    is_behind: bool = False
    opens_after_seconds: float = 0.0


class Replicas:
    """The servers behind one address: the next list may come from one that is behind, the next watch may come late."""

    def __init__(self) -> None:
        self._collections: dict[tuple[str, ...], _Collection] = {}

    def redirected(self, request: Request) -> Request:
        """Return the list request as the server in charge answers it: at an older version where that one is behind."""
        collection = self._of(request)
        if not collection.is_behind:
            return request
        collection.is_behind = False
        older = {"resourceVersion": collection.versions[0], "resourceVersionMatch": "Exact"}
        return replace(request, query={**request.query, **older})

    def opens_after_seconds(self, request: Request) -> float:
        """Return how long the next watch takes to open, once."""
        collection = self._of(request)
        seconds, collection.opens_after_seconds = collection.opens_after_seconds, 0.0
        if not collection.versions:
            collection.versions.append(request.query.get("resourceVersion", ""))
        return seconds

    def fall_behind(self, request: Request | None = None) -> None:
        """Let the next list of the collection come from a server that is behind; None for all collections."""
        for collection in self._collections.values() if request is None else [self._of(request)]:
            collection.is_behind = bool(collection.versions)
            collection.opens_after_seconds = _BEHIND_SECONDS

    def hold(self, request: Request) -> None:
        """Let the next watch of the collection open late."""
        self._of(request).opens_after_seconds = _BEHIND_SECONDS

    def record(self, request: Request, event: WatchEvent) -> None:
        """Take note of an event that was told."""
        collection = self._of(request)
        version = str(dig(event.object, "metadata", "resourceVersion", default=""))
        if event.type != "ERROR" and version:
            collection.versions.append(version)
        if event.type in {"ADDED", "MODIFIED", "DELETED"}:
            collection.events.append(event)

    def earlier(self, request: Request) -> tuple[WatchEvent, ...]:
        """Return the last events told of the collection, oldest first."""
        return tuple(self._of(request).events)

    def _of(self, request: Request) -> _Collection:
        key = (request.path, *(request.query.get(name, "") for name in ("labelSelector", "fieldSelector")))
        return self._collections.setdefault(key, _Collection())


async def events_of(
    events: AsyncIterator[WatchEvent], request: Request, schedule: Schedule, *, life: ProcessLife, replicas: Replicas
) -> AsyncGenerator[WatchEvent]:
    """Yield the events of a watch, with what befalls it."""
    async for event in events:
        await life.check()
        kind = "" if event.type == "BOOKMARK" else schedule.at(Channel.WATCH, _words(event))
        if kind in {"gone", "missed", "travel", "broken"}:
            yield _error(kind, request, replicas)
        if kind in {"gone", "missed", "travel", "broken", "ended"}:
            return
        await _before(kind, request, life, replicas)
        for again in _repeated(kind, event, replicas.earlier(request)):
            yield again
        replicas.record(request, event)
        yield event
        if kind == "killed-after":
            await life.die()
        if kind == "cut-after":
            raise UnreachableError("the watch was cut")


async def _before(kind: str, request: Request, life: ProcessLife, replicas: Replicas) -> None:
    """Let happen what strikes before the event is told."""
    match kind:
        case "killed-travel":
            replicas.fall_behind()
            await life.die()
        case "killed-before":
            await life.die()
        case "cut":
            raise UnreachableError("the watch was cut")
        case "silent":
            await asyncio.sleep(request.timeout_seconds)
            raise UnreachableError(f"the watch was silent for {request.timeout_seconds:g} s")
        case "delayed":
            await asyncio.sleep(_DELAY_SECONDS)
            await life.check()


def _repeated(kind: str, event: WatchEvent, earlier: tuple[WatchEvent, ...]) -> tuple[WatchEvent, ...]:
    match kind:
        case "doubled":
            return (event,)
        case "stale":
            return earlier
        case _:
            return ()


def _error(kind: str, request: Request, replicas: Replicas) -> WatchEvent:
    if kind == "broken":
        return WatchEvent("ERROR", api_error(500, "InternalError", "the server is broken").status)
    if kind == "missed":
        replicas.hold(request)
    if kind == "travel":
        replicas.fall_behind(request)
    return WatchEvent("ERROR", api_error(410, "Expired", "too old resource version").status)


def _words(event: WatchEvent) -> str:
    return f"{event.type} {event.object.get('kind')} {dig(event.object, 'metadata', 'name')}"
