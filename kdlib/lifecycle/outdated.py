"""Members whose pods run an older template than their StatefulSet has: it is updated on delete alone.

See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#on-delete.

Layer: pure.
"""

from kdlib.frozen import Json, dig
from kdlib.model import ClusterStatus, MemberState, MemberStatus, Seen
from kdlib.wire import POD, STATEFUL_SET

__all__ = ["outdated_members", "renewable"]

_REVISION = "controller-revision-hash"
_AT_REST = frozenset({MemberState.CREATE_PENDING, MemberState.CONFIG_ERROR})


def outdated_members(seen: Seen, status: ClusterStatus) -> tuple[MemberStatus, ...]:
    """Return the members with pods from an older template; none while the set's controller is behind."""
    found = {(child["kind"], child["metadata"]["name"]): child for child in seen.children}
    return tuple(
        member
        for role in status.roles
        for member in role.members
        if _is_older(found.get((POD.name, member.pod)), found.get((STATEFUL_SET.name, role.stateful_set)))
    )


def renewable(member: MemberStatus) -> bool:
    """Tell whether an outdated member may lose its pod: nothing ran in it that anybody waits for.

    A member that never was set up takes a correction of its role so. One whose start script runs is left to end it.
    """
    return member.state in _AT_REST and not member.was_set_up


def _is_older(pod: Json | None, owner: Json | None) -> bool:
    if pod is None or owner is None or dig(pod, "metadata", "deletionTimestamp") is not None:
        return False
    behind = dig(owner, "status", "observedGeneration", default=0) < dig(owner, "metadata", "generation", default=0)
    wanted, has = dig(owner, "status", "updateRevision"), dig(pod, "metadata", "labels", _REVISION)
    return not behind and bool(wanted and has) and wanted != has
