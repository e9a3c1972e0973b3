"""Why others do not count on a member: what holds back whoever would lose its pod next, and what helps.

Layer: pure.
"""

from kdlib.lifecycle.circumstances import Circumstances, has_package
from kdlib.lifecycle.membership import LEAVING
from kdlib.model import ContainerState, MemberState, MemberStatus

__all__ = ["ailment", "has_failed", "is_down"]


def ailment(member: MemberStatus, around: Circumstances) -> str:
    """Say why nobody counts on the member, and where nothing else tells, what a person can do; empty where all do."""
    detail, sighting, stored = member.state_detail, around.sighting(member), around.stored.get(member.pod)
    if member.state == MemberState.CONFIG_ERROR and detail.trouble is None:
        return f"its set-up failed: {detail.config_error_detail}"
    if member.state in LEAVING:
        return "it is being removed"
    if member.state != MemberState.CONFIGURED or stored is None or stored.state != MemberState.CONFIGURED:
        return detail.progress or f"it is in state {member.state.value!r}"
    if _is_ready(member, around):
        return "" if _is_told(member, around) else _untold(member, around)
    if sighting.container != detail.last_configured_container or not sighting.runs:
        return detail.progress or f"its container does not run; {_looked_at(member, around)}"
    return f"its container is not ready; {_looked_at(member, around)}"


def is_down(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether nobody loses anything with the member's pod: it does not work, or refused a change.

    Whoever is only being told of a change works: it is waited for.
    """
    if member.state != MemberState.CONFIGURED:
        return True
    queue = member.state_detail.pending_notify_cmds or ()
    return not _is_ready(member, around) or any(entry.exit_code is not None for entry in queue)


def _is_ready(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether the container that was set up is the one that runs, and is ready."""
    sighting = around.sighting(member)
    is_known = sighting.container == member.state_detail.last_configured_container
    return is_known and sighting.runs and sighting.state == ContainerState.RUNNING


def _untold(member: MemberStatus, around: Circumstances) -> str:
    """Say what a member is being told, and where it does not answer, how to have another try."""
    words = member.state_detail.progress or "it is still being told of a change"
    if around.reachable(member):
        return words
    return f"{words}; the others wait until it is told; {_restart(member, around)}"


def _looked_at(member: MemberStatus, around: Circumstances) -> str:
    """Say how to see what is wrong with a member that was set up well, and how to have another try."""
    root = around.resolved.root
    why = f"kubectl describe pod {member.pod} -n {root.namespace} says why"
    return f"{why}; the others wait until it is mended; {_restart(member, around)}"


def _restart(member: MemberStatus, around: Circumstances) -> str:
    root = around.resolved.root
    return f"to restart it: kdd restart {root.name} {member.pod} -n {root.namespace}"


def _is_told(member: MemberStatus, around: Circumstances) -> bool:
    detail = member.state_detail
    current = not detail.pending_notify_cmds and detail.last_config_data_generation == around.generation
    return current or not has_package(around.role)


def has_failed(member: MemberStatus) -> bool:
    """Tell whether the member waits for a person: a set-up, a change or a pod that came to nothing."""
    detail = member.state_detail
    queue, departure = detail.pending_notify_cmds or (), detail.decommission
    refused = any(entry.exit_code is not None and entry.next_try is None for entry in queue)
    refused = refused and member.state == MemberState.CONFIGURED
    stays = member.departs and departure is not None and departure.exit_code is not None
    return member.state == MemberState.CONFIG_ERROR or detail.trouble is not None or refused or stays
