"""Events that controllers tell: the same word counts up, similar ones are combined, and who says too much is cut short.

The limits are those of Kubernetes' own recorders.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.

Layer: shell.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar

from kdlib.errors import ApiError
from kdlib.frozen import Json
from kdlib.sandbox.controllers.index import Index
from kdlib.sandbox.controllers.objects import timestamp
from kdlib.sandbox.store import Registry

__all__ = ["Recorder", "Said"]

_SIMILAR = 10
"""Different messages of one reason about one object, before further ones are combined."""
_SIMILAR_SECONDS = 600.0
_BURST = 25
"""Events of one source about one object, before only one in 5 minutes is told."""
_REFILL_SECONDS = 300.0

_Key = tuple[str, ...]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Said:
    """One event, apart from its subject."""

    source: str
    reason: str
    message: str
    type: str
    action: str = ""
    """Set for an event in the newer form, which has one time of its own and tells repetitions as a series."""


class _Recent(OrderedDict[_Key, _Value], Generic[_Value]):
    """A mapping that forgets what was not set for longest."""

    _SIZE = 4096

    def remember(self, key: _Key, value: _Value) -> None:
        """Set a value, and forget the oldest where there are too many."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._SIZE:
            self.popitem(last=False)


@dataclass
class _Similar:
    at: float
    messages: set[str] = field(default_factory=set)


class Recorder:
    """Writes Events. A refusal is left alone: an event is never worth stopping for."""

    def __init__(self, registry: Registry, index: Index) -> None:
        self._registry = registry
        self._index = index
        self._told: _Recent[str] = _Recent()
        self._similar: _Recent[_Similar] = _Recent()
        self._left: _Recent[tuple[float, float]] = _Recent()
        self._number = 0

    def tell(self, subject: Json, said: Said) -> None:
        """Record an event about an object."""
        uid = subject["metadata"].get("uid", "")
        said, key = self._combined(uid, said)
        live = self._index.by_uid(self._told.get(key, ""))
        if not self._has_room((uid, said.source)):
            return
        try:
            stored = self._repeated(live, said) if live else self._first(subject, said)
        except ApiError:
            self._told.pop(key, None)
            return
        self._told.remember(key, stored["metadata"]["uid"])

    def _combined(self, uid: str, said: Said) -> tuple[Said, _Key]:
        """Return the event as it is to be told, and what tells it from others."""
        now = self._registry.now().timestamp()
        group = (uid, said.source, said.type, said.reason)
        similar = self._similar.get(group)
        if similar is None or now - similar.at > _SIMILAR_SECONDS:
            similar = _Similar(now)
        similar.at = now
        self._similar.remember(group, similar)
        if said.message in similar.messages or len(similar.messages) < _SIMILAR - 1:
            similar.messages.add(said.message)
            return said, (*group, said.message)
        return replace(said, message=f"(combined from similar events): {said.message}"), group

    def _has_room(self, key: _Key) -> bool:
        now = self._registry.now().timestamp()
        at, left = self._left.get(key, (now, float(_BURST)))
        left = min(float(_BURST), left + (now - at) / _REFILL_SECONDS)
        self._left.remember(key, (now, left - 1 if left >= 1 else left))
        return left >= 1

    def _repeated(self, live: Json, said: Said) -> Json:
        if said.action:
            count = (live.get("series") or {}).get("count", 1) + 1
            series = {"count": count, "lastObservedTime": _micro_time(self._registry.now())}
            return self._registry.update({**live, "series": series}, manager=said.source)
        changes = {"count": live.get("count", 1) + 1, "lastTimestamp": timestamp(self._registry.now())}
        return self._registry.update({**live, **changes, "message": said.message}, manager=said.source)

    def _first(self, subject: Json, said: Said) -> Json:
        metadata = subject["metadata"]
        namespace = metadata.get("namespace", "")
        self._number += 1
        suffix = f"{int(self._registry.now().timestamp() * 1_000_000):x}{self._number & 0xFFF:03x}"
        involved = {
            "kind": subject["kind"],
            "namespace": namespace,
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
            "apiVersion": subject["apiVersion"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{suffix}", "namespace": namespace or "default"},
            "involvedObject": {key: value for key, value in involved.items() if value},
            "reason": said.reason,
            "message": said.message,
            "type": said.type,
            "reportingComponent": said.source,
            **_times(said, self._registry.now()),
        }
        return self._registry.create(event, manager=said.source)


def _times(said: Said, now: datetime) -> Json:
    """Return when it happened and who says so, in the form of the event."""
    if said.action:
        instance = f"{said.source}-sandbox"
        return {"eventTime": _micro_time(now), "action": said.action, "reportingInstance": instance, "source": {}}
    when = timestamp(now)
    older = {"source": {"component": said.source}, "firstTimestamp": when, "lastTimestamp": when, "count": 1}
    return {**older, "eventTime": None, "reportingInstance": ""}


def _micro_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
