"""One step of all members of a cluster: from the stored status and what was seen to the next status.

Layer: pure.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from kdlib.lifecycle.actions import actions
from kdlib.lifecycle.announcements import ADD, DELETE, Announcement, announcement, told
from kdlib.lifecycle.causes import cause, known_to_others
from kdlib.lifecycle.circumstances import Circumstances, circumstances_of, has_package
from kdlib.lifecycle.connections import counted, with_reconnects, without_unread
from kdlib.lifecycle.effects import taken
from kdlib.lifecycle.forms import set_up_form
from kdlib.lifecycle.membership import LEAVING, grown, with_service
from kdlib.lifecycle.ordering import with_awaited
from kdlib.lifecycle.progress import observed
from kdlib.lifecycle.secret_keys import tells_keys, with_keys
from kdlib.lifecycle.sightings import Surroundings, ordinal
from kdlib.lifecycle.table import TABLE
from kdlib.lifecycle.tokens import renews_token, with_token, with_token_secret
from kdlib.lifecycle.waiting import again_seconds
from kdlib.model import (
    Action,
    ClusterStatus,
    ConnectionStatus,
    Life,
    MemberState,
    MemberStatus,
    Resolved,
    ResolvedRole,
    RoleStatus,
)
from kdlib.rules import accepted_now
from kdlib.wire import STATEFUL_SET

__all__ = ["advance", "resting", "settled"]

EVERYTHING = 2**62
"""More than any spec generation: nobody has to be waited for."""

FINAL = frozenset({MemberState.CONFIGURED, MemberState.CONFIG_ERROR})


def advance(resolved: Resolved, connections: tuple[ConnectionStatus, ...] = ()) -> Life:
    """Advance every member by what was seen, and say what is to be done inside them.

    `connections` are those of `resolved`, each with the version of what members are told of it.

    Record before act: a reservation (name, node id, token, membership) makes `reservation_pending` true and holds
    back all actions; attempts and queued changes lead to actions only once the stored status holds them.
    """
    surroundings = Surroundings.of(resolved.seen)
    status = _with_names(resolved, surroundings)
    around = circumstances_of(resolved, status, surroundings)
    status = _for_members(status, around, _formed)
    status, reconnects = counted(status, resolved, connections)
    rolls = bool(_rollouts(status) - _rollouts(resolved.status))
    leaves = any(_shrinks(role, around) for role in status.roles)
    if reconnects or rolls or leaves or tells_keys(resolved) or any(_renews(role, around) for role in status.roles):
        status, around = _next_generation(status, around)
    status = _moved(status, around)
    if any(_grows(role, around) for role in status.roles):
        if status.spec_generation_to_process == (resolved.status.spec_generation_to_process or 0):
            status, around = _next_generation(status, around)
        status = _grown(status, around)
    status = with_token_secret(_with_tokens(status, around), resolved)
    status = _with_announcements(status, resolved, around)
    status = with_reconnects(status, around, changes=reconnects)
    status = _observed(_digested(status), with_awaited(status, around))
    works = tuple(_actions(status, around))
    status = without_unread(status, resolved) if works else status
    pending = bool(_reservations(status) - _reservations(resolved.status))
    return Life(
        status=status,
        actions=() if pending else works,
        reservation_pending=pending,
        replicas=tuple(_replicas(status)),
        again_seconds=again_seconds(status, around, surroundings),
    )


def resting(resolved: Resolved) -> Life:
    """Return the members of a paused cluster as they are recorded: what is seen of them is told, nothing is decided."""
    surroundings, status = Surroundings.of(resolved.seen), resolved.status
    around = circumstances_of(resolved, status, surroundings)
    status = _observed(status, with_awaited(status, around))
    return Life(status=status, paused=True, again_seconds=again_seconds(status, around, surroundings))


def settled(status: ClusterStatus) -> bool:
    """Tell whether every member is configured or in config error, and has digested all changes (3.2)."""
    generation = status.spec_generation_to_process
    for role in status.roles:
        for member in role.members:
            detail = member.state_detail
            if member.state not in FINAL:
                return False
            if member.state == MemberState.CONFIGURED and (
                detail.pending_notify_cmds or detail.last_setup_generation not in (None, generation)
            ):
                return False
    return True


def _with_names(resolved: Resolved, surroundings: Surroundings) -> ClusterStatus:
    """Take the reserved names over, make entries of new roles, and drop those of roles that are gone (RC-20, RC-22)."""
    known = {role.id: role for role in resolved.status.roles}
    roles = [
        with_keys(_recorded(known.get(role.id, RoleStatus(id=role.id)), role, resolved), resolved)
        for role in resolved.roles
        if _is_there(role, known.get(role.id), surroundings)
    ]
    unresolved = set(known).difference(role.id for role in resolved.roles)
    changed: ClusterStatus = resolved.status.changed(
        roles=(*roles, *(known[role_id] for role_id in sorted(unresolved))),
        cluster_service=resolved.cluster_service,
        reserved=resolved.reserved,
        spec_generation_to_process=resolved.status.spec_generation_to_process or 0,
    )
    return changed


def _recorded(entry: RoleStatus, role: ResolvedRole, resolved: Resolved) -> RoleStatus:
    """Return the entry with what was answered for the role: its set's name, and the form that was accepted last.

    What changes for members that were set up is marked as a rollout, before anything is made of it.
    """
    accepted, rolls = entry.accepted, False
    if role.spec:
        accepted, rolls = accepted_now(entry, role.spec, resolved.spec.default_secret)
    rolls = rolls or (resolved.former_app is not None and entry.was_set_up)
    rollout = resolved.generation if rolls else entry.rollout
    changed: RoleStatus = entry.changed(stateful_set=role.stateful_set, accepted=accepted, rollout=rollout)
    return changed


def _formed(member: MemberStatus, around: Circumstances) -> MemberStatus:
    """Record what a member that an earlier release set up was set up from: the app that the cluster ran until now."""
    detail, role = member.state_detail, around.role
    if detail.set_up_from is not None or not member.was_set_up:
        return member
    former = around.resolved.former_app
    app = (former and former.role(role.id)) or role.app
    changed: MemberStatus = member.changed(
        state_detail=detail.changed(set_up_from=set_up_form(app.image_repo_tag, app))
    )
    return changed


def _rollouts(status: ClusterStatus) -> set[tuple[str, int]]:
    """Return what is to be brought to members one by one; configmeta tells it to all of them first."""
    return {(role.id, role.rollout) for role in status.roles if role.rollout is not None}


def _is_there(role: ResolvedRole, entry: RoleStatus | None, surroundings: Surroundings) -> bool:
    """Tell whether the role has, or gets, an entry in the status."""
    if role.wanted or (entry is not None and entry.members):
        return True
    return entry is not None and (STATEFUL_SET.name, role.stateful_set) in surroundings.children


def _shrinks(role: RoleStatus, around: Mapping[str, Circumstances]) -> bool:
    """Tell whether this pass takes members from the role: one that is asked first is there until it let go."""
    return role.id in around and any(_goes(member, around[role.id]) for member in role.members)


def _goes(member: MemberStatus, around: Circumstances) -> bool:
    """Tell whether the member is listed no more after this pass, however many transitions lead there."""
    if _is_out(member):
        return False
    moved = _settled_member(member, around, held=-1)
    return moved is None or _is_out(moved)


def _is_out(member: MemberStatus) -> bool:
    return member.state in LEAVING and not member.departs


def _renews(role: RoleStatus, around: Mapping[str, Circumstances]) -> bool:
    """Tell whether members are told another token of a member of the role from this pass on."""
    return role.id in around and any(renews_token(member, around[role.id]) for member in role.members)


def _grows(role: RoleStatus, around: Mapping[str, Circumstances]) -> bool:
    """Tell whether this pass adds members to the role."""
    return role.id in around and bool(grown(role.members, around[role.id], 0))


def _next_generation(
    status: ClusterStatus, around: dict[str, Circumstances]
) -> tuple[ClusterStatus, dict[str, Circumstances]]:
    """Count a change of membership, once for all of one pass (RC-15, RC-16)."""
    generation = (status.spec_generation_to_process or 0) + 1
    changed: ClusterStatus = status.changed(spec_generation_to_process=generation)
    return changed, {role: replace(item, generation=generation) for role, item in around.items()}


def _moved(status: ClusterStatus, around: Mapping[str, Circumstances]) -> ClusterStatus:
    """Take the transitions: first of members that others may wait for, then of those that wait."""
    first = _each(status, around, held=-1)
    return _each(first, with_awaited(first, around), held=_held(first, around))


def _each(status: ClusterStatus, around: Mapping[str, Circumstances], *, held: int) -> ClusterStatus:
    roles = []
    for role in status.roles:
        if role.id in around:
            moved = (_settled_member(member, around[role.id], held=held) for member in role.members)
            roles.append(role.changed(members=tuple(member for member in moved if member is not None)))
        else:
            roles.append(role)
    changed: ClusterStatus = status.changed(roles=tuple(roles))
    return changed


def _settled_member(member: MemberStatus, around: Circumstances, *, held: int) -> MemberStatus | None:
    """Take transitions until none is left; the table has no cycle without a new fact, so five are enough."""
    for _ in range(5):
        reason = cause(member, around, held=held)
        if reason is None:
            return member
        moved = taken(member, TABLE[member.state, reason], around)
        if moved is None:
            return None
        member = moved
    return member


def _held(status: ClusterStatus, around: Mapping[str, Circumstances]) -> int:
    """Return the generation of the configmeta that every reachable configured member holds at least (soft gate)."""
    return min(
        (
            member.state_detail.last_config_data_generation or 0
            for role in status.roles
            if role.id in around and has_package(around[role.id].role)
            for member in role.members
            if member.state == MemberState.CONFIGURED and around[role.id].reachable(member)
        ),
        default=EVERYTHING,
    )


def _grown(status: ClusterStatus, around: Mapping[str, Circumstances]) -> ClusterStatus:
    last, roles = status.last_node_id, []
    for role in status.roles:
        added = grown(role.members, around[role.id], last) if role.id in around else ()
        last += len(added)
        roles.append(role.changed(members=(*role.members, *added)))
    changed: ClusterStatus = status.changed(roles=tuple(roles), last_node_id=last)
    return changed


def _with_tokens(status: ClusterStatus, around: Mapping[str, Circumstances]) -> ClusterStatus:
    return _for_members(_for_members(status, around, with_service), around, with_token)


def _with_announcements(
    status: ClusterStatus, resolved: Resolved, around: Mapping[str, Circumstances]
) -> ClusterStatus:
    """Queue delnodes for members that go, then addnodes for those that were configured in this pass."""
    by_id = {role.id: role for role in resolved.roles}
    news = [
        *_news(DELETE, status, by_id, around),
        *_news(ADD, status, by_id, around),
    ]
    changed: ClusterStatus = status.changed(roles=told(status.roles, news, by_id))
    return changed


def _news(
    event: str,
    status: ClusterStatus,
    by_id: Mapping[str, ResolvedRole],
    around: Mapping[str, Circumstances],
) -> Iterator[Announcement]:
    for role in status.roles:
        if role.id not in by_id:
            continue
        here = around[role.id]
        found = announcement(
            event,
            by_id[role.id],
            (member for member in role.members if _is_news(event, member, here.stored.get(member.pod))),
            resolved=here.resolved,
            generation=here.generation,
        )
        if found is not None:
            yield found


def _is_news(event: str, member: MemberStatus, stored: MemberStatus | None) -> bool:
    if event == DELETE:
        unknown = stored is None or stored.state not in LEAVING or stored.departs
        return member.state == MemberState.DELETE_PENDING and not member.departs and unknown
    before = stored is not None and known_to_others(stored)
    return member.state == MemberState.CONFIGURED and bool(member.state_detail.announced) and not before


def _digested(status: ClusterStatus) -> ClusterStatus:
    """Let configured members without queue count as up to date, once no member is on its way (3.14)."""
    if any(member.state not in FINAL for role in status.roles for member in role.members):
        return status
    changed: ClusterStatus = status.changed(
        roles=tuple(
            role.changed(members=tuple(_up_to_date(member) for member in role.members)) for role in status.roles
        )
    )
    return changed


def _up_to_date(member: MemberStatus) -> MemberStatus:
    detail = member.state_detail
    waiting = member.state != MemberState.CONFIGURED or detail.pending_notify_cmds
    if waiting or detail.last_setup_generation in (None, detail.last_config_data_generation):
        return member
    changed: MemberStatus = member.changed(
        state_detail=detail.changed(last_setup_generation=detail.last_config_data_generation)
    )
    return changed


def _observed(status: ClusterStatus, around: Mapping[str, Circumstances]) -> ClusterStatus:
    return _for_members(status, around, observed)


def _for_members(
    status: ClusterStatus,
    around: Mapping[str, Circumstances],
    change: Callable[[MemberStatus, Circumstances], MemberStatus],
) -> ClusterStatus:
    changed: ClusterStatus = status.changed(
        roles=tuple(
            role.changed(members=tuple(change(member, around[role.id]) for member in role.members))
            if role.id in around
            else role
            for role in status.roles
        )
    )
    return changed


def _reservations(status: ClusterStatus) -> set[tuple[object, ...]]:
    """Return all that must be recorded before anything is made that depends on it."""
    found: set[tuple[object, ...]] = {
        ("cluster", status.cluster_service, status.spec_generation_to_process or 0),
        ("connections", status.last_connection_hash),
        ("reserved", status.reserved.model_dump_json() if status.reserved else ""),
    }
    for role in status.roles:
        found.add(("role", role.id, role.stateful_set, role.rollout))
        for member in role.members:
            tokens = member.auth_token, member.state_detail.auth_token_digest
            found.add((member.pod, member.node_id, member.service, tokens, member.pvc, _is_out(member)))
    return found


def _replicas(status: ClusterStatus) -> Iterator[tuple[str, int]]:
    """Yield wanted replicas of each role that has members: enough for every ordinal that still has to run."""
    for role in status.roles:
        if role.members:
            running = (ordinal(member) + 1 for member in role.members if member.state != MemberState.DELETING)
            yield role.id, max(running, default=0)


def _actions(status: ClusterStatus, around: Mapping[str, Circumstances]) -> Iterator[Action]:
    for role in status.roles:
        if role.id in around:
            for member in role.members:
                yield from actions(member, around[role.id])
