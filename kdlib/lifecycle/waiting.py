"""When a pass is due though nothing changes: the times that members wait for.

Layer: pure.
"""

from collections.abc import Iterator, Mapping

from kdlib.lifecycle.circumstances import Circumstances
from kdlib.lifecycle.departing import overdue_seconds
from kdlib.lifecycle.lost import replaced_in_seconds
from kdlib.lifecycle.repeating import seconds_until
from kdlib.lifecycle.sightings import Surroundings
from kdlib.model import ClusterStatus, MemberStatus
from kdlib.wire import POD

__all__ = ["again_seconds"]


def again_seconds(
    status: ClusterStatus, around: Mapping[str, Circumstances], surroundings: Surroundings
) -> float | None:
    """Return when the first pod that waits, or member that is to let go, will have had its time; None for none."""
    times = (
        seconds
        for role in status.roles
        if role.id in around
        for member in role.members
        for seconds in _times(member, around[role.id], surroundings)
    )
    return min((seconds for seconds in times if seconds > 0), default=None)


def _times(member: MemberStatus, around: Circumstances, surroundings: Surroundings) -> Iterator[float]:
    trouble, told = surroundings.sighting(member.pod).trouble, member.state_detail.decommission
    if trouble is not None:
        yield trouble.lasts_seconds(around.resolved.seen.now)
    pod = surroundings.children.get((POD.name, member.pod))
    if pod is not None:
        yield replaced_in_seconds(pod, around.resolved) or 0.0
    if told is not None and told.exit_code is None and not told.over:
        yield overdue_seconds(member, around)
    for entry in member.state_detail.pending_notify_cmds or ():
        if entry.next_try:
            yield seconds_until(entry.next_try, around.resolved.seen.now)
