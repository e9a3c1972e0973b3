"""The disruption budget of a role: what an eviction, such as that of a drained node, has to leave (W-42).

See https://kubernetes.io/docs/tasks/run-application/configure-pdb/.

Layer: pure.
"""

from kdlib.frozen import Json
from kdlib.manifests.metadata import made, pretty_name, role_labels
from kdlib.model import DisruptionBudget, Resolved, ResolvedRole
from kdlib.wire import POD_DISRUPTION_BUDGET

__all__ = ["pod_disruption_budget"]


def pod_disruption_budget(resolved: Resolved, role: ResolvedRole, budget: DisruptionBudget) -> Json:
    """Return the budget of a role's pods, named like the StatefulSet that makes them."""
    labels = role_labels(resolved, role.id)
    result = made(POD_DISRUPTION_BUDGET, resolved, role.stateful_set, labels=labels, annotations=pretty_name(resolved))
    result["spec"] = {"selector": {"matchLabels": labels}, **budget.dumped()}
    return result
