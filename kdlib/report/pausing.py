"""What is said of a paused cluster (W-42).

Layer: pure.
"""

from kdlib.frozen import dig
from kdlib.model import Seen
from kdlib.report.conditions import TRUE, Claim
from kdlib.report.reasons import Reason
from kdlib.wire import KD_CLUSTER

__all__ = ["is_paused", "paused"]


def is_paused(seen: Seen) -> bool:
    """Tell whether the spec of a cluster says that it is paused, however wrong it is besides."""
    return seen.root.get("kind") == KD_CLUSTER.name and dig(seen.root, "spec", "paused") is True


def paused(seen: Seen) -> Claim:
    """Return the condition of a paused cluster, and how it goes on."""
    what = "no object is written and nothing is started inside members"
    name, namespace = (dig(seen.root, "metadata", key, default="") for key in ("name", "namespace"))
    remedy = f"to go on: kdd resume {name} -n {namespace}" if is_paused(seen) else "to go on, end the pause"
    return Claim("Paused", TRUE, Reason.PAUSED, f"{what}; {remedy}")
