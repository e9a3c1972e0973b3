"""What the conditions of a cluster say, from its members and what happened to its objects.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.model import Life, Outcome, Resolved
from kdlib.report.conditions import FALSE, TRUE, Claim
from kdlib.report.reasons import Reason
from kdlib.report.tally import Tally, failed_notify, list_members

__all__ = ["verdict"]

_LISTED = 3


def verdict(resolved: Resolved, life: Life, outcome: Outcome, tally: Tally) -> Iterator[Claim]:
    """Yield what the conditions say; Ready is False if a member failed, even where all others are settled."""
    stuck = _stuck(resolved, life, tally)
    busy = _failures(outcome) or _moving(life, tally)
    trouble = stuck or busy or _down(tally)
    done = (Reason.CONFIGURED, f"all members are configured: {tally.fraction}")
    yield Claim("Ready", FALSE if trouble else TRUE, *(trouble or done))
    yield Claim("Reconciling", TRUE if busy else FALSE, *(busy or (Reason.SETTLED, "nothing is left to do")))
    if stuck and not busy:
        yield Claim("Stalled", TRUE, *stuck)
    else:
        yield Claim("Stalled", FALSE, Reason.NOT_STALLED, "nothing waits for a person")
    yield from _hints(resolved)


def _hints(resolved: Resolved) -> Iterator[Claim]:
    """Yield what is said only where there is something to say."""
    if resolved.unused_fields:
        listed = ", ".join(resolved.unused_fields)
        yield Claim("FieldsNotUsedYet", TRUE, Reason.FIELDS_NOT_USED, f"accepted, and without effect yet: {listed}")
    if resolved.unheld:
        yield Claim("NotEnforced", TRUE, Reason.NO_WEBHOOK, "; ".join(resolved.unheld))


def _stuck(resolved: Resolved, life: Life, tally: Tally) -> tuple[Reason, str] | None:
    """Return what waits for a person: the members, the fields of the app that they were set up by, what to do."""
    retry = f"kdd retry {resolved.root.name} -n {resolved.root.namespace}"
    remedy = f"correct what failed ({_packages(resolved, life, tally)}), then {retry}"
    if tally.failed:
        count = f"{len(tally.failed)} of {tally.wanted} members failed"
        return Reason.MEMBERS_FAILED, f"{count}: {list_members(tally.failed)}; {remedy}"
    refused = [(member, failed_notify(member)) for member in tally.deaf]
    if refused:
        named = [
            f"{member.pod}: {' '.join(change.arguments[:1])} ended with exit status {change.exit_code}"
            for member, change in refused
            if change
        ]
        # A retry runs the package that the member has; another one reaches it with a new container only.
        remedy = f"mend the start script inside the member, then {retry}; or mend its package and delete the pod"
        return Reason.NOTIFY_FAILED, f"{_first(named)}; {remedy}"
    return None


def _packages(resolved: Resolved, life: Life, tally: Tally) -> str:
    """Name the fields of the app that say how the members in trouble are set up."""
    pods = {member.pod for member in (*tally.failed, *tally.deaf)}
    roles = [role.id for role in life.status.roles if any(member.pod in pods for member in role.members)]
    fields = " and ".join(f"spec.roles[{role}].configPackage" for role in roles)
    return f"{fields} of app {resolved.app_name!r}"


def _failures(outcome: Outcome) -> tuple[Reason, str] | None:
    named = [f"{ref}: {what}" for ref, what in sorted(outcome.failures)]
    return (Reason.OBJECTS_FAILED, f"will be tried again: {_first(named)}") if named else None


def _down(tally: Tally) -> tuple[Reason, str] | None:
    return (Reason.MEMBERS_DOWN, f"down: {list_members(tally.down)}") if tally.down else None


def _moving(life: Life, tally: Tally) -> tuple[Reason, str] | None:
    members = sum(len(role.members) for role in life.status.roles)
    if tally.moving:
        return Reason.MEMBERS_CHANGING, f"{tally.fraction} members are ready; {list_members(tally.moving)}"
    if life.reservation_pending or members != tally.wanted:
        return Reason.MEMBERS_CHANGING, f"{tally.fraction} members are ready"
    return None


def _first(named: list[str]) -> str:
    more = [f"and {len(named) - _LISTED} more"] if len(named) > _LISTED else []
    return "; ".join([*named[:_LISTED], *more])
