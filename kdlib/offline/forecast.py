"""forecast(): what would happen to a cluster if a manifest were applied, in order; nothing is asked, nothing written.

The very rules and steps of a pass are run on what is there and on what the manifest says, and compared.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kdlib import graph, lifecycle, report, rules
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json, dig
from kdlib.graph import INTENT, Adopt, Apply, Delete, Step, Why
from kdlib.manifests import MANAGED, Desired, build
from kdlib.model import Cluster, MemberState, MemberStatus, ResolvedRole, RoleStatus, Seen
from kdlib.names import LABEL_CLUSTER, LABEL_ROLE
from kdlib.rules import Facts, Request
from kdlib.wire import KD_CLUSTER, STATEFUL_SET, Ref, differences, json_patch

__all__ = ["Forecast", "forecast", "request_for"]

_MOST_RESERVATIONS = 5
_LEAVING = frozenset({MemberState.DELETE_PENDING, MemberState.DELETING})
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would happen: refused for these problems, or these steps, in words; nothing where both are empty.

    `unknown` says in words what could not be looked at: what the cluster gets from it is left out.
    """

    problems: tuple[Problem, ...] = ()
    steps: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def request_for(new: Json, live: Json | None) -> Request:
    """Return the write that applying the manifest would be."""
    metadata = new["metadata"]
    return Request(
        "CREATE" if live is None else "UPDATE",
        KD_CLUSTER,
        metadata.get("namespace", ""),
        metadata["name"],
        new=new,
        old=live,
    )


def forecast(new: Json, live: Json | None, seen: Seen, facts: Facts) -> Forecast:
    """Say what would happen to a cluster; `new` is the object as it would be stored, `live` as it is, None for none.

    `seen` holds what is there: children, and what both objects refer to; its root does not matter.
    """
    verdict = rules.review(request_for(new, live), facts)
    if verdict.problems:
        return Forecast(problems=verdict.problems)
    new = json_patch(new, list(verdict.patch)) if verdict.patch else new
    try:
        after = _recorded(replace(seen, root=new))
    except RefusedError as error:
        return Forecast(problems=tuple(error.problems))
    before = _before(seen, live)
    told = (*_spec_steps(new, live), *_kept(after), *_object_steps(after, before), *_member_steps(after, before))
    return Forecast(steps=tuple(told))


def _before(seen: Seen, live: Json | None) -> Desired | None:
    """Return what is wanted of the cluster as it is; None where there is none, or it cannot be done."""
    try:
        return _recorded(replace(seen, root=live)) if live else None
    except RefusedError:
        return None


def _recorded(seen: Seen) -> Desired:
    """Compute what is wanted, with all that a pass reserves first as if it were recorded."""
    seen = _with_place_of_tokens(seen)
    desired = build(rules.resolve(Cluster.of(seen.root), None, seen))
    for _ in range(_MOST_RESERVATIONS):
        if not desired.life.reservation_pending:
            break
        related = {**dict(seen.related), rules.token_place(desired.resolved.root): desired.token_secret}
        status = report.status(seen, desired)
        seen = replace(seen, root={**seen.root, "status": status}, related=tuple(related.items()))
        desired = build(rules.resolve(Cluster.of(seen.root), None, seen))
    return desired


def _with_place_of_tokens(seen: Seen) -> Seen:
    """Return what was seen, with an empty Secret for hidden tokens where they may not be read: they change no step."""
    metadata = seen.root["metadata"]
    place = rules.token_place(Ref(KD_CLUSTER, metadata.get("namespace", ""), metadata["name"]))
    if place not in dict(seen.unreadable):
        return seen
    return replace(seen, related=(*seen.related, (place, {"metadata": {"labels": {LABEL_CLUSTER: metadata["name"]}}})))


def _spec_steps(new: Json, live: Json | None) -> Iterator[str]:
    if live is not None:
        for item in differences({"spec": live.get("spec")}, {"spec": new.get("spec")}):
            # Nobody's secret is shown, not even to its owner: what is printed gets into logs.
            is_secret = "secretKeys" in item.path
            yield f"{item.path} changes" + ("" if is_secret else f" from {_shown(item.old)} to {_shown(item.new)}")


