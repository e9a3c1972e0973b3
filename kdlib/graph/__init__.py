"""References, owners, the graph of intended objects, and the plan that makes it true. Knows no kind in particular.

Layer: pure.
"""

from kdlib.graph.containment import contained
from kdlib.graph.objects import INTENT, ObjectGraph, intent_digest, stamped
from kdlib.graph.plan import Adopt, Apply, Delete, Plan, Release, Step, Why, plan
from kdlib.graph.references import Hold, Ownership, controller_of, owned, owner_reference, ref_of

__all__ = [
    "INTENT",
    "Adopt",
    "Apply",
    "Delete",
    "Hold",
    "ObjectGraph",
    "Ownership",
    "Plan",
    "Release",
    "Step",
    "Why",
    "contained",
    "controller_of",
    "intent_digest",
    "owned",
    "owner_reference",
    "plan",
    "ref_of",
    "stamped",
]
