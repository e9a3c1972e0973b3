"""The scheduler: gives every pod without a node the node that takes it.

Layer: shell.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.kinds import NODE
from kdlib.sandbox.controllers.objects import timestamp
from kdlib.sandbox.controllers.pods import claim_names, has_ended, is_terminating, with_condition
from kdlib.sandbox.controllers.requests import NodeUse
from kdlib.sandbox.controllers.scheduling import choose_node
from kdlib.wire import PERSISTENT_VOLUME_CLAIM

__all__ = ["Scheduler"]

_SOURCE = "default-scheduler"


class Scheduler:
    """Binds pods to nodes; a pod that fits nowhere waits until a node, a claim or the pod itself changes."""

    name = "scheduler"
    watches = frozenset({("v1", "Pod"), ("v1", "Node"), ("v1", "PersistentVolumeClaim")})

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: dict[str, None] = {}
        self._by_claim: dict[tuple[str, str], dict[str, None]] = {}
        self._used: dict[str, NodeUse] = {}

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the pods that a commit gives a new chance, by UID."""
        match obj["kind"]:
            case "Pod":
                yield from self._pod_keys(event, obj, old)
            case "Node" if event != "DELETED" and (old is None or _chances(old) != _chances(obj)):
                yield from self._waiting
            case "PersistentVolumeClaim":
                metadata = obj["metadata"]
                yield from self._by_claim.get((metadata["namespace"], metadata["name"]), ())

    def _pod_keys(self, event: str, pod: Json, old: Json | None) -> Iterator[str]:
        """Yield the pod while it wants a node, and those that wait where it gives something back."""
        if self._count(event, pod):
            yield from self._waiting
        if event == "DELETED" or not _is_ours(pod):
            self._forget(pod)
        elif old is None or old.get("spec") != pod.get("spec"):
            self._await(pod)
            yield pod["metadata"]["uid"]

    def sync(self, key: str) -> int:
        """Look at one pod."""
        pod = self._desk.index.by_uid(key)
        if pod is None or not _is_ours(pod):
            return 0
        if pod["spec"].get("schedulingGates"):
            self._refuse(pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
            return 0
        nodes = self._desk.index.all(NODE)
        verdict = choose_node(pod, nodes, self._claims(pod), self._used)
        if verdict.node:
            self._bind(pod, verdict.node)
        elif self._refuse(pod, "Unschedulable", verdict.message):
            self._desk.tell(pod, _SOURCE, "FailedScheduling", verdict.message, warning=True, action="Scheduling")
        return len(nodes)

    def _count(self, event: str, pod: Json) -> bool:
        """Keep the books of the pod's node; tells whether it gave something back."""
        node = pod["spec"].get("nodeName")
        if not node:
            return False
        if event == "DELETED" or has_ended(pod):
            if node in self._used:
                self._used[node].remove(pod)
            return True
        self._used.setdefault(node, NodeUse()).add(pod)
        return False

    def _await(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        self._waiting[uid] = None
        for each in claim_names(pod):
            self._by_claim.setdefault((pod["metadata"]["namespace"], each), {})[uid] = None

    def _forget(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if uid not in self._waiting:
            return
        del self._waiting[uid]
        for each in claim_names(pod):
            key = (pod["metadata"]["namespace"], each)
            waiting = self._by_claim.get(key, {})
            waiting.pop(uid, None)
            if not waiting:
                self._by_claim.pop(key, None)

    def _claims(self, pod: Json) -> dict[str, Json | None]:
        namespace = pod["metadata"]["namespace"]
        return {name: self._desk.index.get(PERSISTENT_VOLUME_CLAIM, namespace, name) for name in claim_names(pod)}

    def _bind(self, pod: Json, node: str) -> None:
        metadata = pod["metadata"]
        self._desk.bind(pod, node)
        text = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
        self._desk.tell(pod, _SOURCE, "Scheduled", text, action="Binding")

    def _refuse(self, pod: Json, reason: str, message: str) -> bool:
        """Say in the pod's status why it is not scheduled; tells whether that was news."""
        wanted = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        if reason == "Unschedulable":
            wanted["observedGeneration"] = pod["metadata"].get("generation", 1)
        status = pod.get("status") or {}
        told = {key: value for key, value in _scheduled(status).items() if key in wanted}
        if told == wanted:
            return False
        self._desk.update_status(pod, with_condition(status, wanted, timestamp(self._desk.now())))
        return True


def _is_ours(pod: Json) -> bool:
    spec = pod["spec"]
    ours = spec.get("schedulerName", _SOURCE) == _SOURCE
    return ours and not spec.get("nodeName") and not is_terminating(pod) and not has_ended(pod)


def _scheduled(status: Json) -> Json:
    return next((dict(each) for each in status.get("conditions") or () if each.get("type") == "PodScheduled"), {})


def _chances(node: Json) -> tuple[object, ...]:
    ready = next((c.get("status") for c in dig(node, "status", "conditions", default=()) if c["type"] == "Ready"), None)
    return node.get("spec"), node["metadata"].get("labels"), ready, dig(node, "status", "allocatable")
