"""What is to be done inside members: only what the stored status holds already.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.lifecycle.announcements import spelled_arguments
from kdlib.lifecycle.causes import refresh
from kdlib.lifecycle.circumstances import Circumstances, change_name, has_package, has_work
from kdlib.model import DECOMMISSION, Action, MemberState, MemberStatus, Notify, SetUp, WatchCopy

__all__ = ["actions"]


def actions(member: MemberStatus, around: Circumstances) -> Iterator[Action]:
    """Yield what is to be done inside the member now: nothing, a look at the copy, its set-up, or one notification."""
    stored, sighting = around.stored.get(member.pod), around.sighting(member)
    if stored is None or stored.state != member.state:
        return
    if member.state is MemberState.CREATE_PENDING and sighting.copying:
        yield WatchCopy(member.pod, sighting.copying)
    if sighting.runs:
        yield from _inside(member, stored, around)


def _inside(member: MemberStatus, stored: MemberStatus, around: Circumstances) -> Iterator[Action]:
    """Yield what is to be done in the container that runs, if it is the one that the status knows."""
    detail, container = member.state_detail, around.sighting(member).container
    match member.state:
        case MemberState.CREATING if container == detail.configuring_container and has_work(around.role):
            if _is_recorded(member, stored):
                yield _set_up(member, around)
        case MemberState.CONFIGURED if container == detail.last_configured_container:
            if has_package(around.role):
                yield from _notifications(member, stored, around)
        case MemberState.DELETE_PENDING if container == detail.last_configured_container and member.departs:
            yield from _decommission(member, stored, around)


def _decommission(member: MemberStatus, stored: MemberStatus, around: Circumstances) -> Iterator[Notify]:
    """Yield the last run of the start script of a member that goes; one that failed waits for a person."""
    detail = member.state_detail
    told = detail.decommission
    if told is not None and told.exit_code is None and told == stored.state_detail.decommission:
        container = detail.last_configured_container or ""
        yield Notify(member.pod, container, told.change, around.generation, (f"--{DECOMMISSION}",))


def _is_recorded(member: MemberStatus, stored: MemberStatus) -> bool:
    """Tell whether the attempt is the stored one."""
    now, then = member.state_detail, stored.state_detail
    return (now.configuring_container, now.attempt) == (then.configuring_container, then.attempt)


def _set_up(member: MemberStatus, around: Circumstances) -> SetUp:
    detail = member.state_detail
    # An attempt whose end nobody saw may have ended well on a volume: what was announced since is not known there.
    unseen = (detail.attempt or 1) > 1 and detail.last_configured_container is None
    is_anew = bool(detail.from_scratch)
    return SetUp(
        pod=member.pod,
        container=detail.configuring_container or "",
        attempt=detail.attempt or 1,
        generation=around.generation,
        from_scratch=detail.config_error_detail is not None or is_anew or unseen,
        done_before=bool(member.pvc) and _was_done(member) and not (unseen or is_anew),
    )


def _was_done(member: MemberStatus) -> bool:
    """Tell whether the last that is known of the member's set-up is that it ended well."""
    detail = member.state_detail
    known = detail.last_setup_generation is not None or detail.configured_generation is not None
    return detail.config_error_detail is None and known


def _notifications(member: MemberStatus, stored: MemberStatus, around: Circumstances) -> Iterator[Notify]:
    """Yield the head of the queue, which brings the configmeta along; else a refresh, where one is needed."""
    detail = member.state_detail
    container, queue = detail.last_configured_container or "", detail.pending_notify_cmds or ()
    recorded = {change_name(entry) for entry in stored.state_detail.pending_notify_cmds or ()}
    if queue and queue[0].exit_code is None:
        change = change_name(queue[0])
        if change in recorded:
            yield Notify(member.pod, container, change, around.generation, spelled_arguments(queue[0]))
        return
    change_to_present = refresh(member, around.generation)
    if change_to_present is not None:
        yield Notify(member.pod, container, change_to_present, around.generation)
