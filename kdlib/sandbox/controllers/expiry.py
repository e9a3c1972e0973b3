"""Events go an hour after they were last told.

Source: the API server's flag `--event-ttl`,
https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/.

Layer: shell.
"""

from collections.abc import Iterator
from datetime import datetime

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.pods import moment
from kdlib.sandbox.controllers.queue import Queue

__all__ = ["EventExpiry"]

_LIFE_SECONDS = 3600.0


class EventExpiry:
    """Deletes old events, each at its own time: one timer for each event, and nothing in between."""

    name = "expiry"
    watches = frozenset({("v1", "Event")})

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk = desk
        self._queue = queue

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the UID of a new event."""
        if event == "ADDED" and old is None:
            yield obj["metadata"]["uid"]

    def sync(self, key: str) -> int:
        """Look at one event: delete it, or come back when its hour is over."""
        obj = self._desk.index.by_uid(key)
        if obj is None:
            return 0
        age = (self._desk.now() - _last_told(obj)).total_seconds()
        if age < _LIFE_SECONDS:
            # A second more, since events tell their time in whole seconds.
            self._queue.add_after((self.name, key), _LIFE_SECONDS - age + 1)
        else:
            self._desk.delete(obj)
        return 1


def _last_told(event: Json) -> datetime:
    times = (
        dig(event, "series", "lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"]["creationTimestamp"],
    )
    return max(found for each in times if (found := moment(each)) is not None)
