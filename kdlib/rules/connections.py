"""What a cluster is connected to: where it is looked for, and what was found (specification 3.16).

Connections are to objects of the cluster's own namespace.

Layer: pure.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from kdlib.errors import RefusedError
from kdlib.frozen import Json, dig
from kdlib.model import (
    AppRole,
    Cluster,
    ClusterSpec,
    ClusterStatus,
    Connection,
    Reserved,
    Resolved,
    ResolvedRole,
    Seen,
)
from kdlib.names import LABEL_CONFIG_MAP_TYPE, LABEL_SECRET_TYPE, is_dns_subdomain
from kdlib.rules.changes import accepted_roles, roles_in_force
from kdlib.rules.defaults import cluster_defaults, reserved_values
from kdlib.rules.hidden_tokens import are_known, token_place, told_hidden, with_hidden_tokens
from kdlib.rules.lookup import app_places, find_config, live_app, own_copy
from kdlib.wire import CONFIG_MAP, CONTROLLER_REVISION, KD_CLUSTER, SECRET, Ref

__all__ = ["TYPED", "LookUp", "connection_refs", "find_connections", "redundant_connections", "type_of"]

LookUp: TypeAlias = Callable[[Ref], Json | None]
"""Returns an object as it was last seen, None where there is none."""

_FIELDS = (("clusters", KD_CLUSTER), ("configmaps", CONFIG_MAP), ("secrets", SECRET))
_TYPE_LABELS = {CONFIG_MAP: LABEL_CONFIG_MAP_TYPE, SECRET: LABEL_SECRET_TYPE}

TYPED = tuple(_TYPE_LABELS)
"""The kinds of which members are told only what a label gives a type; nobody needs to watch all of them (W-36)."""


def connection_refs(cluster: Json, system_namespace: str, look_up: LookUp) -> Iterator[Ref]:
    """Yield what is looked up for the connections of a root, however wrong it is.

    For a connected cluster that is its own copy of its app too, or, before there is one, its app as it finds it
    itself, in either catalog (W-21), and the Secret of its auth tokens where they are hidden.
    """
    for ref in _named(cluster):
        yield ref
        other = look_up(ref) if ref.kind == KD_CLUSTER else None
        if other is not None:
            copy = dig(other, "status", "reserved", "appCopy")
            if isinstance(copy, str) and is_dns_subdomain(copy):
                yield Ref(CONTROLLER_REVISION, ref.namespace, copy)
            yield from app_places(other, system_namespace)
            if told_hidden(other.get("status")):
                yield token_place(ref)


def find_connections(cluster: Cluster, spec: ClusterSpec, seen: Seen) -> tuple[Connection, ...]:
    """Return what the spec is connected to, in its order, each once, as it was found or why it was not."""
    found, unreadable = dict(seen.related), dict(seen.unreadable)
    refs = dict.fromkeys(ref for ref, _ in _listed(spec, cluster.namespace))
    return tuple(_connection(ref, found, unreadable, seen) for ref in refs if not _is_itself(ref, cluster.name))


def redundant_connections(spec: ClusterSpec, namespace: str, name: str) -> Iterator[str]:
    """CL-X-20 (ours): say which connections change nothing: to the cluster itself, or named before.

    They are passed over. In the original a cluster that was connected to itself never came to rest.
    """
    before: set[Ref] = set()
    for ref, path in _listed(spec, namespace):
        if _is_itself(ref, name):
            yield f"{path}: {ref.name!r} is this cluster itself, which its members know anyway"
        elif ref in before:
            yield f"{path}: {ref.kind.name} {ref.name!r} is named before, and counts once"
        before.add(ref)


def type_of(connection: Connection) -> str:
    """Return under which type a ConfigMap or Secret is told to members; empty where its label is missing."""
    label = _TYPE_LABELS.get(connection.ref.kind, "")
    return str(dig(connection.found, "metadata", "labels", label, default=""))


def _listed(spec: ClusterSpec, namespace: str) -> Iterator[tuple[Ref, str]]:
    """Yield every object that the spec names, with the path of its name."""
    for field, kind in _FIELDS:
        for index, name in enumerate(getattr(spec.connections, field)):
            yield Ref(kind, namespace, name), f"spec.connections.{field}[{index}]"


def _named(cluster: Json) -> Iterator[Ref]:
    namespace, own_name = (str(dig(cluster, "metadata", key, default="")) for key in ("namespace", "name"))
    for field, kind in _FIELDS:
        names = dig(cluster, "spec", "connections", field)
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and is_dns_subdomain(name):
                ref = Ref(kind, namespace, name)
                if not _is_itself(ref, own_name):
                    yield ref


def _is_itself(ref: Ref, name: str) -> bool:
    return (ref.kind, ref.name) == (KD_CLUSTER, name)


def _connection(ref: Ref, found: dict[Ref, Json | None], unreadable: dict[Ref, str], seen: Seen) -> Connection:
    if ref in unreadable:
        return Connection(ref, problem=f"cannot be read: {unreadable[ref]}", is_known=False)
    if ref not in found and is_dns_subdomain(ref.name):
        return Connection(ref, problem="is not looked up by this operator", is_known=False)
    stored = found.get(ref)
    if stored is None:
        return Connection(ref, problem="does not exist")
    if ref.kind == KD_CLUSTER:
        return _connected_cluster(ref, stored, seen)
    connection = Connection(ref, found=stored)
    if type_of(connection):
        return connection
    return Connection(ref, found=stored, problem=f"has no label {_TYPE_LABELS[ref.kind]!r}")


def _connected_cluster(ref: Ref, stored: Json, seen: Seen) -> Connection:
    try:
        other = Cluster.of(stored)
        if other.status is None or not other.status.cluster_service:
            return Connection(ref, problem="has no members yet")
        status = with_hidden_tokens(other.status, dict(seen.related).get(token_place(ref)))
        if not are_known(status):
            return Connection(ref, problem=f"{token_place(ref)} cannot be read, or lacks tokens", is_known=False)
        return Connection(ref, cluster=_answered(other, status, stored, seen))
    except RefusedError as error:
        told = "; ".join(f"{problem.path}: {problem.what}" for problem in error.problems[:1])
        return Connection(ref, problem=f"cannot be read: {told}", is_known=False)


def _answered(other: Cluster, status: ClusterStatus, stored: Json, seen: Seen) -> Resolved:
    """Return a connected cluster with its questions answered as it answered them itself.

    It is not checked: what runs there runs, whatever its spec says by now.
    """
    copies = tuple(item for ref, item in seen.related if ref.kind == CONTROLLER_REVISION and item is not None)
    inner = Seen(seen.now, stored, children=copies, related=seen.related)
    app = own_copy(other, inner) or live_app(other, None, inner)
    reserved = status.reserved or _reserved(other, inner)
    spec = roles_in_force(cluster_defaults(other.spec, app.spec, reserved), accepted_roles(status))
    return Resolved(
        # The key of the configuration is left out: secret keys stay in their cluster (W-14).
        seen=Seen(seen.now, stored),
        root=Ref(KD_CLUSTER, other.namespace, other.name),
        uid=other.uid,
        generation=other.generation,
        app_name=app.name,
        app=app.spec,
        spec=spec,
        reserved=reserved,
        cluster_service=status.cluster_service,
        roles=tuple(
            ResolvedRole(
                id=entry.id,
                app=app.spec.role(entry.id) or AppRole(id=entry.id, cardinality="0+", config_package=None),
                spec=spec.role(entry.id),
                wanted=len(entry.members),
                stateful_set=entry.stateful_set,
            )
            for entry in status.roles
        ),
        status=status,
    )


def _reserved(other: Cluster, inner: Seen) -> Reserved:
    """Return the values of the global configuration for a cluster that an earlier operator made."""
    try:
        return reserved_values(find_config(other, inner))
    except RefusedError:
        return reserved_values(None)
