"""Members whose pods run an older template than their StatefulSet has: it is updated on delete alone.

See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#on-delete.

Layer: pure.
"""

from kdlib.frozen import Json, dig
from kdlib.model import ClusterStatus, Seen
from kdlib.wire import POD, STATEFUL_SET

__all__ = ["outdated", "words_for"]

_REVISION = "controller-revision-hash"
_LISTED = 10


def outdated(seen: Seen, status: ClusterStatus) -> tuple[str, ...]:
    """Return the pods of members that were made from an older template; none while the set's controller is behind."""
    found = {(child["kind"], child["metadata"]["name"]): child for child in seen.children}
    return tuple(
        member.pod
        for role in status.roles
        for member in role.members
        if _is_older(found.get((POD.name, member.pod)), found.get((STATEFUL_SET.name, role.stateful_set)))
    )


def words_for(seen: Seen, pods: tuple[str, ...]) -> str:
    """Say which members are concerned, and how they are renewed."""
    more = f" and {len(pods) - _LISTED} more" if len(pods) > _LISTED else ""
    namespace = dig(seen.root, "metadata", "namespace", default="")
    what = f"members run with what the spec said before: {', '.join(pods[:_LISTED])}{more}"
    return f"{what}; renew one after the other: kubectl delete pod {pods[0]} -n {namespace}"


def _is_older(pod: Json | None, owner: Json | None) -> bool:
    if pod is None or owner is None or dig(pod, "metadata", "deletionTimestamp") is not None:
        return False
    behind = dig(owner, "status", "observedGeneration", default=0) < dig(owner, "metadata", "generation", default=0)
    wanted, has = dig(owner, "status", "updateRevision"), dig(pod, "metadata", "labels", _REVISION)
    return not behind and bool(wanted and has) and wanted != has
