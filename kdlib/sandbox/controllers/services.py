"""The endpoints controller: keeps Endpoints and EndpointSlices of every Service that selects pods.

Layer: shell.
"""

from collections.abc import Iterator

from kdlib.errors import AlreadyExistsError
from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.endpoints import (
    MANAGED_LABEL,
    SLICE_CONTROLLER,
    SliceChange,
    endpoints_of,
    has_endpoints,
    slice_changes,
)
from kdlib.sandbox.controllers.kinds import ENDPOINT_SLICE, ENDPOINTS
from kdlib.wire import SERVICE

__all__ = ["ServiceEndpoints"]

_COST_PER_POD = 20
"""Objects that one endpoint counts for: a list of endpoints is written whole."""


class ServiceEndpoints:
    """Follows Services and the pods that they select."""

    name = "endpoints"
    watches = frozenset({("v1", "Service"), ("v1", "Pod")})

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._selecting: dict[tuple[str, str, str], dict[str, None]] = {}
        self._registered: dict[str, tuple[str, str, str]] = {}

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the Services, as namespace/name, whose endpoints a commit may change."""
        if obj["kind"] == "Service":
            key = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
            self._register(event, obj, key)
            yield key
            return
        if event == "MODIFIED" and old is not None and _projection(old) == _projection(obj):
            return
        yield from self._selectors(obj)
        if old is not None and old["metadata"].get("labels") != obj["metadata"].get("labels"):
            yield from self._selectors(old)

    def sync(self, key: str) -> int:
        """Look at one Service."""
        namespace, _, name = key.partition("/")
        service = self._desk.index.get(SERVICE, namespace, name)
        there = self._desk.index.get(ENDPOINTS, namespace, name)
        if service is None:
            # The slices go with the Service as their owner; the Endpoints object has none.
            if there is not None:
                self._desk.delete(there)
            return 0
        if not has_endpoints(service):
            return 0
        pods = self._desk.index.selected_pods(namespace, service["spec"]["selector"])
        self._write_endpoints(there, endpoints_of(service, pods))
        owned = self._desk.index.dependents(service["metadata"]["uid"], ENDPOINT_SLICE)
        slices = [each for each in owned if dig(each, "metadata", "labels", MANAGED_LABEL) == SLICE_CONTROLLER]
        for change in slice_changes(service, pods, slices):
            self._write_slice(change)
        return _COST_PER_POD * len(pods)

    def _write_slice(self, change: SliceChange) -> None:
        if change.wanted is None:
            if change.known is not None:
                self._desk.delete(change.known)
        elif change.known is None:
            self._desk.create(change.wanted)
        else:
            self._desk.update(change.wanted)

    def _write_endpoints(self, there: Json | None, wanted: Json) -> None:
        if there is None:
            try:
                self._desk.create(wanted)
            except AlreadyExistsError:
                return
        elif (there.get("subsets") or []) != wanted["subsets"] or (
            there["metadata"].get("labels") != wanted["metadata"]["labels"]
        ):
            metadata = {**there["metadata"], "labels": wanted["metadata"]["labels"]}
            self._desk.update({**there, "metadata": metadata, "subsets": wanted["subsets"]})

    def _register(self, event: str, service: Json, key: str) -> None:
        """File the Service under the rarest pair of its selector, so that a pod finds it by its labels."""
        bucket = self._registered.pop(key, None)
        if bucket is not None:
            self._selecting[bucket].pop(key, None)
            if not self._selecting[bucket]:
                del self._selecting[bucket]
        selector = service["spec"].get("selector")
        if event == "DELETED" or not selector or not has_endpoints(service):
            return
        namespace = service["metadata"]["namespace"]
        buckets = [(namespace, name, value) for name, value in selector.items()]
        chosen = min(buckets, key=lambda each: len(self._selecting.get(each, ())))
        self._registered[key] = chosen
        self._selecting.setdefault(chosen, {})[key] = None

    def _selectors(self, pod: Json) -> Iterator[str]:
        namespace, labels = pod["metadata"]["namespace"], pod["metadata"].get("labels") or {}
        for name, value in labels.items():
            for key in self._selecting.get((namespace, name, value), ()):
                service = self._desk.index.get(SERVICE, namespace, key.partition("/")[2])
                if service and all(labels.get(k) == v for k, v in service["spec"]["selector"].items()):
                    yield key


def _projection(pod: Json) -> tuple[object, ...]:
    """Return what endpoints depend on."""
    status = pod.get("status") or {}
    ready = next((each.get("status") for each in status.get("conditions") or () if each.get("type") == "Ready"), None)
    metadata = pod["metadata"]
    ended = status.get("phase") in ("Failed", "Succeeded")
    return (
        metadata.get("labels"),
        metadata.get("deletionTimestamp") is None,
        status.get("podIP"),
        ready,
        ended,
        pod["spec"].get("nodeName"),
    )
