"""resolve(): answer every question that a cluster leaves open, or say everything that is wrong with it.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import replace

from kdlib.errors import Problem, RefusedError
from kdlib.model import (
    App,
    AppRole,
    AppSpec,
    Cluster,
    ClusterSpec,
    ClusterStatus,
    Config,
    Reserved,
    Resolved,
    ResolvedRole,
    Seen,
)
from kdlib.rules.changes import accepted_roles, corrected_roles, kept_roles, readable_acceptance, roles_in_force
from kdlib.rules.connections import find_connections
from kdlib.rules.defaults import cluster_defaults, reserved_values
from kdlib.rules.fitness import fitness_problems
from kdlib.rules.hidden_tokens import token_place, usable_token_place, with_hidden_tokens
from kdlib.rules.lookup import FoundApp, find_app, find_config
from kdlib.rules.metadata import fitting_name, valid_metadata
from kdlib.rules.naming import Names
from kdlib.rules.roles import role_problems
from kdlib.rules.secret_keys import clear_values
from kdlib.rules.storage import secret_has_prefix, shared_memory_allowed, volume_problems
from kdlib.rules.unheld import unheld

__all__ = ["cluster_problems", "configs_for", "resolve"]


def resolve(cluster: Cluster, app: App | None, seen: Seen) -> Resolved:
    """Find the app, fill in defaults, check the rules, and choose the names of a cluster's objects.

    The app is the cluster's own copy where there is one, else `app`, else the one of that name in `seen.related`.
    A change of what a running cluster cannot change (CL-V-40 to CL-V-43) is reported in `not_accepted`, and what was
    accepted last stays in force: without a webhook nobody could refuse it before it was stored. So is a move to another
    app for which the rest of the spec is wrong.
    What is in the stored status (names, values of the global config) stays; the rest is chosen now, and must be
    recorded before it is used. Raises RefusedError with every problem at once: path, what, remedy, rule.
    """
    found = find_app(cluster, app, seen)
    if found.former is None:
        return _with_app(cluster, found, seen)
    try:
        return _with_app(cluster, found, seen)
    except RefusedError as error:
        kept = replace(found.former, refused=tuple(error.problems))
        try:
            return _with_app(cluster, kept, seen)
        except RefusedError:
            raise error from None


def _with_app(cluster: Cluster, found: FoundApp, seen: Seen) -> Resolved:
    """Resolve a cluster that runs this app; raises RefusedError with every problem."""
    config = find_config(cluster, seen)
    status = cluster.status or ClusterStatus()
    reserved = status.reserved or reserved_values(config)
    if status.reserved is None or found.former is not None or found.copy not in ("", reserved.app_copy):
        reserved = reserved.changed(app_namespace=found.namespace, app_catalog=found.catalog)
    accepted = accepted_roles(status)
    changes = [*found.refused, *kept_roles(cluster.spec, accepted, reserved.default_storage_class_name)]
    named = cluster.spec.changed(app=found.name, app_catalog=found.catalog) if changes else cluster.spec
    spec = roles_in_force(cluster_defaults(named, found.spec, reserved), accepted)
    problems = sorted(
        {
            *fitting_name(cluster),
            *clear_values(spec),
            *usable_token_place(cluster.ref, found.spec, status, seen),
            *readable_acceptance(status, cluster.ref),
            *cluster_problems(spec, found.spec, reserved, configs_for(config, spec, status)),
        }
    )
    if problems:
        raise RefusedError(str(cluster.ref), [*found.refused, *problems])
    answer = _resolved(cluster, seen, found, spec=spec, reserved=reserved)
    return replace(answer, not_accepted=tuple(sorted(map(str, changes))))


def cluster_problems(
    spec: ClusterSpec, app: AppSpec | None, reserved: Reserved, configs: tuple[Config | None, ...]
) -> Iterator[Problem]:
    """Yield everything wrong with a cluster's spec, whose defaults are filled in; `app` is None if it is not known.

    `configs` holds for each role the global config that the role is checked against; None for a role that was
    accepted before, since a later edit of the config changes no running cluster.
    """
    yield from role_problems(spec, app)
    for index, role in enumerate(spec.roles):
        path = f"spec.roles[{index}]"
        yield from valid_metadata(role, path)
        yield from volume_problems(role, app, reserved, path)
        yield from shared_memory_allowed(role, configs[index], path)
        if role.secret and role.secret != spec.default_secret:
            yield from secret_has_prefix(role.secret.name, configs[index], f"{path}.secret.name", "CL-V-34")
    config = next((item for item in configs if item), None)
    if spec.default_secret:
        yield from secret_has_prefix(spec.default_secret.name, config, "spec.defaultSecret.name", "CL-V-32")
    yield from fitness_problems(spec, app, reserved)


def configs_for(config: Config | None, spec: ClusterSpec, status: ClusterStatus) -> tuple[Config | None, ...]:
    """Return for each role the global config that it is checked against: none for a role that stays as accepted."""
    default_class = status.reserved.default_storage_class_name if status.reserved else None
    corrected = corrected_roles(spec, accepted_roles(status), default_class)
    accepted = {role.id for role in status.roles} - corrected
    return tuple(None if role.id in accepted else config for role in spec.roles)


def _resolved(cluster: Cluster, seen: Seen, found: FoundApp, *, spec: ClusterSpec, reserved: Reserved) -> Resolved:
    status = cluster.status or ClusterStatus()
    names = Names(cluster, seen, spec.naming_scheme or reserved.naming_scheme)
    return Resolved(
        seen=seen,
        root=cluster.ref,
        uid=cluster.uid,
        generation=cluster.generation,
        app_name=found.name,
        app=found.spec,
        spec=spec,
        reserved=reserved.changed(app_copy=_copy_name(found, names)),
        cluster_service=names.cluster_service(),
        roles=tuple(_roles(spec, found.spec, status, names)),
        status=with_hidden_tokens(status, dict(seen.related).get(token_place(cluster.ref))),
        connections=find_connections(cluster, spec, seen),
        former_app=found.former.spec if found.former else None,
        unheld=unheld(spec),
    )


def _copy_name(found: FoundApp, names: Names) -> str:
    """Return the name of the copy of this app: the one that it was read from, unless it takes that one's place."""
    if found.copy and not found.replaces_copy:
        return found.copy
    return names.app_copy(found.name, replaced=found.replaces_copy)


def _roles(spec: ClusterSpec, app: AppSpec, status: ClusterStatus, names: Names) -> Iterator[ResolvedRole]:
    """Yield roles that have or get members: those of the app in its order, then leftovers by their ids."""
    known = {role.id for role in status.roles}
    order = [role.id for role in app.roles]
    leftovers = sorted(known.difference(order))
    for role_id in [*order, *leftovers]:
        wanted = spec.role(role_id)
        members = (wanted.members or 0) if wanted else 0
        if not members and role_id not in known:
            continue
        app_role = app.role(role_id) or AppRole(id=role_id, cardinality="0+", config_package=None)
        has_ports = any(service.endpoint for service in app.services_of(role_id))
        yield ResolvedRole(
            id=role_id,
            app=app_role,
            spec=wanted,
            wanted=members,
            stateful_set=names.stateful_set(role_id),
            has_ports=has_ports,
        )
