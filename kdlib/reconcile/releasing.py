"""Letting go of claims that are to outlive their cluster, before it goes (CL-X-46).

Layer: shell.
"""

from kdlib import graph
from kdlib.frozen import Json, dig
from kdlib.graph import ObjectGraph
from kdlib.kube import Api, Selection
from kdlib.names import LABEL_CLUSTER
from kdlib.reconcile.applying import carry_out
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, Ref

__all__ = ["release_claims"]


async def release_claims(api: Api, root: Json) -> None:
    """Take the root from the owners of its claims, where its spec says that they outlive it.

    The policy may have been changed a moment ago, and claims made: so the storage is asked, not a cache.
    Raises WorldError where one could not be released: the root has to wait then.
    """
    if dig(root, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") != "Retain":
        return
    metadata = root["metadata"]
    namespace, labels = metadata.get("namespace", ""), f"{LABEL_CLUSTER}={metadata['name']}"
    claims = (await api.list(Selection(PERSISTENT_VOLUME_CLAIM, namespace, labels=labels))).items
    released = tuple(Ref(PERSISTENT_VOLUME_CLAIM, namespace, item["metadata"]["name"]) for item in claims)
    applied = await carry_out(api, graph.plan(ObjectGraph(released=released), claims, root=root), claims)
    for error in applied.errors:
        raise error
