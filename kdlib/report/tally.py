"""The members of a cluster, counted by what is to be said of them.

Layer: pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kdlib.model import ClusterStatus, ContainerState, MemberState, MemberStatus, PendingNotify
from kdlib.report.rollup import is_down

__all__ = ["Tally", "failed_departure", "failed_notify", "first_few", "list_members", "refused_notify", "words"]

_LISTED = 3
_FINAL = (MemberState.CONFIGURED, MemberState.CONFIG_ERROR)


@dataclass(frozen=True)
class Tally:
    """Members of a cluster by what holds for them; one member may be in several of the tuples."""

    wanted: int
    ready: tuple[MemberStatus, ...]
    failed: tuple[MemberStatus, ...]
    """Set-up failed; only a retry helps."""
    deaf: tuple[MemberStatus, ...]
    """The start script failed when told of a change; only a retry helps."""
    moving: tuple[MemberStatus, ...]
    """Something is still to be done, and goes on by itself."""
    stuck: tuple[MemberStatus, ...]
    """The pod does not run, and will not before somebody acts."""
    down: tuple[MemberStatus, ...]
    holding: tuple[MemberStatus, ...]
    """The member is to go, and its start script did not let go of what it holds; a person has to act."""

    @classmethod
    def of(cls, status: ClusterStatus, wanted: int) -> "Tally":
        """Count the members of a status; `wanted` is how many the spec asks for."""
        members = [member for role in status.roles for member in role.members]
        generation = status.spec_generation_to_process

        def those(holds: Callable[[MemberStatus], bool]) -> tuple[MemberStatus, ...]:
            return tuple(filter(holds, members))

        return cls(
            wanted=wanted,
            ready=those(lambda member: member.state == MemberState.CONFIGURED),
            failed=those(lambda member: member.state == MemberState.CONFIG_ERROR),
            deaf=those(lambda member: failed_notify(member) is not None),
            moving=those(lambda member: _moves(member, generation)),
            stuck=those(lambda member: member.state_detail.trouble is not None),
            down=those(_has_no_container),
            holding=those(lambda member: bool(failed_departure(member))),
        )

    @property
    def fraction(self) -> str:
        """Return how many members are ready of those wanted, as the printer column shows it: `3/4`."""
        return f"{len(self.ready)}/{self.wanted}"


def failed_notify(member: MemberStatus) -> PendingNotify | None:
    """Return the change that the member's start script refused, and that a person has to act upon, or None."""
    refused = refused_notify(member)
    return refused if refused and not refused.next_try else None


def refused_notify(member: MemberStatus) -> PendingNotify | None:
    """Return the change that the member's start script refused, whoever has it tried again, or None."""
    if member.state != MemberState.CONFIGURED:
        return None
    return next((item for item in member.state_detail.pending_notify_cmds or () if item.exit_code is not None), None)


def failed_departure(member: MemberStatus) -> str:
    """Say why the member that is to go does not; empty where nothing failed."""
    told = member.state_detail.decommission
    return told.failure if told is not None and member.departs else ""


def _has_no_container(member: MemberStatus) -> bool:
    """Tell whether the member is down, or was configured and waits for its container to be started again."""
    waits = member.state_detail.last_known_container_state == ContainerState.WAITING
    return is_down(member) or (waits and member.state == MemberState.CONFIGURED)


def _moves(member: MemberStatus, generation: int | None) -> bool:
    """Tell whether the member is on its way by itself: in transition, or catching up with a change (3.2)."""
    if member.state_detail.trouble is not None:
        return False
    if member.state not in _FINAL:
        return not failed_departure(member)
    if member.state == MemberState.CONFIG_ERROR or failed_notify(member):
        return False
    detail = member.state_detail
    return bool(detail.pending_notify_cmds) or detail.last_setup_generation not in (None, generation)


def words(member: MemberStatus) -> str:
    """Say in words why the member is not done; empty for one that is."""
    detail = member.state_detail
    if member.state == MemberState.CONFIG_ERROR and detail.trouble is None:
        return "; ".join(filter(None, (detail.config_error_detail or "set-up failed", detail.progress)))
    return detail.progress or detail.scheduling_error_message or ""


def list_members(members: Iterable[MemberStatus]) -> str:
    """Name the first few members, each with its words, and say how many more there are."""
    return first_few([f"{member.pod}: {words(member) or member.state}" for member in members])


def first_few(named: Sequence[str]) -> str:
    """Join the first three, and say how many more there are."""
    more = [f"and {len(named) - _LISTED} more"] if len(named) > _LISTED else []
    return "; ".join([*named[:_LISTED], *more])
