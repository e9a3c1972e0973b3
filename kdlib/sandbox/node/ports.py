"""What the node asks of the cluster's store, and the kinds that it reads and writes beyond those that `wire` names.

Layer: pure.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from kdlib.frozen import Json
from kdlib.wire import Kind

__all__ = ["ENDPOINT_SLICE", "EVENT_V1", "NODE", "PERSISTENT_VOLUME", "Registry"]

NODE = Kind("v1", "Node", namespaced=False)
EVENT_V1 = Kind("v1", "Event")
PERSISTENT_VOLUME = Kind("v1", "PersistentVolume", namespaced=False)
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice")


class Registry(Protocol):
    """The part of the store that the node uses: synchronous verbs, and a word after each commit.

    Objects are never changed in place. Every verb raises the ApiError that a client would get.
    """

    def now(self) -> datetime:
        """Return the time, with its zone."""

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return one object."""

    def list(self, kind: Kind, namespace: str = "") -> list[Json]:
        """Return the objects of a kind."""

    def create(self, obj: Json) -> Json:
        """Store a new object, and return it as stored."""

    def update(self, obj: Json, subresource: str = "") -> Json:
        """Replace an object, or the part of it that is its subresource; a resourceVersion in it must be the newest."""

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace_seconds: int | None = None,
    ) -> Json:
        """Delete an object, or begin to."""

    def subscribe(self, callback: Callable[[str, Json], None]) -> Callable[[], None]:
        """Have every commit told as ADDED, MODIFIED or DELETED with the object; the answer ends it."""
