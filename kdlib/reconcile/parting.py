"""Claims of a cluster that is to be deleted: before it goes, each is made to go with it, or to outlive it (CL-X-46).

Layer: shell.
"""

from kdlib import graph
from kdlib.errors import WorldError
from kdlib.frozen import Json, dig
from kdlib.graph import ObjectGraph, ref_of
from kdlib.kube import Api, Selection
from kdlib.manifests import claim_makers, claims_of_going
from kdlib.names import LABEL_CLUSTER
from kdlib.reconcile.applying import carry_out
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, STATEFUL_SET, Kind, Ref

__all__ = ["part_from_claims"]


async def part_from_claims(api: Api, root: Json, *, is_followed: bool) -> None:
    """Take the root from the owners of its claims where its spec says that they outlive it; make it theirs otherwise.

    The policy may have been changed a moment ago, and claims made, which have no owner at first: so the storage is
    asked, not a cache. Claims that go with the root have to be there for that: a set that may make further ones is told
    to have no members first. `is_followed` tells whether claims may be listed: those that never were stay as they are.
    Raises WorldError where a claim could not be changed, or may come yet: the root has to wait then.
    """
    outlives = dig(root, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Retain"
    if not (outlives or is_followed):
        return
    # The sets first: one that had all of its claims then makes no more.
    sets = [] if outlives else await _listed(api, STATEFUL_SET, root)
    claims = await _listed(api, PERSISTENT_VOLUME_CLAIM, root)
    if outlives:
        namespace = root["metadata"].get("namespace", "")
        released = tuple(Ref(PERSISTENT_VOLUME_CLAIM, namespace, item["metadata"]["name"]) for item in claims)
        wanted = ObjectGraph(released=released)
    else:
        await _stop(api, claim_makers(root, sets, claims))
        wanted = ObjectGraph(claims_of_going(root, claims, sets))
    applied = await carry_out(api, graph.plan(wanted, claims, root=root), claims)
    for error in applied.errors:
        raise error


async def _listed(api: Api, kind: Kind, root: Json) -> list[Json]:
    metadata = root["metadata"]
    labels = f"{LABEL_CLUSTER}={metadata['name']}"
    return list((await api.list(Selection(kind, metadata.get("namespace", ""), labels=labels))).items)


async def _stop(api: Api, makers: tuple[Json, ...]) -> None:
    """Have sets make no member more, and raise WorldError until they have heard of it; the members go anyway."""
    for item in makers:
        ref, metadata = ref_of(item), {key: item["metadata"][key] for key in ("uid", "resourceVersion")}
        if dig(item, "spec", "replicas", default=1):
            await api.merge_patch(ref, {"metadata": metadata, "spec": {"replicas": 0}})
    if makers:
        raise WorldError(f"{ref_of(makers[0])} may make claims yet, which nobody would own")
