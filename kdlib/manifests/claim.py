"""Who owns a member's claims (1.6, OP-04): StatefulSets make them, and nobody would ever delete them.

A claim is deleted for one reason alone: its member leaves the cluster. So what happens to a StatefulSet, to the
status or to the policy never costs data (W-30).

Layer: pure.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.graph import Hold, Ownership, owned, ref_of
from kdlib.model import ClaimRetention
from kdlib.names import LABEL_CLUSTER, LABEL_ROLE
from kdlib.rules import is_made_for
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, Ref

__all__ = ["Claims", "claim_makers", "claim_of", "claims_of", "claims_of_going", "pod_of_claim"]

_ORPHANS = "orphan"
_FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class Claims:
    """What is to become of a cluster's claims: each is in one of the three, or is to be deleted."""

    owned: tuple[Json, ...] = ()
    """Go with the cluster."""
    released: tuple[Ref, ...] = ()
    """Outlive it."""
    kept: tuple[Ref, ...] = ()
    """Are no affair of ours."""


def claims_of(
    root: Json,
    live: Mapping[Ref, Json],
    retention: ClaimRetention,
    *,
    sets: Collection[str],
    leaves: Callable[[str], bool],
) -> Claims:
    """CL-X-46: sort the claims that are there, by what is to become of them.

    `sets` are the names of the cluster's StatefulSets, and `leaves` tells whether the member of a pod left for good. A
    claim without our owner reference gets it first, even if it is to go: only what we own is ever deleted.
    """
    ownership = Ownership(root)
    owned: list[Json] = []
    released: list[Ref] = []
    kept: list[Ref] = []
    for ref, claim in live.items():
        if ref.kind != PERSISTENT_VOLUME_CLAIM:
            continue
        pod = pod_of_claim(ref.name)
        if not pod or not _is_ours(claim, pod, root, sets):
            kept.append(ref)
        elif retention.when_scaled == "Delete" and leaves(pod):
            owned += [] if ownership.holds(claim) else [claim_of(ref)]
        elif retention.when_deleted == "Retain":
            released.append(ref)
        else:
            owned.append(claim_of(ref))
    return Claims(tuple(owned), tuple(released), tuple(kept))


def claims_of_going(root: Json, claims: Iterable[Json], sets: Iterable[Json]) -> tuple[Json, ...]:
    """Return what is intended of the claims that go with a root that is to be deleted; works on any status.

    `sets` are the StatefulSets that the storage holds. A claim goes where its set does: one whose set is orphaned, or
    gone by another hand, is left alone, since the root would take it along whose deletion was to spare it. See
    https://kubernetes.io/docs/concepts/architecture/garbage-collection/#cascading-deletion.
    """
    finalizers = dig(root, "metadata", "finalizers", default=())
    if _ORPHANS in finalizers:
        return ()
    ownership = Ownership(root)
    there = {item["metadata"]["name"]: ownership.holds(item) for item in sets}
    recorded = {str(dig(role, "statefulSet", default="")) for role in dig(root, "status", "roles", default=[])}
    # With a deletion in the foreground the garbage collector takes the sets before the root.
    goes_without = _FOREGROUND in finalizers
    live = {
        ref_of(claim): claim
        for claim in claims
        if not dig(claim, "metadata", "deletionTimestamp")
        and there.get(pod_of_claim(claim["metadata"]["name"]).rpartition("-")[0], goes_without)
    }
    return owned(claims_of(root, live, ClaimRetention(), sets=recorded, leaves=lambda _: False).owned, root)


def claim_makers(root: Json, sets: Iterable[Json], claims: Iterable[Json]) -> tuple[Json, ...]:
    """Return the root's own StatefulSets that may make claims yet: some lack, or their controller is behind.

    A deletion that spares the objects concerns none of them, and a set that goes itself makes nothing more.
    """
    if _ORPHANS in dig(root, "metadata", "finalizers", default=()):
        return ()
    ownership, there = Ownership(root), {claim["metadata"]["name"] for claim in claims}
    ours = (item for item in sets if ownership.holds(item) and not dig(item, "metadata", "deletionTimestamp"))
    return tuple(item for item in ours if _makes_claims(item, there))


def _makes_claims(item: Json, there: Collection[str]) -> bool:
    templates, name = dig(item, "spec", "volumeClaimTemplates", default=[]), item["metadata"]["name"]
    ordinals = range(dig(item, "spec", "replicas", default=1))
    lacking = {f"{each['metadata']['name']}-{name}-{ordinal}" for each in templates for ordinal in ordinals} - set(
        there
    )
    seen, wanted = dig(item, "status", "observedGeneration", default=0), dig(item, "metadata", "generation", default=0)
    return bool(templates and (lacking or seen < wanted))


def _is_ours(claim: Json, pod: str, root: Json, sets: Collection[str]) -> bool:
    """Tell whether a set of the cluster made the claim; CL-X-77: one of a role that is gone says so itself.

    A former cluster of the same name had the same labels, and its claims may be what is to outlive it. So beyond the
    labels its owner tells, or the name of its set, which is made for one cluster alone.
    """
    name = pod.rpartition("-")[0]
    if name in sets:
        return True
    labels, metadata = dig(claim, "metadata", "labels", default={}), root["metadata"]
    if labels.get(LABEL_CLUSTER) != metadata["name"] or LABEL_ROLE not in labels:
        return False
    return Ownership(root).hold(claim) in (Hold.OWN, Hold.FORMER) or is_made_for(
        name, metadata["uid"], labels[LABEL_ROLE]
    )


def pod_of_claim(name: str) -> str:
    """Return the pod whose claim has this name by 4.1: what follows `p-`, or `b<number>-`; empty for another claim."""
    template, _, pod = name.partition("-")
    is_ours = template == "p" or (template[:1] == "b" and template[1:].isdecimal())
    return pod if is_ours else ""


def claim_of(ref: Ref) -> Json:
    """Return what is intended of a claim that is there: nothing but its owner, which the graph adds."""
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {
        "apiVersion": PERSISTENT_VOLUME_CLAIM.api_version,
        "kind": PERSISTENT_VOLUME_CLAIM.name,
        "metadata": metadata,
    }
