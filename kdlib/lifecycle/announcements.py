"""Telling members of those that came and those that go: the queues of addnodes and delnodes (specification 3.14).

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kdlib.frozen import short_digest
from kdlib.lifecycle.addresses import fqdn
from kdlib.lifecycle.circumstances import subscribed
from kdlib.model import MemberState, MemberStatus, PendingNotify, Resolved, ResolvedRole, RoleStatus

__all__ = ["ADD", "DELETE", "Announcement", "announcement", "known_generation", "told"]

ADD = "addnodes"
DELETE = "delnodes"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Members of one role that came (`addnodes`) or go (`delnodes`).

    `subjects` are FQDN and pod of each, with the spec generation whose configmeta tells of it first: a member that
    was set up with that configmeta, or a later one, knows already.
    """

    event: str
    role: str
    subjects: tuple[tuple[str, str, int], ...]

    def entry_for(self, pod: str, knows: int) -> PendingNotify | None:
        """Return what the member with this pod, which knows the configmeta of a generation, is to be told."""
        news = [(name, since) for name, other, since in self.subjects if other != pod and since > knows]
        if not news:
            return None
        return _entry(self.event, self.role, [name for name, _ in news], max(since for _, since in news))


def announcement(
    event: str, role: ResolvedRole, members: Iterable[MemberStatus], *, resolved: Resolved, generation: int
) -> Announcement | None:
    """Make the announcement of these members of the role; None where there are none."""
    subjects = tuple(
        (
            fqdn(resolved, member.pod),
            member.pod,
            (event == ADD and member.state_detail.listed_since) or generation,
        )
        for member in members
    )
    return Announcement(event, role.id, subjects) if subjects else None


def told(
    roles: tuple[RoleStatus, ...], announcements: Iterable[Announcement], by_id: Mapping[str, ResolvedRole]
) -> tuple[RoleStatus, ...]:
    """Queue the announcements for every member that has to hear of them, in order."""
    for item in announcements:
        roles = tuple(
            role.changed(members=tuple(_queued(member, item) for member in role.members))
            if role.id in by_id and subscribed(by_id[role.id], item.event)
            else role
            for role in roles
        )
    return roles


def _queued(member: MemberStatus, item: Announcement) -> MemberStatus:
    knows = known_generation(member)
    entry = None if knows is None else item.entry_for(member.pod, knows)
    if entry is None:
        return member
    queue = member.state_detail.pending_notify_cmds or ()
    # Only the head of a queue may have been started: what stands behind it can still grow.
    if len(queue) > 1 and _mergeable(queue[-1], entry):
        queue = (*queue[:-1], _merged(queue[-1], entry, item))
    else:
        queue = (*queue, entry)
    changed: MemberStatus = member.changed(state_detail=member.state_detail.changed(pending_notify_cmds=queue))
    return changed


def known_generation(member: MemberStatus) -> int | None:
    """Return the generation of the configmeta that the member was set up with; None where it need not be told.

    A member whose set-up is still to come, or starts anew, learns all from its configmeta.
    """
    detail = member.state_detail
    learned = detail.configured_generation or 0
    match member.state:
        case MemberState.CONFIGURED:
            return learned
        case MemberState.CREATE_PENDING:
            return learned if detail.last_configured_container else None
        case MemberState.CREATING:
            return learned if member.pvc and learned else detail.configuring_generation or 0
        case _:
            return None


def _entry(event: str, role: str, names: list[str], generation: int) -> PendingNotify:
    """Make the stored form of a notification: its arguments are joined by blanks when it is executed."""
    arguments = (f"--{event}", "--nodegroup 1", "--role", role, "--fqdns", ",".join(names))
    change = f"{event}-{short_digest(event, generation, role, *names, length=10)}"
    return PendingNotify(arguments=arguments, change=change, generation=generation)


def _mergeable(entry: PendingNotify, other: PendingNotify) -> bool:
    return entry.exit_code is None and entry.attempt is None and entry.arguments[:-1] == other.arguments[:-1]


def _merged(entry: PendingNotify, other: PendingNotify, item: Announcement) -> PendingNotify:
    names = [*entry.arguments[-1].split(","), *other.arguments[-1].split(",")]
    return _entry(item.event, item.role, names, max(entry.generation or 0, other.generation or 0))
