"""Whose turn it is: a change of the spec, or a restart that was asked for, reaches one member after the other.

In the order of the app's roles, the highest ordinal first. Nobody goes while another member cannot be counted on: all
others are configured, ready, and told of everything. A member that fails in its new form stops the rest. What is still
to be done can be read from what is there - pods from an older template, members set up from something else - so nothing
is remembered but that a rollout is under way, and which pod is being ended on request.

Layer: pure.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from kdlib.lifecycle.ailments import ailment, has_failed, is_down
from kdlib.lifecycle.circumstances import Circumstances, circumstances_of
from kdlib.lifecycle.membership import LEAVING
from kdlib.lifecycle.ordering import with_awaited
from kdlib.lifecycle.restarts import RESTART, restart_asked, restart_asked_alone, restart_handled
from kdlib.lifecycle.sightings import Surroundings, ordinal
from kdlib.model import ClusterStatus, Life, MemberState, MemberStatus, Resolved, RoleStatus, Rollout

__all__ = ["roll_out"]

_AT_REST = frozenset({MemberState.CREATE_PENDING, MemberState.CONFIGURED, MemberState.CONFIG_ERROR})
"""Whoever is in one of these states may lose its pod; a start script that runs is left to end."""


def roll_out(resolved: Resolved, life: Life, current: Collection[str]) -> Life:
    """Say whose pods go now, mark what is asked for, and end the rollouts that have come to their end.

    `current` are the roles whose StatefulSets are as they are wanted: their new pods are made from what the spec says.
    A restart that was asked for is recorded before its pod goes. While something is to be reserved, nothing happens.
    """
    if life.reservation_pending or not _is_asked(resolved, life.status):
        return life
    around = with_awaited(life.status, circumstances_of(resolved, life.status, Surroundings.of(resolved.seen)))
    cases = tuple(_cases(life.status, around, current))
    turn = _turn(cases)
    status = _advanced(life.status, cases, turn)
    ending = [case.member.pod for case in cases if case.is_ending]
    renewed = [turn.member.pod] if turn and not turn.is_asked and not ending else []
    return replace(life, status=status, renewals=tuple(sorted({*ending, *renewed})), rollout=_told(cases, turn))


def _advanced(status: ClusterStatus, cases: "tuple[_Case, ...]", turn: "_Case | None") -> ClusterStatus:
    """Return the status with the restarts that begin or have ended, and without the rollouts that are over."""
    marked = {case.member.pod: case for case in cases if case.is_asked_alone or (case is turn and case.is_asked)}
    # All roles that were begun with end together, so that what is told of their members counts the same ones.
    is_over = all(_is_done(case) for case in cases if case.is_rolled)
    roles = tuple(_marked(role, cases, marked) for role in status.roles)
    changed: ClusterStatus = status.changed(
        roles=tuple(role.changed(rollout=None) for role in roles) if is_over else roles
    )
    return changed


@dataclass(frozen=True, slots=True)
class _Case:
    """One member, and what is to be said of it."""

    role: str
    member: MemberStatus
    uid: str
    """That of its pod; empty where there is none that stays."""
    there: str
    """That of its pod, which may be on its way out: it is being restarted for as long as that is there."""
    handled: str | None
    is_rolled: bool
    """Its role has a rollout."""
    is_ready: bool
    """Its StatefulSet makes pods of the new form."""
    is_behind: bool
    is_asked: bool
    is_asked_alone: bool
    is_ending: bool
    ailment: str
    """Why it cannot be counted on; empty where it can."""
    is_down: bool
    """It does not work, so that nobody loses anything with its pod."""
    has_failed: bool
    is_awaiting: bool
    """Its role waits for an earlier one (`startOrder`), which a change may mend: it holds nobody up."""

    @property
    def holds_up(self) -> bool:
        """Tell whether nobody else may go because of it."""
        return bool(self.ailment) and not ((self.is_due and self.is_down) or self.is_awaiting)

    @property
    def is_due(self) -> bool:
        """Tell whether it waits for its turn."""
        return (self.is_behind or self.is_asked) and self.member.state in _AT_REST and not self.is_ending


def _is_asked(resolved: Resolved, status: ClusterStatus) -> bool:
    """Tell whether there may be anything to do; nearly always there is not."""
    annotations = resolved.seen.root["metadata"].get("annotations") or {}
    if any(key.startswith(RESTART) for key in annotations):
        return True
    return any(
        role.rollout is not None or any(member.state_detail.restarting for member in role.members)
        for role in status.roles
    )


def _cases(status: ClusterStatus, around: dict[str, Circumstances], current: Collection[str]) -> Iterator[_Case]:
    for role in status.roles:
        if role.id in around:
            for member in sorted(role.members, key=ordinal, reverse=True):
                yield _case(role, member, around[role.id], is_ready=role.id in current)


def _case(role: RoleStatus, member: MemberStatus, around: Circumstances, *, is_ready: bool) -> _Case:
    detail = member.state_detail
    # Whoever leaves holds the others up, and has no turn.
    there = "" if member.state in LEAVING else around.pod_uid(member)
    uid = "" if around.pod_ends(member) else there
    request = (around.annotations, role.id, member.pod, detail.restart_handled)
    stored = around.stored.get(member.pod)
    ending = bool(uid) and uid == detail.restarting
    return _Case(
        role=role.id,
        member=member,
        uid=uid,
        there=there,
        handled=restart_handled(*request),
        is_rolled=role.rollout is not None,
        is_ready=is_ready,
        is_behind=role.rollout is not None and bool(uid) and _is_behind(member, around),
        is_asked=bool(uid) and restart_asked(*request),
        is_asked_alone=bool(uid) and restart_asked_alone(*request),
        is_ending=ending and stored is not None and stored.state_detail.restarting == uid,
        ailment="it is being restarted" if ending else ailment(member, around),
        is_down=is_down(member, around),
        has_failed=has_failed(member),
        is_awaiting=bool(around.awaited) and member.state == MemberState.CREATE_PENDING,
    )


def _is_behind(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether the member has not got what the spec says."""
    return around.is_older(member) or (
        member.state in (MemberState.CONFIGURED, MemberState.CONFIG_ERROR) and around.is_otherwise(member)
    )


