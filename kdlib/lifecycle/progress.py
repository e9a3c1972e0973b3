"""What a member is waiting for, in words, and what its container is doing.

Layer: pure.
"""

from kdlib.lifecycle.circumstances import Circumstances, Facts, change_name, has_package
from kdlib.lifecycle.membership import LEAVING
from kdlib.lifecycle.sightings import Sighting
from kdlib.lifecycle.troubles import Trouble
from kdlib.model import ContainerState, MemberState, MemberStatus, StateDetail, WatchCopy

__all__ = ["observed"]


def observed(member: MemberStatus, around: Circumstances) -> MemberStatus:
    """Record what was seen of the member's container, and what the member waits for (specification 3.6)."""
    sighting, detail = around.sighting(member), member.state_detail
    state = _container_state(member, sighting, around)
    error, trouble = sighting.scheduling_error or None, _trouble(member, sighting, around)
    going = _going(member, around)
    words = _words(trouble, detail, going) if trouble else _progress(member, sighting, around)
    progress = "; ".join(filter(None, (words, going))) or None
    found = detail.changed(
        last_known_container_state=state,
        scheduling_error_message=error,
        trouble=trouble.kind if trouble else None,
        progress=progress,
        awaited_role=_awaited_role(member, sighting, around) or None,
        storage_init_progress=_copied(member, sighting, around),
    )
    changed: MemberStatus = member.changed(state_detail=found)
    return member if found == detail else changed


def _trouble(member: MemberStatus, sighting: Sighting, around: Circumstances) -> Trouble | None:
    """Return what keeps the pod of a member that stays from running, once it has lasted long enough."""
    trouble, now = sighting.trouble, around.resolved.seen.now
    lasts = trouble is not None and member.state not in LEAVING and not trouble.lasts_seconds(now)
    return trouble if lasts else None


def _words(trouble: Trouble, before: StateDetail, going: str) -> str:
    """Return the trouble in words; a cause that the runtime told at first, and leaves out now, is kept."""
    known = (before.progress or "").removesuffix(f"; {going}")
    return known if before.trouble == trouble.kind and known.startswith(trouble.words) else trouble.words


def _container_state(member: MemberStatus, sighting: Sighting, around: Circumstances) -> ContainerState:
    """Count a configured member that has to catch up as unresponsive; one in error does not catch up (W-54)."""
    if sighting.container and sighting.runs and member.state == MemberState.CONFIGURED and has_package(around.role):
        detail = member.state_detail
        queue = detail.pending_notify_cmds or ()
        if queue and queue[0].exit_code is not None:
            # It did answer, and said no: that is told in words, and its container is what it is.
            return sighting.state
        if queue or detail.last_config_data_generation != around.generation:
            return ContainerState.UNRESPONSIVE
    return sighting.state


def _progress(member: MemberStatus, sighting: Sighting, around: Circumstances) -> str:
    detail = member.state_detail
    match member.state:
        case MemberState.CREATE_PENDING:
            awaited = _awaited_role(member, sighting, around)
            if awaited:
                return f"waiting for role {awaited!r}, which is before its own in the app's startOrder"
            if sighting.runs and around.waits_for_pod(member):
                return "waiting for a pod with the present image"
            return _waiting_for_container(sighting, f"{member.pod} -n {around.resolved.root.namespace}")
        case MemberState.CREATING:
            return _under_way(
                around.facts,
                (member.pod, detail.configuring_container, f"setup-{detail.attempt}"),
                f"set-up under way, attempt {detail.attempt}",
            )
        case MemberState.CONFIGURED:
            return _catching_up(member, around)
        case MemberState.DELETE_PENDING if member.departs:
            return _letting_go(member, around)
        case MemberState.DELETING:
            return "waiting for its pod to end" if sighting.there else "waiting for its Service and claims to go"
        case _:
            return ""


def _awaited_role(member: MemberStatus, sighting: Sighting, around: Circumstances) -> str:
    """Return the role that alone keeps the member from being set up; empty for none."""
    return around.awaited if member.state is MemberState.CREATE_PENDING and sighting.runs else ""


def _waiting_for_container(sighting: Sighting, pod: str) -> str:
    if sighting.scheduling_error:
        return f"its pod cannot be scheduled: {sighting.scheduling_error}"
    if not sighting.there:
        return "waiting for its pod"
    if sighting.waiting == "ContainerCreating":
        # A volume that cannot be mounted is told in Events of the pod alone.
        return f"waiting for its container: if that lasts, kubectl describe pod {pod} says why"
    if not sighting.runs:
        return f"waiting for its container: {sighting.waiting}" if sighting.waiting else "waiting for its container"
    return "waiting for configured members to hold the configmeta that lists it"


def _catching_up(member: MemberStatus, around: Circumstances) -> str:
    detail = member.state_detail
    queue, container = detail.pending_notify_cmds or (), detail.last_configured_container
    if not queue:
        if not has_package(around.role) or detail.last_config_data_generation == around.generation:
            return ""
        return around.facts.stall(member.pod, container, f"notify-{around.generation}")
    if queue[0].exit_code is not None:
        if queue[0].next_try:
            which, most = (queue[0].retries or 0) + 1, around.role.app.notify_retries or 0
            # The app that the cluster moved to meanwhile may ask for fewer tries, or for none.
            count = f"{which} of {most}" if which <= most else f"{which}"
            return f"{queue[0].failure}; it is run again by itself at {queue[0].next_try}, further try {count}"
        return f"{queue[0].failure}; mend it, then {_retry(member, around)}"
    operation = (member.pod, container, f"notify-{change_name(queue[0])}")
    return _under_way(around.facts, operation, f"its start script's {queue[0].event} runs")


def _letting_go(member: MemberStatus, around: Circumstances) -> str:
    told = member.state_detail.decommission
    if told is None:
        return ""
    if told.failure:
        again = _retry(member, around)
        return f"{told.failure}; mend it, then {again}; or let it go as it is: {again} --give-up"
    if not around.sighting(member).runs:
        return "it goes, and is to be asked first: its container does not run, and is waited for until its time is over"
    operation = (member.pod, member.state_detail.last_configured_container, f"notify-{told.change}")
    return _under_way(around.facts, operation, "it goes: its start script's decommission runs")


def _going(member: MemberStatus, around: Circumstances) -> str:
    """Say of a member that was told to go and lost its container since, or cannot be set up again, how it goes."""
    told = member.state_detail.decommission
    if told is None or told.over or member.state is MemberState.DELETE_PENDING:
        return ""
    failed = f", and {told.failure}" if told.failure else ""
    give_up = f"{_retry(member, around)} --give-up"
    return f"it is to go{failed}: it is asked again once it is set up; or let it go as it is: {give_up}"


def _retry(member: MemberStatus, around: Circumstances) -> str:
    root = around.resolved.root
    return f"kdd retry {root.name} {member.pod} -n {root.namespace}"


def _under_way(facts: Facts, operation: tuple[str, str | None, str], words: str) -> str:
    """Say of an operation that goes on for how long it has, and its last words; else why it does not."""
    heard = facts.under_way(*operation)
    if heard is None:
        return facts.stall(*operation) or words
    said = f": {heard.words}" if heard.words else ""
    return f"{words}, for {heard.seconds} s{said}"


def _copied(member: MemberStatus, sighting: Sighting, around: Circumstances) -> str | None:
    """Return how far the first copy onto the member's volume has come, while it is made (3.7)."""
    if not sighting.copying:
        return None
    heard = around.facts.under_way(member.pod, sighting.copying, WatchCopy(member.pod, sighting.copying).key)
    return (heard.words or None) if heard else None
