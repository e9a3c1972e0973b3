"""The `connections` of configmeta.json (5.4): other clusters, ConfigMaps and Secrets, as members read them.

Layer: pure.
"""

import base64
from collections.abc import Iterator
from typing import Any

from kdlib import lifecycle, rules
from kdlib.frozen import Json, dig, digest
from kdlib.manifests.document import REFERENCE, shared_part
from kdlib.model import Connection, ConnectionStatus, Resolved
from kdlib.wire import SECRET

__all__ = ["connection_versions", "connections_part"]


def connections_part(resolved: Resolved) -> Json:
    """Return what members are told of each connection; of one with a problem they are told nothing.

    ConfigMaps and Secrets stand under their types, in the spec's order.
    """
    clusters: Json = {}
    typed: dict[str, dict[str, list[Json]]] = {"configmaps": {}, "secrets": {}}
    for item in resolved.connections:
        if item.cluster is not None:
            clusters[item.ref.name] = _cluster_part(item.ref.name, item.cluster)
        elif item.found is not None and rules.type_of(item):
            kind, entry = _entry(item, item.found)
            typed[kind].setdefault(rules.type_of(item), []).append(entry)
    return {"clusters": clusters, **typed}


def connection_versions(resolved: Resolved) -> tuple[ConnectionStatus, ...]:
    """Return each connection with the version of what is to be told of it (3.16).

    That of a cluster is a digest of its part: two clusters that are connected to each other do not see each other's
    generations, and so come to rest. What cannot be looked up counts as it did before.
    """
    return tuple(_versions(resolved))


def _versions(resolved: Resolved) -> Iterator[ConnectionStatus]:
    stored = {(item.kind, item.name): item.version for item in resolved.status.connections or ()}
    for item in resolved.connections:
        kind, name = item.ref.kind.name, item.ref.name
        version = _version(item) if item.is_known else stored.get((kind, name))
        yield ConnectionStatus(kind=kind, name=name, version=version)


def _version(item: Connection) -> str | None:
    if item.cluster is not None:
        return digest(_cluster_part(item.ref.name, item.cluster))[:32]
    return None if item.found is None else str(dig(item.found, "metadata", "resourceVersion", default=""))


def _cluster_part(name: str, cluster: Resolved) -> Json:
    """Return the configmeta of another cluster, all of its members in it, whatever their states.

    Its references lead into this part (W-21), and its secret keys are left out (W-14).
    """
    listed = tuple((role.id, member) for role in cluster.status.roles for member in lifecycle.in_order(role.members))
    document = _led(shared_part(cluster, listed), ("connections", "clusters", name))
    for group in document["nodegroups"].values():
        group["roles"] = {role: _without_keys(part) for role, part in group["roles"].items()}
    return {**document, "node": None, "connections": {"clusters": None, "configmaps": None, "secrets": None}}


def _without_keys(part: Json) -> Json:
    return {key: value for key, value in part.items() if key != "secret_keys"}


def _led(value: Any, prefix: tuple[str, ...]) -> Any:
    """Return a copy of a part of a document with every reference in it leading through the prefix."""
    match value:
        case dict() if isinstance(value.get(REFERENCE), list):
            return {REFERENCE: [*prefix, *value[REFERENCE]]}
        case dict():
            return {key: _led(item, prefix) for key, item in value.items()}
        case list():
            return [_led(item, prefix) for item in value]
        case _:
            return value


def _entry(item: Connection, found: Json) -> tuple[str, Json]:
    """Return a ConfigMap as it is, and a Secret with every value in base64, its data as an API server has them."""
    metadata = found["metadata"]
    data, labels, annotations = found.get("data"), metadata["labels"], metadata.get("annotations")
    if item.ref.kind != SECRET:
        entry = {"metadata": {"name": item.ref.name}, "data": data, "labels": labels, "annotations": annotations}
        return "configmaps", entry
    return "secrets", {
        "metadata": {"name": _encoded(item.ref.name)},
        "data": data or {},
        "labels": {key: _encoded(value) for key, value in labels.items()},
        "annotations": {key: _encoded(value) for key, value in (annotations or {}).items()},
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
