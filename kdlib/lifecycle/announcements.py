"""Telling members of those that came and those that go: the queues of addnodes and delnodes (specification 3.14).

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kdlib.frozen import short_digest
from kdlib.lifecycle.addresses import fqdn
from kdlib.lifecycle.circumstances import subscribed
from kdlib.lifecycle.name_lists import shortened, spelled_out
from kdlib.model import MemberState, MemberStatus, PendingNotify, Resolved, ResolvedRole, RoleStatus

__all__ = ["ADD", "DELETE", "Announcement", "announcement", "known_generation", "spelled_arguments", "told"]

ADD = "addnodes"
DELETE = "delnodes"
FQDNS = "--fqdns"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Members of one role that came (`addnodes`) or go (`delnodes`).

    `subjects` are FQDN and pod of each, with the spec generation whose configmeta tells of it first: a member that
    was set up with that configmeta, or a later one, knows already.
    """

    event: str
    role: str
    subjects: tuple[tuple[str, str, int], ...]

    @property
    def newest(self) -> int:
        """Return the generation that nobody who knows it, or a later one, has to be told of anything."""
        return max(since for _, _, since in self.subjects)

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
        queues = _Queues(item)
        roles = tuple(
            role.changed(members=tuple(map(queues.with_entry, role.members)))
            if role.id in by_id and subscribed(by_id[role.id], item.event)
            else role
            for role in roles
        )
    return roles


class _Queues:
    """Queues one announcement: what many members are told alike is made once, however many there are."""

    def __init__(self, item: Announcement) -> None:
        self._item = item
        self._newest = item.newest
        self._subjects = {pod for _, pod, _ in item.subjects}
        self._entries: dict[int, PendingNotify | None] = {}
        self._merged: dict[tuple[PendingNotify, PendingNotify], PendingNotify] = {}

    def with_entry(self, member: MemberStatus) -> MemberStatus:
        """Return the member with what it is to be told at the end of its queue."""
        knows = known_generation(member)
        entry = None if knows is None or knows >= self._newest else self._entry(member.pod, knows)
        if entry is None:
            return member
        queue = member.state_detail.pending_notify_cmds or ()
        # Only the head of a queue may have been started: what stands behind it can still grow.
        if len(queue) > 1 and _mergeable(queue[-1], entry):
            queue = (*queue[:-1], self._with(queue[-1], entry))
        else:
            queue = (*queue, entry)
        changed: MemberStatus = member.changed(state_detail=member.state_detail.changed(pending_notify_cmds=queue))
        return changed

    def _entry(self, pod: str, knows: int) -> PendingNotify | None:
        if pod in self._subjects:
            return self._item.entry_for(pod, knows)
        if knows not in self._entries:
            self._entries[knows] = self._item.entry_for(pod, knows)
        return self._entries[knows]

    def _with(self, last: PendingNotify, entry: PendingNotify) -> PendingNotify:
        if (last, entry) not in self._merged:
            self._merged[last, entry] = _merged(last, entry, self._item)
        return self._merged[last, entry]


def spelled_arguments(entry: PendingNotify) -> tuple[str, ...]:
    """Return the arguments as the start script gets them, one word each, every name spelled out."""
    words = " ".join(entry.arguments).split()
    before = ("", *words)
    return tuple(
        ",".join(spelled_out(word)) if last == FQDNS else word for last, word in zip(before, words, strict=False)
    )


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
    arguments = (f"--{event}", "--nodegroup 1", "--role", role, FQDNS, shortened(names))
    change = f"{event}-{short_digest(event, generation, role, *names, length=10)}"
    return PendingNotify(arguments=arguments, change=change, generation=generation)


def _mergeable(entry: PendingNotify, other: PendingNotify) -> bool:
    return entry.exit_code is None and entry.attempt is None and entry.arguments[:-1] == other.arguments[:-1]


def _merged(entry: PendingNotify, other: PendingNotify, item: Announcement) -> PendingNotify:
    names = [*spelled_out(entry.arguments[-1]), *spelled_out(other.arguments[-1])]
    return _entry(item.event, item.role, names, max(entry.generation or 0, other.generation or 0))
