"""Events: what became different from one status to the next, once for each cause.

An Event's name is a digest of its cause, so whoever makes it again, another operator or a restarted one, finds it
there: creating it answers AlreadyExists, which is no error.
See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from kdlib.frozen import Json, digest
from kdlib.model import (
    ClusterState,
    ClusterStatus,
    MemberState,
    MemberStatus,
    MemberTrouble,
    Outcome,
    RoleStatus,
    Seen,
)
from kdlib.names import GROUP
from kdlib.report.conditions import condition
from kdlib.report.reasons import EVENT_REASONS, EventReason, Reason
from kdlib.report.remedies import after_failure, against_trouble, retry
from kdlib.report.tally import failed_departure, failed_notify, first_few, list_members
from kdlib.wire import EVENT

__all__ = ["event_of", "events", "farewell"]

_LONGEST_NOTE = 1024
_LONGEST_NAME = 236
_TOLD_HINTS = (
    ("ConnectionsMissing", EventReason.CONNECTIONS_MISSING),
    ("MembersOutdated", EventReason.MEMBERS_OUTDATED),
    ("SecretKeysUnreadable", EventReason.KEYS_UNREADABLE),
    ("BackedUp", EventReason.CLUSTER_BACKUP_REFUSED),
)


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why an Event is made; `mark` tells this occurrence from an earlier one of the same cause."""

    reason: EventReason
    note: str
    mark: Any = ""
    pod: str = ""


def events(seen: Seen, before: Json | None, after: Json, outcome: Outcome | None = None) -> tuple[Json, ...]:
    """Return the Events for what changed between two statuses, and for objects that failed, sorted by name."""
    old, new = ClusterStatus.of(before), ClusterStatus.of(after)
    causes = [
        *_cluster_causes(old, new),
        *_connection_causes(old, new),
        *_role_causes(old, new),
        *_verdict_causes(before, after),
        *_member_causes(seen, old, new),
        *_object_causes(new, outcome or Outcome()),
    ]
    made = {event["metadata"]["name"]: event for event in (_event(seen, cause) for cause in causes)}
    return tuple(made[name] for name in sorted(made))


def farewell(seen: Seen) -> tuple[Json, ...]:
    """Return the Event for a cluster whose deletion was asked for."""
    return (_event(seen, _Cause(EventReason.CLUSTER_DELETING, "all objects of the cluster are deleted with it")),)


def event_of(seen: Seen, reason: EventReason, note: str) -> Json:
    """Return one Event about the cluster."""
    return _event(seen, _Cause(reason, note))


def _cluster_causes(old: ClusterStatus, new: ClusterStatus) -> Iterator[_Cause]:
    if not old.state:
        yield _Cause(EventReason.CLUSTER_CREATING, "the cluster was seen for the first time")
    elif old.state != new.state:
        match new.state:
            case ClusterState.CONFIGURED:
                yield _configured(new)
            case ClusterState.UPDATING:
                yield _Cause(EventReason.CLUSTER_UPDATING, f"members ready: {new.members}", _mark(new))


def _configured(new: ClusterStatus) -> _Cause:
    """Return the Event of a cluster that has nothing left to do, which members that failed have not either."""
    failed = [member for role in new.roles for member in role.members if member.state == MemberState.CONFIG_ERROR]
    if not failed:
        return _Cause(EventReason.CLUSTER_CONFIGURED, f"members ready: {new.members}", _mark(new))
    note = f"members ready: {new.members}; set-up failed: {list_members(failed)}"
    return _Cause(EventReason.CLUSTER_CONFIGURED_IN_PART, note, _mark(new))


def _connection_causes(old: ClusterStatus, new: ClusterStatus) -> Iterator[_Cause]:
    version = new.connection_version or 0
    if version <= (old.connection_version or 0):
        return
    before = {(item.kind, item.name): item.version for item in old.connections or ()}
    after = {(item.kind, item.name): item.version for item in new.connections or ()}
    named = [
        f"{kind} {name!r}" for kind, name in {**before, **after} if before.get((kind, name)) != after.get((kind, name))
    ]
    yield _Cause(
        EventReason.CONNECTIONS_CHANGED,
        f"change {version} of what the cluster is connected to: {first_few(named)}",
        version,
    )


