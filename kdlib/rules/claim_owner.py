"""A claim of a member belongs to its cluster, and goes with it (2.5).

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.names import LABEL_CLUSTER, is_dns_subdomain
from kdlib.rules.request import Facts, Needs, Request
from kdlib.wire import KD_CLUSTER, Ref

__all__ = ["claim_needs", "claim_owner_patch"]


def claim_needs(request: Request) -> Needs:
    """Return the cluster that the claim's label names, if any; PVC-M-02: any other claim needs nothing (W-11)."""
    ref = _cluster_of(request)
    return Needs(objects=(ref,)) if ref else Needs()


def claim_owner_patch(request: Request, facts: Facts) -> Iterator[Json]:
    """PVC-M-01: a claim with the label of a cluster that is there gets exactly one owner, the cluster.

    W-11: the operation follows from the claim itself. PVC-M-02: every other claim passes as it is, and none is refused.
    CL-X-46: so does one that is to outlive its cluster.
    """
    ref = _cluster_of(request)
    cluster = facts.objects.get(ref) if ref else None
    uid = dig(cluster, "metadata", "uid")
    outlives = dig(cluster, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Retain"
    if ref is None or request.new is None or not uid or outlives:
        return
    owner = {"apiVersion": ref.kind.api_version, "kind": ref.kind.name, "name": ref.name, "uid": uid}
    wanted = [{**owner, "controller": True, "blockOwnerDeletion": False}]
    present = dig(request.new, "metadata", "ownerReferences")
    if present != wanted:
        operation = "add" if present is None else "replace"
        yield {"op": operation, "path": "/metadata/ownerReferences", "value": wanted}


def _cluster_of(request: Request) -> Ref | None:
    name = dig(request.new, "metadata", "labels", LABEL_CLUSTER)
    is_name = request.operation == "CREATE" and isinstance(name, str) and is_dns_subdomain(name)
    return Ref(KD_CLUSTER, request.namespace, name) if is_name else None
