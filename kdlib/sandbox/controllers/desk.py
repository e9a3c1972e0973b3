"""What a controller works with: the index to read from, the store to write to, and the events that it tells.

Layer: shell.
"""

from datetime import datetime

from kdlib.errors import NotFoundError
from kdlib.frozen import Json
from kdlib.sandbox.controllers.events import Recorder, Said
from kdlib.sandbox.controllers.index import Index
from kdlib.sandbox.controllers.objects import kind_of
from kdlib.sandbox.store import Registry

__all__ = ["Desk"]

_MANAGER = "kube-controller-manager"


class Desk:
    """Reads and writes for all controllers."""

    def __init__(self, registry: Registry, index: Index) -> None:
        self.registry = registry
        self.index = index
        self._recorder = Recorder(registry, index)

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

    def tell(
        self, subject: Json, source: str, reason: str, message: str, *, warning: bool = False, action: str = ""
    ) -> None:
        """Record an Event about an object; with an action in the newer form, that of events.k8s.io."""
        self._recorder.tell(subject, Said(source, reason, message, "Warning" if warning else "Normal", action))
