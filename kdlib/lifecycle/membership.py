"""Which members a role has: new ones get name, node id and Service name, reserved before anything is made.

Layer: pure.
"""

from kdlib.lifecycle.circumstances import Circumstances
from kdlib.model import ContainerState, MemberState, MemberStatus, Resolved, ResolvedRole, StateDetail

__all__ = ["LEAVING", "grown", "with_service"]

LEAVING = frozenset({MemberState.DELETE_PENDING, MemberState.DELETING})


def grown(members: tuple[MemberStatus, ...], around: Circumstances, last_node_id: int) -> tuple[MemberStatus, ...]:
    """Return the members that the role lacks; none while it has members that leave (RC-23), or were told to go.

    Pods go from the highest ordinal down: a new member above one that goes would keep its pod for ever. Node ids go on
    from `last_node_id` (RC-17).
    """
    if any(member.state in LEAVING or member.state_detail.decommission is not None for member in members):
        return ()
    missing = range(len(members), around.role.wanted)
    return tuple(_member(around, ordinal, node_id) for node_id, ordinal in enumerate(missing, start=last_node_id + 1))


def with_service(member: MemberStatus, around: Circumstances) -> MemberStatus:
    """Reserve the name of the member's Service anew where another app gave its role ports, or took them (KO-05)."""
    role = around.role
    is_kept = role.spec is None or member.service == "" or (member.service == "n/a") != role.has_ports
    if is_kept or member.state in LEAVING:
        return member
    changed: MemberStatus = member.changed(service=_service(around.resolved, role, member.pod))
    return changed


def _member(around: Circumstances, ordinal: int, node_id: int) -> MemberStatus:
    role = around.role
    pod = f"{role.stateful_set}-{ordinal}"
    block = role.spec.block_storage if role.spec else None
    return MemberStatus(
        pod=pod,
        node_id=node_id,
        service=_service(around.resolved, role, pod),
        pvc=f"p-{pod}" if role.spec and role.spec.storage else None,
        block_device_paths=tuple(f"{block.path_prefix}{number}" for number in range(block.num_devices))
        if block
        else None,
        state=MemberState.CREATE_PENDING,
        state_detail=StateDetail(listed_since=around.generation, last_known_container_state=ContainerState.ABSENT),
    )


def _service(resolved: Resolved, role: ResolvedRole, pod: str) -> str:
    """Return the reserved name of the member's Service, `n/a` where its role has no ports (KO-05)."""
    if not role.has_ports:
        return "n/a"
    scheme = resolved.spec.naming_scheme or resolved.reserved.naming_scheme
    return pod if scheme == "CrNameRole" else f"s-{pod}"
