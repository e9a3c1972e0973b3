"""Why a member changes in this pass: the first cause that holds, by its state.

Layer: pure.
"""

from kdlib.lifecycle.circumstances import Circumstances, change_name, has_package, has_work
from kdlib.lifecycle.membership import LEAVING
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
    if not around.wanted(member):
        return Cause.UNWANTED_KNOWN if known_to_others(member) else Cause.UNWANTED
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
    if detail.announced is not None:
        return detail.announced
    return detail.last_configured_container is not None and detail.config_error_detail is None


def refresh(member: MemberStatus, generation: int) -> str | None:
    """Return the name of the refresh that the configured member needs; None where its configmeta is current."""
    return str(generation) if member.state_detail.last_config_data_generation != generation else None


def _leaving(member: MemberStatus, around: Circumstances) -> Cause | None:
    if member.state == MemberState.DELETE_PENDING:
        stored = around.stored.get(member.pod)
        return Cause.RENOUNCED if stored and stored.state == MemberState.DELETE_PENDING else None
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
    return Cause.CONTAINER_RUNS if held >= (detail.listed_since or 0) else None


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
        return Cause.RETRY_ASKED if asked(around.annotations, member.pod, detail.retry_handled) else None
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
