"""Events about pods, as a kubelet records them: the same word said again counts up.

Layer: shell.
"""

from collections import OrderedDict

from kdlib.errors import ApiError
from kdlib.frozen import Json
from kdlib.sandbox.node.ports import EVENT_V1, Registry
from kdlib.sandbox.node.times import timestamp

__all__ = ["Events"]

_REMEMBERED = 4096


class Events:
    """Writes the Events of one node."""

    def __init__(self, registry: Registry, node: str) -> None:
        self._registry = registry
        self._node = node
        self._names: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._number = 0

    def tell(self, pod: Json, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record an Event about the pod (or another object), or a container; it is never worth stopping for."""
        key = (pod["metadata"]["uid"], container, reason, message)
        try:
            if not self._count(pod, key):
                self._names[key] = self._create(pod, key, warning=warning)
        except ApiError:
            return
        self._names.move_to_end(key)
        if len(self._names) > _REMEMBERED:
            self._names.popitem(last=False)

    def _count(self, pod: Json, key: tuple[str, ...]) -> bool:
        name = self._names.get(key)
        if name is None:
            return False
        try:
            told = self._registry.get(EVENT_V1, pod["metadata"]["namespace"], name)
        except ApiError:
            return False
        last = timestamp(self._registry.now())
        self._registry.update({**told, "count": told.get("count", 1) + 1, "lastTimestamp": last})
        return True

    def _create(self, pod: Json, key: tuple[str, ...], *, warning: bool) -> str:
        _, container, reason, message = key
        metadata, now = pod["metadata"], self._registry.now()
        self._number += 1
        name = f"{metadata['name']}.{int(now.timestamp() * 1_000_000):x}{self._number & 0xFFFF:04x}"
        involved = {
            "apiVersion": pod["apiVersion"],
            "kind": pod["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        if container:
            involved["fieldPath"] = f"spec.containers{{{container}}}"
        self._registry.create(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": metadata["namespace"]},
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "source": {"component": "kubelet", "host": self._node},
                "firstTimestamp": timestamp(now),
                "lastTimestamp": timestamp(now),
                "count": 1,
                "type": "Warning" if warning else "Normal",
                "eventTime": None,
                "reportingComponent": "kubelet",
                "reportingInstance": self._node,
            }
        )
        return name