def _kept(after: Desired) -> Iterator[str]:
    for words in after.resolved.not_accepted:
        yield f"not taken over: {words}"


def _object_steps(after: Desired, before: Desired | None) -> Iterator[str]:
    seen = after.resolved.seen
    plan = graph.plan(replace(after.graph, renewed=()), seen.children, root=seen.root, deletable=MANAGED)
    for ref, words in plan.blocked:
        yield f"{ref} is left alone: it {words}"
    for step in plan.steps:
        yield from _object_step(step, before, is_new=not seen.root["metadata"].get("uid"))


def _object_step(step: Step, before: Desired | None, *, is_new: bool) -> Iterator[str]:
    match step:
        case Apply(why=Why.MISSING):
            yield f"create {_named(step, is_new=is_new)}"
        case Apply():
            yield f"change {step.ref}: {_fields(step, before)}"
        case Delete():
            yield f"delete {step.ref}"
        case Adopt():
            yield f"take over {step.ref}"


def _named(step: Apply, *, is_new: bool) -> str:
    """Name an object; of a cluster that is not there yet nobody knows the names, so its role is named."""
    role = dig(step.target, "metadata", "labels", LABEL_ROLE)
    of_role = f" of role {role!r}" if role else ""
    return f"{step.ref.kind.name if is_new else step.ref}{of_role}"


def _fields(step: Apply, before: Desired | None) -> str:
    """Return the fields that the change of the spec changes; what somebody else changed is put right."""
    wanted = before.graph.get(step.ref) if before else None
    if wanted is None:
        return "as it is wanted now"
    paths = [item.path for item in differences(wanted, step.target) if INTENT not in item.path]
    return ", ".join(paths) or "what somebody else changed is put right"


def _member_steps(after: Desired, before: Desired | None) -> Iterator[str]:
    had = {pod for pod, _ in _members(before)} if before else set()
    members = dict(_members(after))
    for pod, (role, member) in members.items():
        if pod not in had and member.state == MemberState.CREATE_PENDING:
            name = f" {pod!r}" if after.resolved.uid else ""
            yield f"set up a new member{name} of role {role!r}, with node id {member.node_id}"
    leaving = {pod: role for pod, (role, member) in members.items() if member.state in _LEAVING}
    for pod, role in leaving.items():
        yield f"tell the others of it, and remove member {pod!r} of role {role!r}"
    yield from _renewals(after, before)


def _members(desired: Desired) -> Iterator[tuple[str, tuple[str, MemberStatus]]]:
    for role in desired.life.status.roles:
        for member in role.members:
            yield member.pod, (role.id, member)


def _renewals(after: Desired, before: Desired | None) -> Iterator[str]:
    """Yield the members that get a new pod, in their order; each next one waits until all are well."""
    resolved, status = after.resolved, after.life.status
    outdated = {member.pod for member in lifecycle.outdated_members(resolved.seen, status)}
    roles = {role.id: role for role in resolved.roles}
    rolled = ((entry, roles[entry.id]) for entry in status.roles if entry.rollout is not None and entry.id in roles)
    for entry, role in rolled:
        is_changed = _template(after, role) != _template(before, role)
        for member in _highest_first(entry):
            is_otherwise = member.state_detail.set_up_from not in (None, lifecycle.set_up_form(role.image, role.app))
            if is_changed or is_otherwise or member.pod in outdated:
                words = _afterwards(member, role, is_otherwise=is_otherwise)
                yield f"restart member {member.pod!r} of role {role.id!r}: {words}"


def _template(desired: Desired | None, role: ResolvedRole) -> Json | None:
    if desired is None:
        return None
    found = desired.graph.get(Ref(STATEFUL_SET, desired.resolved.root.namespace, role.stateful_set))
    template: Json | None = dig(found, "spec", "template")
    return template


def _highest_first(entry: RoleStatus) -> Iterator[MemberStatus]:
    yield from (member for member in reversed(entry.members) if member.state not in _LEAVING)


def _afterwards(member: MemberStatus, role: ResolvedRole, *, is_otherwise: bool) -> str:
    if role.app.config_package is None:
        return "it has no setup package"
    if is_otherwise:
        return "it is set up from scratch, for its image or its setup package changes"
    return "what was set up is on its volume" if member.pvc else "it is set up again"


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
