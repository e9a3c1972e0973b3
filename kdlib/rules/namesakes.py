"""A cluster made under the name of one that was deleted a moment ago, told from one that came back (decision 24).

Both find objects whose owner has their name and another UID. What belongs to one that came back is taken up, before
the garbage collector takes it; what a namesake finds is on its way out, and is waited for.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.graph import Hold, Ownership, controller_of, ref_of
from kdlib.model import Seen
from kdlib.rules.restoring import BACKUP_ANNOTATION
from kdlib.wire import KD_CLUSTER, POD, STATEFUL_SET, Ref

__all__ = ["is_new", "left_by_namesake"]


def is_new(cluster: Json) -> bool:
    """Tell whether nobody has looked after the cluster yet: neither annotation nor status say that somebody did.

    The operator puts the annotation on a cluster before it chooses its first name, and a backup product brings it back.
    """
    told = dig(cluster, "metadata", "annotations", BACKUP_ANNOTATION) is not None
    return cluster.get("kind") == KD_CLUSTER.name and not told and not dig(cluster, "status", "clusterService")


def left_by_namesake(seen: Seen) -> tuple[Ref, ...]:
    """List what a new cluster waits for: what a former one of its name controls, and the pods of sets that are gone.

    What nobody controls was orphaned, or brought back without owners, and is no reason to wait. Nothing is listed for a
    cluster that is not new.
    """
    return tuple(sorted(set(map(ref_of, _left(seen))))) if is_new(seen.root) else ()


def _left(seen: Seen) -> Iterator[Json]:
    ownership = Ownership(seen.root)
    sets = {item["metadata"].get("uid") for item in seen.children if item.get("kind") == STATEFUL_SET.name}
    for item in (*seen.children, *(item for _, item in seen.related if item is not None)):
        controller = controller_of(item) or {}
        is_of_lost_set = item.get("kind") == POD.name and controller.get("kind") == STATEFUL_SET.name
        if ownership.hold(item) is Hold.FORMER or (is_of_lost_set and controller.get("uid") not in sets):
            yield item
