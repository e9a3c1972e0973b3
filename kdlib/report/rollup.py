"""memberStateRollup: what holds for at least one member (3.15).

Layer: pure.
"""

from kdlib.model import ClusterStatus, ContainerState, MemberRollup, MemberState, MemberStatus

__all__ = ["is_down", "rollup"]

_DOWN = frozenset({ContainerState.TERMINATED, ContainerState.UNRESPONSIVE, ContainerState.ABSENT})
_UNSEEN = frozenset({MemberState.CREATE_PENDING, MemberState.DELETING})
"""States in which nobody expects a container."""


def is_down(member: MemberStatus) -> bool:
    """Tell whether a member that should have a running container has none that answers."""
    return member.state not in _UNSEEN and member.state_detail.last_known_container_state in _DOWN


def rollup(status: ClusterStatus) -> MemberRollup:
    """Return the seven flags of a cluster with these members."""
    members = [member for role in status.roles for member in role.members]
    return MemberRollup(
        membership_changing=any(map(_changes_membership, members)),
        members_down=any(map(is_down, members)),
        members_initializing=any(_container(member) == ContainerState.INITIALIZING for member in members),
        members_waiting=any(map(_waits, members)),
        members_restarting=any(_is_coming(member) and _was_there(member) for member in members),
        config_errors=any(member.state == MemberState.CONFIG_ERROR for member in members),
        members_not_scheduled=any(map(_is_unscheduled, members)),
    )


def _container(member: MemberStatus) -> ContainerState | None:
    return member.state_detail.last_known_container_state


def _was_there(member: MemberStatus) -> bool:
    return bool(member.state_detail.last_configured_container)


def _is_coming(member: MemberStatus) -> bool:
    return member.state in (MemberState.CREATE_PENDING, MemberState.CREATING)


def _changes_membership(member: MemberStatus) -> bool:
    leaving = member.state in (MemberState.DELETE_PENDING, MemberState.DELETING)
    return leaving or (_is_coming(member) and not _was_there(member))


def _is_absent(member: MemberStatus) -> bool:
    return member.state == MemberState.CREATE_PENDING and _container(member) == ContainerState.ABSENT


def _waits(member: MemberStatus) -> bool:
    return _is_absent(member) or _container(member) == ContainerState.WAITING


def _is_unscheduled(member: MemberStatus) -> bool:
    return _is_absent(member) and bool(member.state_detail.scheduling_error_message)
