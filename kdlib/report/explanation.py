"""Explaining a cluster: why is it waiting, for whom, and what happens next. Read from its root alone.

Layer: pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kdlib.frozen import Json, dig
from kdlib.lifecycle import TABLE, Cause, is_up, restart_asked
from kdlib.model import ClusterStatus, ContainerState, MemberState, MemberStatus, RoleStatus
from kdlib.report.lines import cluster_line
from kdlib.report.tally import failed_departure, failed_notify, first_few, words

__all__ = ["Explanation", "Wait", "explanation"]

_GOOD = MappingProxyType({"Stalled": "False", "Reconciling": "False", "Ready": "True"})
"""What the conditions that are always there say of a cluster that is at rest; the one that says most goes first."""

_USUAL: Mapping[MemberState, Cause] = MappingProxyType(
    {
        MemberState.CREATE_PENDING: Cause.CONTAINER_RUNS,
        MemberState.CREATING: Cause.SET_UP,
        MemberState.CONFIG_ERROR: Cause.RETRY_ASKED,
        MemberState.DELETE_PENDING: Cause.RENOUNCED,
        MemberState.DELETING: Cause.CLEANED,
    }
)
"""What usually takes a member out of each state."""

_A_PERSON = "a person"


@dataclass(frozen=True, slots=True)
class Wait:
    """One member that is not done: why, for whom it waits (itself where empty), and what happens next."""

    pod: str
    role: str
    state: str
    why: str
    for_whom: tuple[str, ...]
    next: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is to be said of a cluster: its line, what its conditions say beyond that, and the members that wait."""

    line: str
    told: tuple[str, ...]
    waits: tuple[Wait, ...]


def explanation(root: Json) -> Explanation:
    """Explain a cluster from its root, as the API server has it."""
    status = ClusterStatus.of(root.get("status"))
    waits = tuple(wait for role in status.roles for member in role.members if (wait := _wait(member, role, status)))
    return Explanation(cluster_line(root.get("status") or {}), tuple(_told(root)), waits)


def _told(root: Json) -> Iterator[str]:
    """Yield what is not as it is at rest: an operator that is behind, then each condition."""
    wanted, seen = dig(root, "metadata", "generation", default=0), dig(root, "status", "observedGeneration")
    if dig(root, "metadata", "deletionTimestamp"):
        yield "it is being deleted: the operator lets go of it, then its objects go"
    elif seen != wanted:
        known = f"has seen generation {seen}" if seen else "has not seen it yet"
        yield f"the operator {known}, the spec is at generation {wanted}: is kdd running? If so, its log says why"
    said = set()
    order = list(_GOOD)
    found = dig(root, "status", "conditions", default=[])
    for item in sorted(found, key=lambda item: order.index(item["type"]) if item["type"] in _GOOD else len(order)):
        at_rest = _GOOD.get(item["type"]) == item.get("status")
        message = str(item.get("message") or "")
        if not at_rest and message not in said:
            said.add(message)
            yield f"{item['type']} is {item.get('status')} ({item.get('reason')}): {message}"
    if not said:
        yield from _asked(root)


def _asked(root: Json) -> Iterator[str]:
    """Yield that a restart was asked for a moment ago, and not begun yet: a condition tells of it from then on."""
    annotations = dig(root, "metadata", "annotations", default={})
    pods = [
        member.pod
        for role in ClusterStatus.of(root.get("status")).roles
        for member in role.members
        if restart_asked(annotations, role.id, member.pod, member.state_detail.restart_handled)
    ]
    if pods:
        yield f"a restart was asked for of {first_few(pods)}; it has not begun: if that lasts, is kdd running?"


def _wait(member: MemberStatus, role: RoleStatus, status: ClusterStatus) -> Wait | None:
    queue = member.state_detail.pending_notify_cmds or ()
    why = words(member)
    if member.state is MemberState.CONFIGURED and not (queue or why):
        return None
    return Wait(
        pod=member.pod,
        role=role.id,
        state=str(member.state),
        why=why or _plainly(member),
        for_whom=_for_whom(member, status),
        next=_next(member),
    )


def _plainly(member: MemberStatus) -> str:
    queue = member.state_detail.pending_notify_cmds or ()
    return f"is being told: {_event(queue[0].arguments)}" if queue else "is on its way"


def _for_whom(member: MemberStatus, status: ClusterStatus) -> tuple[str, ...]:
    """Return the members that this one waits for, or who has to act; nobody where it waits for itself."""
    detail = member.state_detail
    failed = failed_notify(member) or failed_departure(member)
    if detail.trouble is not None or member.state is MemberState.CONFIG_ERROR or failed:
        return (_A_PERSON,)
    if detail.awaited_role is not None:
        return _not_up(status, detail.awaited_role)
    if member.state is MemberState.CREATE_PENDING and detail.last_known_container_state is ContainerState.RUNNING:
        return tuple(
            other.pod
            for role in status.roles
            for other in role.members
            if other.state is MemberState.CONFIGURED and _is_behind(other, detail.listed_since or 0)
        )
    return ()


def _not_up(status: ClusterStatus, role_id: str) -> tuple[str, ...]:
    """Return the members of a role that keep those waiting that come after it."""
    return tuple(
        f"{member.pod} (role {role_id})"
        for role in status.roles
        for member in role.members
        if role.id == role_id and not is_up(member)
    )


def _is_behind(member: MemberStatus, generation: int) -> bool:
    held = member.state_detail.last_config_data_generation
    return held is not None and held < generation


def _next(member: MemberStatus) -> str:
    queue = member.state_detail.pending_notify_cmds or ()
    if member.state is MemberState.CONFIGURED:
        later = ", then ".join(_event(item.arguments) for item in queue[1:])
        return f"then it is told of {later}" if later else "then it is up to date" if queue else "it catches up"
    cause = Cause.DECOMMISSIONED if member.departs else _USUAL[member.state]
    target = TABLE[member.state, cause].state
    return f"{target or 'gone'}, once {cause}"


def _event(arguments: tuple[str, ...]) -> str:
    """Return an event in words: its name, and whom it is about."""
    name, about = (arguments or ("",))[0].lstrip("-"), ""
    if "--fqdns" in arguments:
        about = ", ".join(item.partition(".")[0] for item in arguments[-1].split(","))
    return f"{name} of {about}" if about else name
