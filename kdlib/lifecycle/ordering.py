"""Which roles wait for others when they are set up for the first time: `startOrder` of the app.

Pods start at once: images are pulled, volumes made and names resolved meanwhile. What waits is the set-up.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import replace

from kdlib.lifecycle.circumstances import Circumstances
from kdlib.model import ClusterStatus, MemberState, MemberStatus, Resolved

__all__ = ["awaited_role", "is_up", "with_awaited"]


def awaited_role(status: ClusterStatus, resolved: Resolved, role_id: str) -> str:
    """Return the role that this one waits for, empty for none.

    A role of which a member ever was set up waits for nobody: neither growth nor a restart is a first start.
    """
    order, entries = resolved.app.start_order or (), {role.id: role for role in status.roles}
    if role_id not in order or (role_id in entries and entries[role_id].was_set_up):
        return ""
    earlier = order[: order.index(role_id)]
    return next((other for other in earlier if other in entries and not all(map(is_up, entries[other].members))), "")


def with_awaited(status: ClusterStatus, around: Mapping[str, Circumstances]) -> dict[str, Circumstances]:
    """Say of each role which one it waits for, as the members stand in this status."""
    return {
        role_id: replace(item, awaited=awaited_role(status, item.resolved, role_id)) for role_id, item in around.items()
    }


def is_up(member: MemberStatus) -> bool:
    """Tell whether nobody has to wait for the member: it is configured, or goes."""
    leaves = member.state in (MemberState.DELETE_PENDING, MemberState.DELETING)
    return leaves or member.state is MemberState.CONFIGURED
