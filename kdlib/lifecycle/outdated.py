"""Members whose pods run an older template than their StatefulSet has: it is updated on delete alone.

See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#on-delete.

Layer: pure.
"""

from kdlib.frozen import Json, dig
from kdlib.lifecycle.forms import set_up_form
from kdlib.model import ClusterStatus, MemberState, MemberStatus, Resolved, Seen
from kdlib.wire import POD, STATEFUL_SET

__all__ = ["is_older", "outdated_members", "renewable_members"]

_REVISION = "controller-revision-hash"
_AT_REST = frozenset({MemberState.CREATE_PENDING, MemberState.CONFIG_ERROR})


def outdated_members(seen: Seen, status: ClusterStatus) -> tuple[MemberStatus, ...]:
    """Return the members with pods from an older template; none while the set's controller is behind."""
    found = {(child["kind"], child["metadata"]["name"]): child for child in seen.children}
    return tuple(
        member
        for role in status.roles
        for member in role.members
        if is_older(found.get((POD.name, member.pod)), found.get((STATEFUL_SET.name, role.stateful_set)))
    )


def renewable_members(resolved: Resolved, status: ClusterStatus) -> tuple[MemberStatus, ...]:
    """Return the outdated members that may lose their pods at once: nothing runs in them that anybody waits for.

    A member that never was set up takes a correction of its role so. One whose start script runs is left to end it.
    One that waits for its container is not set up in a pod of another image than it is to have; so several of them go
    together: to wait for one another would only keep all of them down for longer.
    """
    forms = {role.stateful_set: set_up_form(role.image, role.app) for role in resolved.roles}
    return tuple(
        member
        for member in outdated_members(resolved.seen, status)
        if _is_renewable(member, forms.get(member.pod.rpartition("-")[0]))
    )


def _is_renewable(member: MemberStatus, form: str | None) -> bool:
    other_form = form is not None and member.state_detail.set_up_from not in (None, form)
    if member.was_set_up:
        return member.state is MemberState.CREATE_PENDING and other_form
    return member.state in _AT_REST


def is_older(pod: Json | None, owner: Json | None) -> bool:
    """Tell whether the pod is there to stay and comes from an older template than its StatefulSet has."""
    if pod is None or owner is None or dig(pod, "metadata", "deletionTimestamp") is not None:
        return False
    behind = dig(owner, "status", "observedGeneration", default=0) < dig(owner, "metadata", "generation", default=0)
    wanted, has = dig(owner, "status", "updateRevision"), dig(pod, "metadata", "labels", _REVISION)
    return not behind and bool(wanted and has) and wanted != has
