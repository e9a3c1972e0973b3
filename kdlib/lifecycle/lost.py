"""Pods on nodes that do not answer any more: Kubernetes evicts them, and nobody reports that they ended (W-42).

A pod of a StatefulSet is made again only when the old one is gone: until then its member is missing.
See https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions and
https://kubernetes.io/docs/tasks/run-application/force-delete-stateful-set-pod/.

Layer: pure.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from kdlib.frozen import Json, dig
from kdlib.model import ClusterStatus, Resolved
from kdlib.wire import POD

__all__ = ["lost_pods", "overdue_since", "replaced_in_seconds"]

_EVICTED = ("DisruptionTarget", "True", "DeletionByTaintManager")


def overdue_since(pod: Json) -> datetime | None:
    """Return when the pod should have ended at the latest, its grace period included, if its node does not answer.

    None for a pod that nobody deleted, and for one that was deleted for another reason: its kubelet ends it.
    """
    conditions = dig(pod, "status", "conditions", default=[])
    told = {(item.get("type"), item.get("status"), item.get("reason")) for item in conditions}
    text = dig(pod, "metadata", "deletionTimestamp")
    if text is None or _EVICTED not in told:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def replaced_in_seconds(pod: Json, resolved: Resolved) -> float | None:
    """Return in how many seconds the policy ends the pod by force, 0 for now; None where it never does."""
    policy, since = resolved.spec.dead_nodes, overdue_since(pod)
    if policy is None or policy.action != "Replace" or since is None:
        return None
    return max(0.0, policy.after_seconds - (resolved.seen.now - since).total_seconds())


def lost_pods(resolved: Resolved, status: ClusterStatus) -> Iterator[str]:
    """Yield the names of members' pods that the policy ends by force now."""
    pods = {child["metadata"]["name"]: child for child in resolved.seen.children if child["kind"] == POD.name}
    for role in status.roles:
        for member in role.members:
            if member.pod in pods and replaced_in_seconds(pods[member.pod], resolved) == 0.0:
                yield member.pod
