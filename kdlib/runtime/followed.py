"""What a controller follows: kinds, how much of each object is kept, and how a change finds its root.

Layer: shell.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kdlib.frozen import Json, dig
from kdlib.graph import controller_of
from kdlib.kube import Identity, pruned
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    STATEFUL_SET,
    Kind,
)

__all__ = ["CHILDREN", "DISPENSABLE", "Followed", "pruned_budget", "pruned_pod", "pruned_revision", "roots_of"]


@dataclass(frozen=True, slots=True)
class Followed:
    """One kind to be watched in all namespaces, or in one, and what is kept of each object."""

    kind: Kind
    labels: str = LABEL_CLUSTER
    transform: Callable[[Json], Json] = field(default=pruned)


_TYPE = ("apiVersion", "kind")
_IDENTITY = ("name", "namespace", "uid", "resourceVersion")
_POD_METADATA = (*_IDENTITY, "labels", "ownerReferences", "deletionTimestamp")
_CONDITION = ("type", "status", "reason", "message")
_CONTAINER = ("name", "containerID", "state", "ready")
_END = ("exitCode", "reason")


def pruned_pod(pod: Json) -> Json:
    """Return what a pass reads of a pod: whose it is, its node, and how it and its containers stand.

    That is a tenth of a pod. Pods are most of what an operator keeps, and most of their events are about the rest.
    """
    status = pod.get("status") or {}
    kept: Json = {"phase": status.get("phase")}
    kept["conditions"] = [_condition(item) for item in status.get("conditions") or ()]
    for key in ("initContainerStatuses", "containerStatuses"):
        if key in status:
            kept[key] = [_container(item) for item in status[key] or ()]
    spec = _picked(pod.get("spec") or {}, ("nodeName",))
    return _picked(pod, _TYPE) | {"metadata": _picked(pod["metadata"], _POD_METADATA), "spec": spec, "status": kept}


def _condition(item: Json) -> Json:
    """Keep since when a pod has no node: that is given some time."""
    waits = item.get("type") == "PodScheduled" and item.get("status") == "False"
    return _picked(item, (*_CONDITION, "lastTransitionTime") if waits else _CONDITION)


def _container(item: Json) -> Json:
    """Keep the image of a container that waits, and how it ended before."""
    kept = _picked(item, _CONTAINER)
    if not dig(item, "state", "waiting"):
        return kept
    kept |= _picked(item, ("image",))
    end = dig(item, "lastState", "terminated")
    return kept | ({"lastState": {"terminated": _picked(end, _END)}} if end else {})


def pruned_revision(revision: Json) -> Json:
    """Return a revision; of one that a StatefulSet controls no pass reads more than its name."""
    controller = controller_of(revision)
    if controller is None or controller.get("kind") != STATEFUL_SET.name:
        return pruned(revision)
    return _picked(revision, _TYPE) | {"metadata": _picked(revision["metadata"], _IDENTITY)}


def pruned_budget(budget: Json) -> Json:
    """Return a disruption budget without its status: whom it lets go is the evictor's matter."""
    kept = pruned(budget)
    return {name: part for name, part in kept.items() if name != "status"}


def _picked(part: Json, keys: tuple[str, ...]) -> Json:
    return {key: part[key] for key in keys if key in part}


CHILDREN = (
    Followed(STATEFUL_SET),
    Followed(SERVICE),
    Followed(POD, transform=pruned_pod),
    Followed(PERSISTENT_VOLUME_CLAIM),
    Followed(POD_DISRUPTION_BUDGET, transform=pruned_budget),
    Followed(CONTROLLER_REVISION, transform=pruned_revision),
)
"""The kinds of which the objects of a cluster are."""

DISPENSABLE = frozenset({KD_CONFIG, KD_STATUS_BACKUP, POD_DISRUPTION_BUDGET})
"""Kinds that only some clusters need: who may not list them looks after all others without.

Nothing is deleted or restored by what is not seen, and what is made in spite of that is nobody else's. A cluster that
needs the global configuration - a new one, or one with secret keys - waits, and says for what.
"""


def roots_of(child: Json, kind: Kind) -> Iterator[Identity]:
    """Yield which roots of this kind a child may belong to: by its label, and by its owners."""
    namespace = dig(child, "metadata", "namespace", default="")
    label = dig(child, "metadata", "labels", LABEL_CLUSTER)
    if isinstance(label, str):
        yield namespace, label
    for owner in dig(child, "metadata", "ownerReferences", default=[]):
        if owner.get("kind") == kind.name and owner.get("name") != label:
            yield namespace, owner["name"]
