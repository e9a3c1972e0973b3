"""Claims of a cluster that is to be deleted: before it goes, each is made to go with it, or to outlive it (CL-X-46).

Layer: shell.
"""

from kdlib import graph
from kdlib.frozen import Json, dig
from kdlib.graph import ObjectGraph, Ownership
from kdlib.kube import Api, Selection
from kdlib.manifests import claims_of_going
from kdlib.names import LABEL_CLUSTER
from kdlib.reconcile.applying import carry_out
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, STATEFUL_SET, Ref

__all__ = ["part_from_claims"]


async def part_from_claims(api: Api, root: Json, *, is_followed: bool) -> None:
    """Take the root from the owners of its claims where its spec says that they outlive it; make it theirs otherwise.

    The policy may have been changed a moment ago, and claims made, which have no owner at first: so the storage is
    asked, not a cache: once, and for StatefulSets too where a claim is not ours yet. `is_followed` tells whether
    claims may be listed: those that never were stay as they are.
    Raises WorldError where a claim could not be changed: the root has to wait then.
    """
    outlives = dig(root, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Retain"
    if not (outlives or is_followed):
        return
    metadata = root["metadata"]
    namespace, labels = metadata.get("namespace", ""), f"{LABEL_CLUSTER}={metadata['name']}"
    claims = (await api.list(Selection(PERSISTENT_VOLUME_CLAIM, namespace, labels=labels))).items
    ownership = Ownership(root)
    if outlives:
        released = tuple(Ref(PERSISTENT_VOLUME_CLAIM, namespace, item["metadata"]["name"]) for item in claims)
        wanted = ObjectGraph(released=released)
    elif all(map(ownership.holds, claims)):
        return
    else:
        sets = (await api.list(Selection(STATEFUL_SET, namespace, labels=labels))).items
        wanted = ObjectGraph(claims_of_going(root, claims, sets))
    applied = await carry_out(api, graph.plan(wanted, claims, root=root), claims)
    for error in applied.errors:
        raise error
