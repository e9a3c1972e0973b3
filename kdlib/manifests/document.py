"""The parts of configmeta.json (5.4), computed from a cluster's answers and its listed members.

Layer: pure.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from kdlib import lifecycle, rules
from kdlib.frozen import Json
from kdlib.model import AppService, ClusterRole, MemberStatus, Resolved, ResolvedRole
from kdlib.rules import accepted_roles
from kdlib.wire import Quantity, QuantityError

__all__ = ["REFERENCE", "Listed", "node_part", "shared_part", "with_own_keys", "with_own_token"]

Listed = tuple[tuple[str, MemberStatus], ...]
"""Role id and status of each member that the document lists."""

REFERENCE = "bdvlibrefkey"
"""Key of an object that stands for what lies at the path it holds, from the document's top."""

_NODEGROUP = "1"
_UNKNOWN = "n/a"
_MEBIBYTE = 1024 * 1024


def shared_part(resolved: Resolved, listed: Listed) -> Json:
    """Return all but `node` and `connections`.

    Roles without listed members are absent (W-31). A role that left the spec is there, as it was accepted, while its
    members let go of what they hold.
    """
    app, keyring = resolved.app, rules.keys_seen(resolved.seen)
    members: dict[str, list[MemberStatus]] = {}
    for role_id, member in listed:
        members.setdefault(role_id, []).append(member)
    accepted = {key: item.role for key, item in accepted_roles(resolved.status).items()}
    specs = ((role, role.spec or accepted.get(role.id)) for role in resolved.roles if role.id in members)
    roles = [(role, spec, members[role.id]) for role, spec in specs if spec]
    group = {
        "roles": {role.id: _role(resolved, role, spec, found) | _keys(spec, keyring) for role, spec, found in roles},
        "distro_id": app.distro_id,
        "catalog_entry_version": app.version,
        "config_metadata": app.config.config_meta,
    }
    return {
        "version": str(app.config_schema_version),
        "services": _services(resolved, [role.id for role, _, _ in roles]),
        "nodegroups": {_NODEGROUP: group},
        "distros": {app.distro_id: {_NODEGROUP: _reference("nodegroups", _NODEGROUP)}},
        "cluster": {
            "name": resolved.root.name,
            "isolated": False,
            "id": resolved.uid,
            "config_metadata": {_NODEGROUP: _reference("nodegroups", _NODEGROUP, "config_metadata")},
        },
    }


def node_part(resolved: Resolved, role_id: str, member: MemberStatus) -> Json:
    """Return `node`: who the reading member is."""
    name = lifecycle.fqdn(resolved, member.pod)
    node: Json = {
        "role_id": role_id,
        "nodegroup_id": _NODEGROUP,
        "id": str(member.node_id),
        "hostname": name,
        "fqdn": name,
        "domain": lifecycle.domain(resolved),
        "distro_id": resolved.app.distro_id,
        "depends_on": {},
    }
    if member.block_device_paths:
        node["block_device_paths"] = list(member.block_device_paths)
    return node


def with_own_token(document: Json, role_id: str, member: MemberStatus) -> Json:
    """Return the document with the member's own token at the services of its own role.

    There is one place for the token of a role, and each of its members has another one: a member reads there the one
    that its Service shows, any other member that of the role's last member, as ever (W-22).
    """
    group = document["nodegroups"][_NODEGROUP]
    role = group["roles"].get(role_id)
    if role is None or not member.auth_token:
        return document
    services = {
        name: {**service, "authToken": member.auth_token} if service["authToken"] else service
        for name, service in role["services"].items()
    }
    roles = {**group["roles"], role_id: {**role, "services": services}}
    return {**document, "nodegroups": {_NODEGROUP: {**group, "roles": roles}}}


def with_own_keys(document: Json, role_id: str) -> Json:
    """APP-X-50 (ours): return the document without the secret keys of other roles than this one (W-14)."""
    group = document["nodegroups"][_NODEGROUP]
    roles = {
        name: role if name == role_id else {key: value for key, value in role.items() if key != "secret_keys"}
        for name, role in group["roles"].items()
    }
    return {**document, "nodegroups": {_NODEGROUP: {**group, "roles": roles}}}


def _keys(spec: ClusterRole, keyring: rules.Keyring) -> Json:
    """Return the clear values of the role's secret keys; nothing where it has none that can be read (5.4)."""
    values = rules.read_keys(spec, keyring)
    return {"secret_keys": values} if values else {}


def _services(resolved: Resolved, role_ids: Sequence[str]) -> Json:
    """Return for each service where its description stands, by role."""
    found: Json = {}
    for role_id in role_ids:
        for service in resolved.app.services_of(role_id):
            place = _reference("nodegroups", _NODEGROUP, "roles", role_id, "services", service.id)
            found.setdefault(service.id, {_NODEGROUP: {}})[_NODEGROUP][role_id] = place
    return found


def _role(resolved: Resolved, role: ResolvedRole, spec: ClusterRole, members: Sequence[MemberStatus]) -> Json:
    names = [lifecycle.fqdn(resolved, member.pod) for member in members]
    ids = [str(member.node_id) for member in members]
    return {
        "services": {
            service.id: _service(role.id, service, names, members) for service in resolved.app.services_of(role.id)
        },
        "node_ids": ids,
        "hostnames": names,
        "fqdns": names,
        "fqdn_mappings": dict(zip(names, ids, strict=True)),
        "flavor": _flavor(spec),
    }


def _service(role_id: str, service: AppService, names: Sequence[str], members: Sequence[MemberStatus]) -> Json:
    endpoint = service.endpoint
    has_token = bool(endpoint and endpoint.has_auth_token)
    scheme = (endpoint and endpoint.url_scheme) or ""
    return {
        "qualifiers": [],
        "name": service.label.name if service.label else "",
        "id": service.id,
        "hostnames": _reference("nodegroups", _NODEGROUP, "roles", role_id, "hostnames"),
        "global_id": f"{_NODEGROUP}_{role_id}_{service.id}",
        "fqdns": _reference("nodegroups", _NODEGROUP, "roles", role_id, "fqdns"),
        "exported_service": service.exported_service or "",
        "endpoints": [f"{scheme}://{name}:{endpoint.port}" for name in names] if endpoint else None,
        "authToken": (members[-1].auth_token or "") if has_token else "",
    }


def _flavor(spec: ClusterRole) -> Json:
    limits = spec.resources.limits
    return {
        "storage": _UNKNOWN,
        "name": _UNKNOWN,
        "description": _UNKNOWN,
        "memory": str(_amount(limits.get("memory")) // _MEBIBYTE),
        "cores": str(ceil(_amount(limits.get("cpu")))),
    }


def _amount(text: str | None) -> Fraction:
    """Return the quantity's amount; 0 for a limit that is not set."""
    try:
        return Quantity.parse(text).value if text else Fraction(0)
    except QuantityError:
        return Fraction(0)


def _reference(*keys: str) -> Json:
    """Return a reference, which configcli follows from the document's top."""
    return {REFERENCE: list(keys)}