def _role_causes(old: ClusterStatus, new: ClusterStatus) -> Iterator[_Cause]:
    generation = (new.observed_generation, new.spec_generation_to_process)
    before = {role.id: _staying(role.members) for role in old.roles}
    after = {role.id: _staying(role.members) for role in new.roles}
    for role in sorted({*before, *after}):
        had, has = before.get(role, 0), after.get(role, 0)
        if had < has:
            yield _Cause(EventReason.ROLE_GROWING, f"role {role!r} grows from {had} to {has} members", generation)
        elif had > has:
            yield _Cause(EventReason.ROLE_SHRINKING, f"role {role!r} shrinks from {had} to {has} members", generation)


def _staying(members: tuple[MemberStatus, ...]) -> int:
    return sum(member.state not in (MemberState.DELETE_PENDING, MemberState.DELETING) for member in members)


def _mark(status: ClusterStatus) -> Any:
    """Tell one settling of the members from another: which containers and attempts it is about."""
    return [
        status.observed_generation,
        status.spec_generation_to_process,
        [_life(member) for role in status.roles for member in role.members],
    ]


def _life(member: MemberStatus) -> list[Any]:
    detail = member.state_detail
    return [member.pod, detail.configuring_container, detail.last_configured_container, detail.attempt]


def _verdict_causes(before: Json | None, after: Json) -> Iterator[_Cause]:
    was, stalled = condition(before, "Stalled"), condition(after, "Stalled")
    generation = stalled.get("observedGeneration")
    if stalled.get("reason") == Reason.REFUSED and was.get("message") != stalled.get("message"):
        yield _Cause(EventReason.CLUSTER_REFUSED, stalled["message"], generation)
    if was.get("reason") == Reason.REFUSED and stalled.get("reason") != Reason.REFUSED:
        yield _Cause(EventReason.CLUSTER_ACCEPTED, "what was wrong is put right", generation)
    yield from _upgrade_causes(condition(before, "Upgrading"), condition(after, "Upgrading"), generation)
    for kind, reason in _TOLD_HINTS:
        hint = condition(after, kind)
        if hint and condition(before, kind).get("message") != hint["message"]:
            yield _Cause(reason, hint["message"], generation)


def _upgrade_causes(was: Json, now: Json, generation: Any) -> Iterator[_Cause]:
    """Yield begin, stop and end of a rollout; how far it is, is told by the condition alone."""
    match was.get("reason"), now.get("reason"):
        case before, after if before == after:
            return
        case _, Reason.UPGRADE_STOPPED:
            yield _Cause(EventReason.UPGRADE_STOPPED, now["message"], generation)
        case _, Reason.UPGRADING:
            yield _Cause(EventReason.UPGRADE_STARTED, now["message"], generation)
        case _:
            yield _Cause(EventReason.UPGRADE_ENDED, "all members have what the spec says", generation)


def _member_causes(seen: Seen, old: ClusterStatus, new: ClusterStatus) -> Iterator[_Cause]:
    before = {member.pod: member for role in old.roles for member in role.members}
    for role in new.roles:
        for member in role.members:
            was = before.get(member.pod) or MemberStatus(pod=member.pod)
            yield from _transition_causes(seen, role, was, member)
            yield from _trouble_causes(seen, role, was, member)
            yield from _departure_causes(seen, role, was, member)


def _transition_causes(seen: Seen, role: RoleStatus, was: MemberStatus, member: MemberStatus) -> Iterator[_Cause]:
    if was.state == member.state:
        return
    detail, who = member.state_detail, f"member {member.pod!r} of role {role.id!r}"
    match was.state, member.state:
        case _, MemberState.CREATING:
            reason, note = EventReason.MEMBER_SET_UP_STARTED, f"set-up of {who} starts, attempt {detail.attempt}"
        case _, MemberState.CONFIGURED:
            reason, note = EventReason.MEMBER_CONFIGURED, f"{who} is configured"
        case _, MemberState.CONFIG_ERROR:
            remedy = after_failure(seen, (role.id,), member.pod)
            reason, note = EventReason.MEMBER_FAILED, f"{who} failed: {detail.config_error_detail}; {remedy}"
        case MemberState.CONFIGURED | MemberState.CONFIG_ERROR, MemberState.CREATE_PENDING if _is_renewed(role, was):
            reason, note = EventReason.MEMBER_RENEWED, f"{who} was ended to be made anew"
        case MemberState.CONFIGURED | MemberState.CONFIG_ERROR, MemberState.CREATE_PENDING:
            reason, note = EventReason.MEMBER_RESTARTED, f"{who} lost its container, and will be set up again"
        case _:
            return
    yield _Cause(reason, note, [_life(was), _life(member)], member.pod)


