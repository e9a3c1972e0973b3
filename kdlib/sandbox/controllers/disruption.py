"""The disruption controller: counts for every PodDisruptionBudget how many of its pods may go.

Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-budgets.

Layer: shell.
"""

from collections.abc import Iterator, Sequence

from kdlib.errors import WorldError
from kdlib.frozen import Json
from kdlib.sandbox.controllers.budgets import (
    Budgets,
    budget_status,
    counts_scale,
    failed_status,
    seconds_left,
    selector_of,
    selector_text,
)
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.pods import controller_uid, is_ready, is_terminating
from kdlib.sandbox.controllers.queue import Queue
from kdlib.sandbox.store import Resource, scale_of
from kdlib.wire import POD, POD_DISRUPTION_BUDGET

__all__ = ["DisruptionBudgets"]

_SOURCE = "controllermanager"
_UNMANAGED = (
    "were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result "
    'in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer '
    "value."
)


class _UncountedError(WorldError):
    """How many pods a controller wants cannot be told."""


class DisruptionBudgets:
    """Keeps the status of every budget."""

    name = "disruption"
    watches = frozenset({("policy/v1", "PodDisruptionBudget"), ("v1", "Pod")})

    def __init__(self, desk: Desk, queue: Queue) -> None:
        self._desk = desk
        self._queue = queue
        self._budgets = Budgets()

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the budgets, as namespace/name, whose count a commit may change."""
        if obj["kind"] == "PodDisruptionBudget":
            key = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
            if old is not None:
                self._budgets.drop(old, key)
            if event != "DELETED":
                self._budgets.file(obj, key)
                yield key
            return
        if event == "MODIFIED" and old is not None and _projection(old) == _projection(obj):
            return
        yield from self._budgets.of(obj)
        if old is not None and old["metadata"].get("labels") != obj["metadata"].get("labels"):
            yield from self._budgets.of(old)

    def sync(self, key: str) -> int:
        """Look at one budget; returns how many pods it has."""
        namespace, _, name = key.partition("/")
        live = self._desk.index.get(POD_DISRUPTION_BUDGET, namespace, name)
        if live is None:
            return 0
        pods = self._pods(live)
        now = self._desk.now()
        if not pods:
            self._desk.tell(live, _SOURCE, "NoPods", "No matching pods found")
        try:
            status = budget_status(live, pods, self._scale(live, pods) if counts_scale(live) else 0, now)
        except _UncountedError as error:
            problem = str(error)
            what = f"Failed to calculate the number of expected pods: {problem}"
            self._desk.tell(live, _SOURCE, "CalculateExpectedPodCountFailed", what, warning=True)
            status = failed_status(live, problem, now)
        if status != live.get("status"):
            self._desk.update_status(live, status)
        later = seconds_left(status, now)
        if later is not None:
            self._queue.add_after((self.name, key), later)
        return len(pods)

    def _pods(self, live: Json) -> list[Json]:
        namespace, selector = live["metadata"]["namespace"], selector_of(live)
        labels = (live["spec"].get("selector") or {}).get("matchLabels")
        found = self._desk.index.selected_pods(namespace, labels) if labels else self._desk.index.all(POD, namespace)
        return [each for each in found if selector.matches(each["metadata"].get("labels"))]

    def _scale(self, live: Json, pods: Sequence[Json]) -> int:
        """Return how many pods the controllers of these want in all; raises an error where one does not say."""
        owners = {controller_uid(each): each for each in pods}
        if owners.pop("", None) is not None:
            what = f"Pods selected by this PodDisruptionBudget (selector: {selector_text(live)}) {_UNMANAGED}"
            self._desk.tell(live, _SOURCE, "UnmanagedPods", what, warning=True)
        tops = {top["metadata"]["uid"]: top for uid, pod in owners.items() for top in [self._top(uid, pod)]}
        return sum(self._replicas(each) for each in tops.values())

    def _top(self, uid: str, pod: Json) -> Json:
        """Return what wants a pod: its controller, or the Deployment of that."""
        owner = self._desk.index.by_uid(uid)
        if owner is None:
            raise _UncountedError(f'found no controllers for pod "{pod["metadata"]["name"]}"')
        above = self._desk.index.by_uid(controller_uid(owner)) if owner["kind"] == "ReplicaSet" else None
        return above if above is not None and above["kind"] == "Deployment" else owner

    def _replicas(self, owner: Json) -> int:
        resource = self._desk.registry.resources.of(owner["apiVersion"], owner["kind"])
        if resource is None or "scale" not in resource.subresources:
            raise _UncountedError(f"{_resource_name(owner, resource)} does not implement the scale subresource")
        return int(scale_of(resource, owner)["spec"].get("replicas", 0))


def _resource_name(owner: Json, resource: Resource | None) -> str:
    if resource is None:
        return str(owner["kind"])
    return f"{resource.kind.plural}.{resource.kind.group}".removesuffix(".")


def _projection(pod: Json) -> tuple[object, ...]:
    """Return what of a pod counts for a budget."""
    metadata = pod["metadata"]
    return is_ready(pod), is_terminating(pod), metadata.get("labels"), metadata.get("ownerReferences")
