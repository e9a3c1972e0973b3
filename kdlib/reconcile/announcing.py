"""Announcing: Events for people, each once, best effort: no pass waits for them or fails because of them.

See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.

Layer: shell.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable

from kdlib.errors import AlreadyExistsError, ApiError, UnreachableError, WorldError
from kdlib.frozen import Json, dig
from kdlib.kube import Api

__all__ = ["Announcer"]

_log = logging.getLogger(__name__)
_REMEMBERED = 4096
_WAITING = 1024


class Announcer:
    """Creates Events in the order in which they came.

    Guarantees: one of a name that was announced before is not sent again; when the API server is slower than we are,
    the newest are dropped, and that is logged. What keeps Events from being announced is logged once until it changes.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._waiting: asyncio.Queue[Json] = asyncio.Queue(_WAITING)
        self._told = ""

    def announce(self, events: Iterable[Json]) -> None:
        """Have the Events created by and by."""
        for event in events:
            key = _key(event)
            if key in self._known:
                continue
            self._known[key] = None
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            try:
                self._waiting.put_nowait(event)
            except asyncio.QueueFull:
                self._tell(event, "too many wait")

    async def run(self) -> None:
        """Create Events until cancelled."""
        while True:
            await self._create(await self._waiting.get())

    async def flush(self) -> None:
        """Create what waits; the caller bounds the time."""
        while not self._waiting.empty():
            await self._create(self._waiting.get_nowait())

    async def _create(self, event: Json) -> None:
        try:
            await self._api.create(event)
        except AlreadyExistsError:
            self._told = ""
        except WorldError as error:
            if not _is_ending(error):
                self._tell(event, error.cause if isinstance(error, UnreachableError) and error.cause else str(error))
        else:
            self._told = ""

    def _tell(self, event: Json, why: str) -> None:
        """Log that an Event is lost, unless the one before was lost for the same reason."""
        level = logging.DEBUG if why == self._told else logging.WARNING
        self._told = why
        _log.log(level, "event %r of %s is not announced: %s", event.get("reason"), _key(event), why)


def _is_ending(error: WorldError) -> bool:
    """Tell whether the Event's namespace is on its way out, and takes no more objects."""
    causes = dig(error.status, "details", "causes", default=[]) if isinstance(error, ApiError) else []
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _key(event: Json) -> tuple[str, str]:
    return event["metadata"].get("namespace", ""), event["metadata"]["name"]
