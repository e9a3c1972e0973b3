"""Members that go, and whose role wants to hear of it before: how long they are waited for.

A member that was told to go goes, whatever the spec says later: what it lets go of is not taken back.

Layer: pure.
"""

from kdlib.lifecycle.circumstances import Circumstances, has_package
from kdlib.lifecycle.repeating import seconds_until
from kdlib.lifecycle.retries import GIVE_UP, asked
from kdlib.model import DECOMMISSION, MemberState, MemberStatus, ResolvedRole, UnderWay
from kdlib.rules import time_limit

__all__ = ["asks_first", "given_up", "overdue_seconds"]

GRACE_SECONDS = 60.0
"""How much longer than its time limit a departure is waited for: a script that is stopped has to be heard of."""


def asks_first(role: ResolvedRole) -> bool:
    """Tell whether members of the role are decommissioned before they go; only a list that names the event asks."""
    return has_package(role) and DECOMMISSION in (role.app.event_list or ())


def given_up(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether the departure is waited for no more: a person says so, or its time is over and nothing answers.

    A try that failed waits for a person, for as long as it takes.
    """
    told = member.state_detail.decommission
    if told is None:
        return False
    if asked(around.annotations, member.pod, told.give_up_handled, GIVE_UP):
        return True
    return told.exit_code is None and not _answers(member, around) and overdue_seconds(member, around) <= 0


def overdue_seconds(member: MemberStatus, around: Circumstances) -> float:
    """Return how long the departure is waited for yet, where nothing answers."""
    told = member.state_detail.decommission
    if told is None:
        return 0.0
    limit, _ = time_limit(around.role.app, around.resolved.reserved, DECOMMISSION)
    return limit + GRACE_SECONDS + seconds_until(told.since, around.resolved.seen.now)


def _answers(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether the start script is at work, or about to be."""
    told, container = member.state_detail.decommission, member.state_detail.last_configured_container
    sighting = around.sighting(member)
    if told is None or member.state is not MemberState.DELETE_PENDING or not sighting.runs:
        return False
    operation = (member.pod, container, f"notify-{told.change}")
    heard = isinstance(around.facts.under_way(*operation), UnderWay)
    return sighting.container == container and (heard or not around.facts.stall(*operation))