def _is_renewed(role: RoleStatus, was: MemberStatus) -> bool:
    return role.rollout is not None or was.state_detail.restarting is not None


def _trouble_causes(seen: Seen, role: RoleStatus, was: MemberStatus, member: MemberStatus) -> Iterator[_Cause]:
    who, detail = f"member {member.pod!r} of role {role.id!r}", member.state_detail
    words = detail.scheduling_error_message
    if words and was.state_detail.scheduling_error_message != words:
        yield _Cause(EventReason.MEMBER_UNSCHEDULABLE, f"{who} cannot be scheduled: {words}", _life(member), member.pod)
    if detail.trouble and detail.trouble != was.state_detail.trouble:
        note = f"{who}: {detail.progress}; {against_trouble(seen, role, member)}"
        # A container that ends again and again has many lives, and is told of once.
        mark = "" if detail.trouble == MemberTrouble.CONTAINER_ENDS else _life(member)
        yield _Cause(EventReason.MEMBER_STUCK, note, mark, member.pod)
    refused = failed_notify(member)
    if refused and refused != failed_notify(was):
        note = f"{who}: {refused.failure}"
        remedy = f"mend it, then {retry(seen, member.pod)}"
        mark = [refused.change, refused.attempt]
        yield _Cause(EventReason.MEMBER_NOTIFY_FAILED, f"{note}; {remedy}", mark, member.pod)


def _departure_causes(seen: Seen, role: RoleStatus, was: MemberStatus, member: MemberStatus) -> Iterator[_Cause]:
    told, before = member.state_detail.decommission, was.state_detail.decommission
    if told is None:
        return
    who, mark = f"member {member.pod!r} of role {role.id!r}", [told.since, told.attempt]
    failure = failed_departure(member)
    if failure and failure != failed_departure(was):
        again = retry(seen, member.pod)
        note = f"{who}: {failure}; mend it, then {again}; or let it go as it is: {again} --give-up"
        yield _Cause(EventReason.MEMBER_DECOMMISSION_FAILED, note, mark, member.pod)
    if told.over and not (before and before.over):
        how = "goes without having let go" if told.given_up else "let go of what it held, and goes"
        yield _Cause(EventReason.MEMBER_DECOMMISSIONED, f"{who} {how}", mark, member.pod)


def _object_causes(status: ClusterStatus, outcome: Outcome) -> Iterator[_Cause]:
    for ref, words in outcome.failures:
        yield _Cause(EventReason.OBJECT_FAILED, f"{ref}: {words}", status.observed_generation)


def _event(seen: Seen, cause: _Cause) -> Json:
    root = seen.root
    metadata = root["metadata"]
    namespace = metadata.get("namespace", "")
    kind, _ = EVENT_REASONS[cause.reason]
    identity = digest([metadata.get("uid"), cause.reason, cause.note, cause.mark, cause.pod])[:16]
    event: Json = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {"name": f"{metadata['name'][:_LONGEST_NAME]}.{identity}", "namespace": namespace or "default"},
        "eventTime": seen.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": f"{GROUP}/operator",
        "reportingInstance": "kubedirector",
        "action": "Reconcile",
        "reason": str(cause.reason),
        "type": kind,
        "note": _shortened(cause.note),
        "regarding": {
            "apiVersion": root["apiVersion"],
            "kind": root["kind"],
            "name": metadata["name"],
            "namespace": namespace,
            "uid": metadata.get("uid", ""),
        },
    }
    if cause.pod:
        event["related"] = {"apiVersion": "v1", "kind": "Pod", "name": cause.pod, "namespace": namespace}
    return event


def _shortened(note: str) -> str:
    """Return the note in at most 1024 bytes, the API's limit."""
    if len(note.encode()) <= _LONGEST_NOTE:
        return note
    return note.encode()[: _LONGEST_NOTE - 3].decode(errors="ignore") + "..."
