"""The review of a write to a cluster: what *resolve* checks, and what only admission can hold (2.3).

A write that leaves the spec's meaning as it is passes at once: labels, finalizers and annotations are nobody's
business here, and a rule that is newer than a stored object must not lock it up.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import dig
from kdlib.model import ClusterSpec, Config
from kdlib.names import is_dns_subdomain
from kdlib.rules.changes import accepted_roles, kept_app, kept_catalog, kept_roles, removed_roles_stay_away
from kdlib.rules.cluster_write import ClusterWrite, read_write, unreadable
from kdlib.rules.connections import redundant_connections
from kdlib.rules.defaults import cluster_defaults, reserved_values
from kdlib.rules.last_applied import copy_without_secrets
from kdlib.rules.lookup import FoundApp, find_app, find_config
from kdlib.rules.mended import Mended, mended
from kdlib.rules.metadata import fitting_name
from kdlib.rules.references import (
    CLASSES,
    accesses,
    allowed_references,
    default_class,
    existing_references,
    filesystem_claims,
    known_default_class,
    missing_connections,
    shareable_claims,
)
from kdlib.rules.request import Access, Facts, Needs, Request, Verdict
from kdlib.rules.resolve import cluster_problems, configs_for
from kdlib.rules.restoring import deletable_cluster, restoring_patch, spec_kept_while_restoring
from kdlib.rules.roles import repeated_variables
from kdlib.rules.secret_keys import encryption_patch, kept_ciphertexts, keys_available
from kdlib.rules.written_status import status_is_operators
from kdlib.wire import Ref

__all__ = ["cluster_needs", "cluster_verdict", "pending_notifications"]


def cluster_needs(request: Request, facts: Facts) -> Needs:
    """Return what must be known: app or its copy, configuration, what the spec refers to, rights to that."""
    try:
        write = read_write(request, facts)
    except RefusedError:
        whole = request.once(_whole)
        is_mended = whole is not None and whole.request.new != request.new
        return cluster_needs(whole.request, facts) if whole and is_mended else Needs()
    if write is None:
        return Needs()
    has_keys = any(role.secret_keys for role in write.new.spec.roles)
    if write.changes_nothing and not write.resumes:
        return Needs((write.config_ref,) if has_keys else ())
    if write.is_restored:
        return Needs((write.config_ref,), access=tuple(_rights(write)))
    named = tuple(item.ref for item in write.fresh if is_dns_subdomain(item.ref.name))
    asks_class = any(role.storage for role in write.changed_roles)
    classes = _configured_class(write) if asks_class else ()
    return Needs(
        (*write.app_refs, write.config_ref, *named, *classes),
        (CLASSES,) if asks_class else (),
        tuple(_rights(write)),
    )


def cluster_verdict(request: Request, facts: Facts) -> Verdict:
    """Apply every rule for clusters, in the order of 2.3; raises RefusedError where the object cannot be read."""
    if request.subresource == "status":
        return Verdict(tuple(status_is_operators(request, facts, "CL-V-05")))
    if request.operation == "DELETE":
        return Verdict(tuple(deletable_cluster(request.old or {}, request.user.username)))
    try:
        write = read_write(request, facts)
    except RefusedError as error:
        if request.operation == "UPDATE" and dig(request.new, "spec") == dig(request.old, "spec"):
            return Verdict()
        return Verdict((*error.problems, *_further(request, facts)))
    return _of_write(write) if write else Verdict()


@dataclass(frozen=True, slots=True)
class _Whole:
    """The request with stand-ins for what cannot be read."""

    mended: Mended
    request: Request


def _whole(request: Request) -> _Whole | None:
    error = unreadable(request)
    found = mended(request.new or {}, error.problems) if error else None
    return _Whole(found, replace(request, new=found.cluster)) if found else None


def _further(request: Request, facts: Facts) -> Iterator[Problem]:
    """Yield what is wrong besides with a cluster that cannot be read."""
    whole = request.once(_whole)
    try:
        write = read_write(whole.request, facts) if whole else None
    except RefusedError:
        return
    if whole and write:
        yield from whole.mended.own(_of_write(write).problems)


def _of_write(write: ClusterWrite) -> Verdict:
    new = write.request.new or {}
    patch = (*encryption_patch(write.new.spec, write.protected), *copy_without_secrets(new))
    if write.is_restored:
        return Verdict(tuple(_restored(write)), (*restoring_patch(new), *patch))
    if write.changes_nothing and not write.resumes:
        # A stored object is never locked up for want of a key: what it says in clear it says already.
        return Verdict((), patch)
    paused = tuple(spec_kept_while_restoring(new, write.request.old or {})) if write.was_restoring else ()
    if paused:
        return Verdict(paused)
    return Verdict(tuple(_problems(write)), patch, tuple(_warnings(write)))


def pending_notifications(write: ClusterWrite) -> Iterator[str]:
    """CL-V-12: say which members were not told of an earlier change yet.

    The original refused every edit then, for good if a member does not answer (W-06, W-24). Here changes wait for a
    member in their order, so an edit, which may be the remedy, is accepted.
    """
    waiting = [
        member.pod for role in write.status.roles for member in role.members if member.state_detail.pending_notify_cmds
    ]
    if waiting:
        more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        yield f"earlier changes are still to be told to {', '.join(waiting[:3])}{more}; this one comes after them"


def _problems(write: ClusterWrite) -> Iterator[Problem]:
    """Yield everything wrong with a spec that is new or changes; what could not be found out refuses nothing."""
    found, config = None, None
    try:
        found = find_app(write.new, None, write.seen) if write.seen else None
        config = find_config(write.new, write.seen) if write.seen else write.config
    except RefusedError as error:
        yield from error.problems
    yield from fitting_name(write.new)
    yield from _against(write, found, config)
    yield from _secret_keys(write)
    yield from _changes(write, found, config)
    yield from existing_references(write.fresh, write.facts)
    yield from known_default_class(_without_accepted(write), config, write.facts)
    if write.asks_access:
        yield from allowed_references(write.references, write.old_spec, write.facts)


def _against(write: ClusterWrite, found: FoundApp | None, config: Config | None) -> Iterator[Problem]:
    """Yield what *resolve* would find, and what it cannot see: how claims are used."""
    app, reserved = found.spec if found else None, write.status.reserved or reserved_values(config)
    spec = cluster_defaults(write.new.spec, app, reserved)
    yield from cluster_problems(spec, app, reserved, configs_for(config, spec, write.status))
    yield from filesystem_claims(spec, write.namespace, write.facts)
    yield from shareable_claims(spec, write.namespace, write.facts)


def _changes(write: ClusterWrite, found: FoundApp | None, config: Config | None) -> Iterator[Problem]:
    """Yield what changes and cannot: CL-V-40 to CL-V-43, against what is in force."""
    if write.old is None:
        return
    reserved = write.status.reserved
    if reserved and reserved.app_copy:
        yield from found.refused if found else ()
    else:
        yield from kept_app(write.new.spec, write.old.spec.app)
        yield from kept_catalog(write.new.spec, write.old.spec.app_catalog)
    yield from removed_roles_stay_away(write.new.spec, write.old.spec, write.status)
    known = (reserved and reserved.default_storage_class_name) or default_class(config, write.facts)
    yield from kept_roles(write.protected, accepted_roles(write.status, write.old.spec), known)


def _secret_keys(write: ClusterWrite) -> Iterator[Problem]:
    if write.config_ref in write.facts.objects:
        yield from keys_available(write.new.spec, write.keyring)
    if not write.is_restored:
        yield from kept_ciphertexts(write.new.spec, write.stored_keys, write.keyring)


def _restored(write: ClusterWrite) -> Iterator[Problem]:
    """Yield what is wrong with a cluster that comes from a backup, and needs nothing else to be known (W-24).

    What the spec refers to may come later, so it is checked when the cluster resumes; rights are checked now, for it
    is the operator that ends the pause.
    """
    yield from fitting_name(write.new)
    yield from _against(write, None, None)
    yield from _secret_keys(write)
    if write.asks_access:
        yield from allowed_references(write.references, None, write.facts)
        for access in write.backup_access():
            if write.facts.allowed.get(access) is False:
                what = f"holds encrypted values, and you may not {access.verb} {access.resource} {access.name!r}"
                yield Problem("spec.roles", what, "give secret keys by their values, as value", "CL-V-36")


def _without_accepted(write: ClusterWrite) -> ClusterSpec:
    """Return the spec with the roles alone that get their volumes from now on."""
    known = accepted_roles(write.status, write.old_spec)
    return write.new.spec.changed(roles=tuple(role for role in write.changed_roles if role.id not in known))


def _rights(write: ClusterWrite) -> Iterator[Access]:
    if write.asks_access:
        yield from (access for _, access in accesses(write.references, write.old_spec))
        yield from write.backup_access() if write.is_restored else ()


def _configured_class(write: ClusterWrite) -> tuple[Ref, ...]:
    name = write.config.spec.default_storage_class_name if write.config and write.config.spec else None
    return (Ref(CLASSES.kind, "", name),) if name and is_dns_subdomain(name) else ()


def _warnings(write: ClusterWrite) -> Iterator[str]:
    yield from missing_connections(write.references, write.facts)
    yield from redundant_connections(write.new.spec, write.namespace, write.new.name)
    yield from pending_notifications(write)
    for index, role in enumerate(write.new.spec.roles):
        yield from repeated_variables(role, f"spec.roles[{index}]")
