"""What the conditions of a cluster say, from its members and what happened to its objects.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import dig
from kdlib.lifecycle import outdated_members, renewable_members
from kdlib.model import Life, MemberStatus, MemberTrouble, Outcome, Resolved, Rollout
from kdlib.report.conditions import FALSE, TRUE, Claim, condition
from kdlib.report.connected import missing_connections
from kdlib.report.pausing import paused
from kdlib.report.reasons import Reason
from kdlib.report.remedies import after_failure, against_trouble, against_unread, retry, to_go_on
from kdlib.report.tally import Tally, failed_departure, failed_notify, first_few, list_members, refused_notify

__all__ = ["verdict"]


_LISTED = 10
_WHEN_RESUMED = "the cluster is paused: members get what the spec says when it is resumed"
_AT_REST = {False: "nothing is left to do", True: "nothing is left to do before somebody acts"}


def verdict(resolved: Resolved, life: Life, outcome: Outcome, tally: Tally) -> Iterator[Claim]:
    """Yield what the conditions say; Ready is False if a member failed, even where all others are settled."""
    stuck = _stuck(resolved, life, tally)
    moving = _failures(outcome) or _rolling(life) or _moving(life, tally)
    trouble = stuck or moving or _down(tally)
    busy = None if life.paused else moving
    done = (Reason.CONFIGURED, f"all members are configured: {tally.fraction}")
    yield Claim("Ready", FALSE if trouble else TRUE, *(trouble or done))
    at_rest = (Reason.PAUSED, "the cluster is paused") if life.paused else (Reason.SETTLED, _AT_REST[stuck is not None])
    yield Claim("Reconciling", TRUE if busy else FALSE, *(busy or at_rest))
    if stuck and not busy:
        yield Claim("Stalled", TRUE, *stuck)
    else:
        yield Claim("Stalled", FALSE, Reason.NOT_STALLED, "nothing waits for a person")
    yield from _upgrade(resolved, life)
    yield from _hints(resolved, life)


def _rolling(life: Life) -> tuple[Reason, str] | None:
    """Return how far a rollout has come that goes on by itself, or when the cluster is resumed."""
    rollout = life.rollout
    if life.paused and _is_begun(life):
        return Reason.UPGRADING, _WHEN_RESUMED
    if rollout is None or rollout.is_stopped:
        return None
    if rollout.is_upgrade:
        return Reason.UPGRADING, f"{_progress(rollout)}; {rollout.words}"
    return Reason.RESTARTING, f"members to be restarted: {rollout.total}; {rollout.words}"


def _progress(rollout: Rollout) -> str:
    return f"{rollout.done}/{rollout.total} members have what the spec says"


def _upgrade(resolved: Resolved, life: Life) -> Iterator[Claim]:
    """Say how far an upgrade is, or who stopped it, why, and how it goes back or on."""
    rollout = life.rollout
    if rollout is None and _is_begun(life):
        yield from _upgrade_as_before(resolved, life)
    if rollout is None or not rollout.is_upgrade:
        return
    what = f"{_progress(rollout)}; {rollout.words}"
    if rollout.is_stopped:
        what = f"{what}; {to_go_on(resolved.seen)}"
        yield Claim("Upgrading", FALSE, Reason.UPGRADE_STOPPED, what)
    else:
        yield Claim("Upgrading", TRUE, Reason.UPGRADING, what)


def _is_begun(life: Life) -> bool:
    return any(role.rollout is not None for role in life.status.roles)


def _upgrade_as_before(resolved: Resolved, life: Life) -> Iterator[Claim]:
    """Say what was said of an upgrade that nothing is decided of in this pass: it is not at its end."""
    before = condition(resolved.seen.root.get("status"), "Upgrading")
    if before:
        reason = Reason.UPGRADE_STOPPED if before["reason"] == Reason.UPGRADE_STOPPED else Reason.UPGRADING
        what = _WHEN_RESUMED if life.paused else before["message"]
        yield Claim("Upgrading", FALSE if life.paused else before["status"], reason, what)


def _hints(resolved: Resolved, life: Life) -> Iterator[Claim]:
    """Yield what is said only where there is something to say."""
    if life.paused:
        yield paused(resolved.seen)
    late = list(_late(resolved, life))
    if late:
        yield Claim("MembersOutdated", TRUE, Reason.MEMBERS_OUTDATED, _renewal(resolved, late))
    missing = missing_connections(resolved)
    if missing:
        yield Claim("ConnectionsMissing", TRUE, *missing)
    repeated = list(_repeated(life))
    if repeated:
        yield Claim("NotifyFailed", TRUE, Reason.NOTIFY_FAILED, first_few(repeated))
    if resolved.not_accepted:
        listed = "; ".join(resolved.not_accepted)
        yield Claim("SpecAccepted", FALSE, Reason.CHANGE_NOT_ACCEPTED, listed)
    if resolved.unheld:
        yield Claim("NotEnforced", TRUE, Reason.NO_WEBHOOK, "; ".join(resolved.unheld))
    yield from _unread_keys(life)


def _repeated(life: Life) -> Iterator[str]:
    """Yield the changes that were refused, and are tried again by themselves, or were as often as the app asks for."""
    for role in life.status.roles:
        for member in role.members:
            refused = refused_notify(member)
            if refused and (refused.next_try or refused.retries):
                then = f"it is run again at {refused.next_try}" if refused.next_try else "it waits for a person"
                tries = "1 further try" if refused.retries == 1 else f"{refused.retries or 0} further tries"
                yield f"{member.pod}: {refused.failure}, after {tries}; {then}"


def _unread_keys(life: Life) -> Iterator[Claim]:
    named = ((role.id, name) for role in life.status.roles for name in role.unreadable_secret_keys or ())
    unread = [f"{name!r} of role {role!r}" for role, name in named]
    if unread:
        yield Claim("SecretKeysUnreadable", TRUE, Reason.KEYS_UNREADABLE, against_unread(first_few(unread)))


def _late(resolved: Resolved, life: Life) -> Iterator[str]:
    """Yield the pods that are old though the spec did not change: those are not ours to end."""
    rolled = {member.pod for role in life.status.roles if role.rollout is not None for member in role.members}
    rolled |= {member.pod for member in renewable_members(resolved, life.status)}
    for member in outdated_members(resolved.seen, life.status):
        if member.pod not in rolled:
            yield member.pod


def _renewal(resolved: Resolved, pods: list[str]) -> str:
    """Say which members run what the spec said before, and how they are renewed."""
    more = f" and {len(pods) - _LISTED} more" if len(pods) > _LISTED else ""
    namespace = dig(resolved.seen.root, "metadata", "namespace", default="")
    what = f"members run with what the spec said before: {', '.join(pods[:_LISTED])}{more}"
    return f"{what}; renew one after the other: kubectl delete pod {pods[0]} -n {namespace}"


def _stuck(resolved: Resolved, life: Life, tally: Tally) -> tuple[Reason, str] | None:
    """Return what waits for a person: the members, what failed, and what to do about it."""
    found = [
        *_set_ups_failed(resolved, life, tally),
        *_changes_refused(resolved, tally),
        *_departures_failed(resolved, tally),
        *_pods_stuck(resolved, life, tally),
    ]
    return (found[0][0], "; ".join(words for _, words in found)) if found else None


def _set_ups_failed(resolved: Resolved, life: Life, tally: Tally) -> Iterator[tuple[Reason, str]]:
    if tally.failed:
        pods = {member.pod for member in tally.failed}
        roles = tuple(role.id for role in life.status.roles if any(member.pod in pods for member in role.members))
        count = f"{len(tally.failed)} of {tally.wanted} members failed"
        remedy = after_failure(resolved.seen, roles)
        yield Reason.MEMBERS_FAILED, f"{count}: {list_members(tally.failed)}; {remedy}"


def _changes_refused(resolved: Resolved, tally: Tally) -> Iterator[tuple[Reason, str]]:
    named = [
        f"{member.pod}: {change.failure}"
        for member, change in ((member, failed_notify(member)) for member in tally.deaf)
        if change
    ]
    if named:
        # A retry runs the package that the member has; another one reaches it with a new container only.
        again = retry(resolved.seen)
        remedy = f"mend the start script inside the member, then {again}; or mend its package and delete the pod"
        yield Reason.NOTIFY_FAILED, f"{first_few(named)}; {remedy}"


def _departures_failed(resolved: Resolved, tally: Tally) -> Iterator[tuple[Reason, str]]:
    if tally.holding:
        named = first_few([f"{member.pod}: {failed_departure(member)}" for member in tally.holding])
        again = retry(resolved.seen)
        remedy = (
            f"the role shrinks when they let go: mend it, then {again}; or let them go as they are: {again} --give-up"
        )
        yield Reason.DECOMMISSION_FAILED, f"{named}; {remedy}"


def _pods_stuck(resolved: Resolved, life: Life, tally: Tally) -> Iterator[tuple[Reason, str]]:
    """Yield the members whose pods do not run, each kind of trouble in a role with the remedy for its first member."""
    stuck = {member.pod for member in tally.stuck}
    for role in life.status.roles:
        groups: dict[MemberTrouble | None, list[MemberStatus]] = {}
        for member in role.members:
            if member.pod in stuck:
                groups.setdefault(member.state_detail.trouble, []).append(member)
        for members in groups.values():
            remedy = against_trouble(resolved.seen, role, members[0])
            yield Reason.MEMBERS_STUCK, f"{list_members(members)}; {remedy}"


def _failures(outcome: Outcome) -> tuple[Reason, str] | None:
    named = [f"{ref}: {what}" for ref, what in sorted(outcome.failures)]
    return (Reason.OBJECTS_FAILED, f"will be tried again: {first_few(named)}") if named else None


def _down(tally: Tally) -> tuple[Reason, str] | None:
    return (Reason.MEMBERS_DOWN, f"down: {list_members(tally.down)}") if tally.down else None


def _moving(life: Life, tally: Tally) -> tuple[Reason, str] | None:
    members = sum(len(role.members) for role in life.status.roles) - len(tally.holding)
    if tally.moving:
        return Reason.MEMBERS_CHANGING, f"{tally.fraction} members are ready; {list_members(tally.moving)}"
    if life.reservation_pending or members != tally.wanted:
        return Reason.MEMBERS_CHANGING, f"{tally.fraction} members are ready"
    return None
