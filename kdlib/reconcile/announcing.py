"""Announcing: Events for people, each once, best effort: no pass fails because nobody could be told.

See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.

Layer: shell.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable

from kdlib.errors import AlreadyExistsError, WorldError
from kdlib.frozen import Json
from kdlib.kube import Api

__all__ = ["Announcer"]

_log = logging.getLogger(__name__)
_REMEMBERED = 4096


class Announcer:
    """Creates Events; one of a name that was announced before is not sent again."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def announce(self, events: Iterable[Json]) -> None:
        """Create the Events in order; what cannot be announced is logged."""
        for event in events:
            key = (event["metadata"].get("namespace", ""), event["metadata"]["name"])
            if key in self._known:
                continue
            self._known[key] = None
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            try:
                await self._api.create(event)
            except AlreadyExistsError:
                continue
            except WorldError as error:
                _log.warning("event %r of %s could not be announced: %s", event.get("reason"), key, error)
