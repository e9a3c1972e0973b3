"""What a controller follows: kinds, how much of each object is kept, and how a change finds its root.

Layer: shell.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kdlib.frozen import Json, dig
from kdlib.graph import controller_of
from kdlib.kube import Identity, pruned
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET, Kind

__all__ = ["CHILDREN", "Followed", "pruned_pod", "pruned_revision", "roots_of"]


@dataclass(frozen=True, slots=True)
class Followed:
    """One kind to be watched in all namespaces, or in one, and what is kept of each object."""

    kind: Kind
    labels: str = LABEL_CLUSTER
    transform: Callable[[Json], Json] = field(default=pruned)


def pruned_pod(pod: Json) -> Json:
    """Return what a pass reads of a pod: its names, its node and its status; the rest is most of its size."""
    kept = pruned(pod)
    spec = pod.get("spec") or {}
    return {**kept, "spec": {"nodeName": spec["nodeName"]} if "nodeName" in spec else {}}


def pruned_revision(revision: Json) -> Json:
    """Return a revision; one that a StatefulSet controls holds a copy of its pod template, which no pass reads."""
    kept = pruned(revision)
    controller = controller_of(revision)
    if controller is not None and controller.get("kind") == STATEFUL_SET.name:
        kept.pop("data", None)
    return kept


CHILDREN = (
    Followed(STATEFUL_SET),
    Followed(SERVICE),
    Followed(POD, transform=pruned_pod),
    Followed(PERSISTENT_VOLUME_CLAIM),
    Followed(CONTROLLER_REVISION, transform=pruned_revision),
)
"""The kinds of which the objects of a cluster are."""


def roots_of(child: Json, kind: Kind) -> Iterator[Identity]:
    """Yield which roots of this kind a child may belong to: by its label, and by its owners."""
    namespace = dig(child, "metadata", "namespace", default="")
    label = dig(child, "metadata", "labels", LABEL_CLUSTER)
    if isinstance(label, str):
        yield namespace, label
    for owner in dig(child, "metadata", "ownerReferences", default=[]):
        if owner.get("kind") == kind.name and owner.get("name") != label:
            yield namespace, owner["name"]
