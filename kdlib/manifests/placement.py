"""Where the pods of a role run, and how their images are fetched: only what the role asks for (W-42).

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json
from kdlib.manifests.metadata import role_labels
from kdlib.model import ClusterRole, Resolved, ResolvedRole

__all__ = ["placement"]


def placement(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> Json:
    """Return the fields of the pod's spec that are given; none of them has a default of ours."""
    asked = {
        "tolerations": [item.dumped() for item in spec.tolerations],
        "nodeSelector": dict(spec.node_selector or {}),
        "topologySpreadConstraints": list(_spread(resolved, role, spec)),
        "priorityClassName": spec.priority_class_name,
        "imagePullSecrets": [item.dumped() for item in spec.image_pull_secrets],
    }
    return {name: value for name, value in asked.items() if value}


def _spread(resolved: Resolved, role: ResolvedRole, spec: ClusterRole) -> Iterator[Json]:
    """Yield the constraints; one without a selector, which would count no pod at all, counts those of the role."""
    own = {"labelSelector": {"matchLabels": role_labels(resolved, role.id)}}
    for item in spec.topology_spread_constraints:
        yield item.dumped() if item.label_selector else {**item.dumped(), **own}
