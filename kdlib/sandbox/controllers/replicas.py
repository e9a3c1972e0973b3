"""The ReplicaSet controller, in simple form.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/.

Layer: shell.
"""

from collections.abc import Iterator

from kdlib.errors import ApiError
from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.claiming import claim
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.kinds import REPLICA_SET
from kdlib.sandbox.controllers.pods import (
    available_in_seconds,
    controller_uid,
    has_ended,
    is_ready,
    is_running_and_ready,
    is_terminating,
)
from kdlib.sandbox.controllers.queue import Queue
from kdlib.sandbox.controllers.statefulset_objects import pod_from_template
from kdlib.wire import POD

__all__ = ["ReplicaSets"]

_SOURCE = "replicaset-controller"
_STEPS_AT_ONCE = 25


class ReplicaSets:
    """Keeps as many pods as each ReplicaSet asks for."""

    name = "replicaset"
    watches = frozenset({("apps/v1", "ReplicaSet"), ("v1", "Pod")})

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk = desk
        self._queue = queue

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the ReplicaSets that a commit concerns, as namespace/name."""
        namespace = obj["metadata"]["namespace"]
        if obj["kind"] == "ReplicaSet":
            yield f"{namespace}/{obj['metadata']['name']}"
            return
        owners = {controller_uid(each) for each in (obj, old) if each}
        for uid in sorted(owners - {""}):
            owner = self._desk.index.by_uid(uid)
            if owner is not None and owner["kind"] == "ReplicaSet":
                yield f"{namespace}/{owner['metadata']['name']}"
        if "" in owners and event != "DELETED":
            for each in self._desk.index.all(REPLICA_SET, namespace):
                yield f"{namespace}/{each['metadata']['name']}"

    def sync(self, key: str) -> int:
        """Look at one ReplicaSet; returns how many pods it has."""
        namespace, _, name = key.partition("/")
        live = self._desk.index.get(REPLICA_SET, namespace, name)
        if live is None:
            return 0
        owned = self._desk.index.dependents(live["metadata"]["uid"], POD)
        claimed = claim(self._desk, live, [*owned, *self._desk.index.orphans(POD, namespace)])
        staying = [each for each in claimed if not has_ended(each)]
        pods = [each for each in staying if not is_terminating(each)]
        try:
            if not is_terminating(live):
                self._settle(live, pods)
        finally:
            self._record(live, pods, terminating=len(staying) - len(pods))
        return len(pods)

    def _settle(self, live: Json, pods: list[Json]) -> None:
        missing = live["spec"].get("replicas", 1) - len(pods)
        for _ in range(min(missing, _STEPS_AT_ONCE)):
            self._create(live)
        for pod in sorted(pods, key=_dispensable)[: max(0, -missing)]:
            self._desk.delete(pod)
            text = f"Deleted pod: {pod['metadata']['name']}"
            self._desk.tell(live, _SOURCE, "SuccessfulDelete", text)

    def _create(self, live: Json) -> None:
        try:
            pod = self._desk.create(pod_from_template(live["spec"]["template"], live))
        except ApiError as error:
            self._desk.tell(live, _SOURCE, "FailedCreate", f"Error creating: {error}", warning=True)
            raise
        self._desk.tell(live, _SOURCE, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")

    def _record(self, live: Json, pods: list[Json], *, terminating: int) -> None:
        seconds = live["spec"].get("minReadySeconds") or 0
        waits = [available_in_seconds(each, seconds, self._desk.now()) for each in pods]
        counts = {
            "fullyLabeledReplicas": _labelled(live, pods),
            "readyReplicas": sum(is_ready(each) for each in pods),
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        status = {
            "replicas": len(pods),
            **{key: count for key, count in counts.items() if count},
            "terminatingReplicas": terminating,
            "observedGeneration": live["metadata"].get("generation", 1),
        }
        if status != (live.get("status") or {}):
            self._desk.update_status(live, status)
        later = [wait for wait in waits if wait]
        if later:
            key = f"{live['metadata']['namespace']}/{live['metadata']['name']}"
            self._queue.add_after((self.name, key), min(later))


def _labelled(live: Json, pods: list[Json]) -> int:
    """Return how many pods have all labels of the template."""
    labels = dig(live, "spec", "template", "metadata", "labels", default={})
    return sum(labels.items() <= (each["metadata"].get("labels") or {}).items() for each in pods)


def _dispensable(pod: Json) -> tuple[bool, bool, str]:
    """Order pods by which goes first: without a node, then not ready, then the youngest."""
    created = pod["metadata"].get("creationTimestamp", "")
    younger = "".join(chr(0x10FFFF - ord(letter)) for letter in created)
    return bool(pod["spec"].get("nodeName")), is_running_and_ready(pod), younger
