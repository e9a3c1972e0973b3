"""Why a member changes in this pass: the first cause that holds, by its state.

Layer: pure.
"""

from kdlib.lifecycle.circumstances import Circumstances, change_name, has_package, has_work
from kdlib.lifecycle.departing import asks_first, given_up
from kdlib.lifecycle.membership import LEAVING
from kdlib.lifecycle.repeating import is_due
from kdlib.lifecycle.retries import asked
from kdlib.lifecycle.table import Cause
from kdlib.model import Finished, MemberState, MemberStatus

__all__ = ["cause", "known_to_others", "refresh"]


def cause(member: MemberStatus, around: Circumstances, *, held: int) -> Cause | None:
    """Return why the member leaves its state or is changed in it; None where it stays as it is.

    `held` is the spec generation of the configmeta that every reachable configured member holds at least.
    """
    if member.state in LEAVING:
        return _leaving(member, around)
    unwanted = None if around.wanted(member) else _unwanted(member, around)
    if unwanted is not None:
        return unwanted
    match member.state:
        case MemberState.CREATE_PENDING:
            return _pending(member, around, held=held)
        case MemberState.CREATING:
            return _creating(member, around)
        case MemberState.CONFIGURED:
            return _queue(member, around) or _refreshed(member, around)
        case _:
            return _failed(member, around)


def known_to_others(member: MemberStatus) -> bool:
    """Tell whether other members were told of this one."""
    detail = member.state_detail
    if detail.decommission is not None:
        return True
    if detail.announced is not None:
        return detail.announced
    return detail.last_configured_container is not None and detail.config_error_detail is None


def refresh(member: MemberStatus, generation: int) -> str | None:
    """Return the name of the refresh that the configured member needs; None where its configmeta is current."""
    return str(generation) if member.state_detail.last_config_data_generation != generation else None


def _unwanted(member: MemberStatus, around: Circumstances) -> Cause | None:
    """Return how a member goes that is not wanted; None for one that is to be asked, and cannot be yet."""
    if not known_to_others(member):
        return Cause.UNWANTED
    detail = member.state_detail
    if not asks_first(around.role) or given_up(member, around):
        return Cause.UNWANTED_KNOWN
    if member.state is MemberState.CONFIGURED:
        same = around.sighting(member).container == detail.last_configured_container
        return Cause.TOLD_TO_GO if same else None
    return Cause.TOLD_TO_GO if detail.decommission is None else None


def _departing(member: MemberStatus, around: Circumstances) -> Cause | None:
    detail = member.state_detail
    told = detail.decommission
    if told is None:
        return None
    end = around.finished_notify(member, told.change) if told.exit_code is None else None
    if end is not None and end.exit_code == 0:
        return Cause.DECOMMISSIONED
    if given_up(member, around):
        return Cause.GIVEN_UP
    if around.sighting(member).container != detail.last_configured_container:
        return Cause.CONTAINER_GONE
    if end is not None:
        return Cause.DECOMMISSION_FAILED
    again = told.exit_code is not None and asked(around.annotations, member.pod, detail.retry_handled)
    return Cause.RETRY_ASKED if again else None


def _leaving(member: MemberStatus, around: Circumstances) -> Cause | None:
    if member.departs:
        return _departing(member, around)
    if member.state == MemberState.DELETE_PENDING:
        stored = around.stored.get(member.pod)
        known = stored and stored.state == MemberState.DELETE_PENDING and not stored.departs
        return Cause.RENOUNCED if known else None
    ended = around.surroundings.ended(member, around.role.stateful_set)
    claims_stay = around.resolved.spec.claim_retention.when_scaled == "Retain"
    return Cause.CLEANED if ended and around.surroundings.cleaned(member, claims_stay=claims_stay) else None


def _pending(member: MemberStatus, around: Circumstances, *, held: int) -> Cause | None:
    sighting, detail = around.sighting(member), member.state_detail
    if not sighting.runs or not sighting.container:
        return None
    under_way = sighting.container == detail.configuring_container
    if sighting.container == detail.last_configured_container and not under_way:
        return Cause.CAME_BACK_FAILED if detail.config_error_detail is not None else Cause.CAME_BACK
    return Cause.CONTAINER_RUNS if _may_begin(member, around, held=held) else None


def _may_begin(member: MemberStatus, around: Circumstances, *, held: int) -> bool:
    """Tell whether nobody has to come first, and the member's pod stays."""
    is_listed = held >= (member.state_detail.listed_since or 0)
    return is_listed and not (around.awaited or around.waits_for_pod(member))


def _creating(member: MemberStatus, around: Circumstances) -> Cause | None:
    detail, stored = member.state_detail, around.stored.get(member.pod)
    if around.sighting(member).container != detail.configuring_container:
        return Cause.CONTAINER_GONE
    if stored is None or stored.state != MemberState.CREATING or stored.state_detail.attempt != detail.attempt:
        return None
    if not has_work(around.role):
        return Cause.NOTHING_TO_SET_UP
    match around.finished_set_up(member):
        case Finished(exit_code=0, resumed=True):
            return Cause.TAKEN_UP
        case Finished(exit_code=0):
            return Cause.SET_UP
        case Finished():
            return Cause.FAILED
        case _:
            return None


def _queue(member: MemberStatus, around: Circumstances) -> Cause | None:
    """Return what the container, or the change at the head of the queue, leads to."""
    detail = member.state_detail
    if around.sighting(member).container != detail.last_configured_container:
        return Cause.CONTAINER_GONE
    queue = detail.pending_notify_cmds or ()
    if not queue:
        return None
    if queue[0].exit_code is not None:
        if asked(around.annotations, member.pod, detail.retry_handled):
            return Cause.RETRY_ASKED
        return Cause.RETRY_DUE if is_due(queue[0], around.resolved.seen.now) else None
    match around.finished_notify(member, change_name(queue[0])):
        case Finished(exit_code=0):
            return Cause.NOTIFIED
        case Finished():
            return Cause.NOTIFY_FAILED
        case _:
            return None


def _refreshed(member: MemberStatus, around: Circumstances) -> Cause | None:
    change = refresh(member, around.generation) if has_package(around.role) else None
    done = change is not None and around.finished_notify(member, change) is not None
    return Cause.REFRESHED if done else None


def _failed(member: MemberStatus, around: Circumstances) -> Cause | None:
    sighting, detail = around.sighting(member), member.state_detail
    if sighting.container != detail.last_configured_container:
        return Cause.CONTAINER_GONE
    if sighting.runs and asked(around.annotations, member.pod, detail.retry_handled):
        return Cause.RETRY_ASKED
    return None
