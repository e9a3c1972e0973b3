"""Who owns a member's claims (1.6, OP-04): StatefulSets make them, and nobody would ever delete them.

Layer: pure.
"""

from kdlib.frozen import Json
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, Ref

__all__ = ["claim_of", "pod_of_claim"]


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