def _turn(cases: tuple[_Case, ...]) -> _Case | None:
    """Return whose turn it is: one that is down anyway before those that work; nobody where others have to come first.

    Members that are down and behind do not wait for one another, or a change that mends them all would reach none.
    """
    due = [case for case in cases if case.is_due]
    if not due or any(case.holds_up for case in cases):
        return None
    first = next((case for case in due if case.is_down), due[0])
    return first if first.is_ready else None


def _marked(role: RoleStatus, cases: tuple[_Case, ...], marked: dict[str, _Case]) -> RoleStatus:
    """Return the role with the restarts that are to come recorded."""
    uids = {case.member.pod: case.there for case in cases}
    members = tuple(_restarting(member, marked.get(member.pod), uids.get(member.pod)) for member in role.members)
    changed: RoleStatus = role.changed(members=members)
    return changed


def _restarting(member: MemberStatus, case: _Case | None, uid: str | None) -> MemberStatus:
    """Return the member with the restart that begins; one whose pod is another one has been restarted."""
    detail = member.state_detail
    if case is not None:
        changed = detail.changed(restart_handled=case.handled, restarting=case.uid)
    elif detail.restarting is not None and detail.restarting != uid:
        changed = detail.changed(restarting=None)
    else:
        return member
    found: MemberStatus = member.changed(state_detail=changed)
    return found


def _is_done(case: _Case) -> bool:
    return case.is_ready and not (case.is_behind or case.ailment)


def _told(cases: tuple[_Case, ...], turn: _Case | None) -> Rollout | None:
    rolled = [case for case in cases if case.is_rolled]
    if all(map(_is_done, rolled)) and not any(case.is_due or case.is_ending for case in cases):
        return None
    about = rolled or [case for case in cases if case.is_due or case.is_ending]
    others = [case for case in cases if case.holds_up]
    failed = next((case for case in others if case.has_failed), None)
    return Rollout(
        done=sum(map(_is_done, rolled)),
        total=sum(case.member.state not in LEAVING for case in about),
        words=_words(cases, turn, failed or next(iter(others), None)),
        is_stopped=failed is not None,
        is_upgrade=bool(rolled),
    )


def _words(cases: tuple[_Case, ...], turn: _Case | None, other: _Case | None) -> str:
    if turn is not None:
        return f"member {turn.member.pod!r} is next"
    if other is not None:
        return f"member {other.member.pod!r}: {other.ailment}"
    waiting = next((case.role for case in cases if not case.is_ready), "")
    return f"the StatefulSet of role {waiting!r} is being changed" if waiting else "nearly done"
