"""What a controller works with: the index to read from, the store to write to, and the events that it tells.

Layer: shell.
"""

from collections import OrderedDict
from datetime import datetime

from kdlib.errors import ApiError, NotFoundError
from kdlib.frozen import Json
from kdlib.sandbox.controllers.index import Index
from kdlib.sandbox.controllers.kinds import EVENT_V1
from kdlib.sandbox.controllers.objects import kind_of, timestamp
from kdlib.sandbox.store import Registry

__all__ = ["Desk"]

_MANAGER = "kube-controller-manager"


class Desk:
    """Reads and writes for all controllers, and remembers which events were told already."""

    _REMEMBERED_EVENTS = 4096

    def __init__(self, registry: Registry, index: Index) -> None:
        self.registry = registry
        self.index = index
        self._told: OrderedDict[tuple[str, ...], Json] = OrderedDict()
        self._number = 0

    def now(self) -> datetime:
        """Return the store's time."""
        return self.registry.now()

    def create(self, obj: Json) -> Json:
        """Store a new object."""
        return self.registry.create(obj, manager=_MANAGER)

    def update(self, obj: Json) -> Json:
        """Replace an object; its resourceVersion guards against a write in between."""
        return self.registry.update(obj, manager=_MANAGER)

    def update_metadata(self, obj: Json, **changes: object) -> Json:
        """Replace fields of an object's metadata; None removes one."""
        metadata = {**obj["metadata"], **changes}
        changed = {**obj, "metadata": {key: value for key, value in metadata.items() if value is not None}}
        return self.registry.update(changed, manager=_MANAGER)

    def update_status(self, obj: Json, status: Json) -> Json:
        """Replace an object's status."""
        return self.registry.update({**obj, "status": status}, "status", manager=_MANAGER)

    def bind(self, pod: Json, node: str) -> Json:
        """Give the pod its node, as the binding subresource does."""
        return self.registry.bind(pod["metadata"]["namespace"], pod["metadata"]["name"], node)

    def delete(self, obj: Json, *, grace_seconds: int | None = None, propagation: str = "Background") -> None:
        """Delete this very object, or begin to; that it is gone already is as good."""
        metadata = obj["metadata"]
        try:
            self.registry.delete(
                kind_of(obj),
                metadata.get("namespace", ""),
                metadata["name"],
                uid=metadata["uid"],
                grace_seconds=grace_seconds,
                propagation=propagation,
            )
        except NotFoundError:
            return

    def tell(self, subject: Json, source: str, reason: str, message: str, *, warning: bool = False) -> None:
        """Record an Event about an object; the same word said again counts up.

        Refusals are left alone, as on a real cluster: an event is never worth stopping for.
        """
        key = (subject["metadata"].get("uid", ""), source, reason, message)
        try:
            self._told[key] = self._counted(key) or self._new_event(subject, key, warning=warning)
        except ApiError:
            self._told.pop(key, None)
            return
        self._told.move_to_end(key)
        if len(self._told) > self._REMEMBERED_EVENTS:
            self._told.popitem(last=False)

    def _counted(self, key: tuple[str, ...]) -> Json | None:
        told = self._told.get(key)
        live = told and self.index.by_uid(told["metadata"]["uid"])
        if not live:
            return None
        return self.registry.update({**live, "count": live.get("count", 1) + 1, "lastTimestamp": timestamp(self.now())})

    def _new_event(self, subject: Json, key: tuple[str, ...], *, warning: bool) -> Json:
        _, source, reason, message = key
        metadata = subject["metadata"]
        namespace = metadata.get("namespace", "")
        self._number += 1
        suffix = f"{int(self.now().timestamp() * 1_000_000):x}{self._number & 0xFFF:03x}"
        involved = {
            "kind": subject["kind"],
            "namespace": namespace,
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
            "apiVersion": subject["apiVersion"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        when = timestamp(self.now())
        return self.registry.create(
            {
                "apiVersion": EVENT_V1.api_version,
                "kind": EVENT_V1.name,
                "metadata": {"name": f"{metadata['name']}.{suffix}", "namespace": namespace or "default"},
                "involvedObject": {key: value for key, value in involved.items() if value},
                "reason": reason,
                "message": message,
                "source": {"component": source},
                "firstTimestamp": when,
                "lastTimestamp": when,
                "count": 1,
                "type": "Warning" if warning else "Normal",
                "eventTime": None,
                "reportingComponent": source,
                "reportingInstance": "",
            }
        )
