"""Discovery documents, plain and aggregated: what a client asks first.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api.

Layer: pure.
"""

from collections.abc import Iterable

from kdlib.frozen import Json
from kdlib.sandbox.http.served import Resource, Served, Subresource

__all__ = ["AGGREGATED", "aggregated", "api_versions", "group", "groups", "resources"]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""The content type under which a client asks for, and gets, aggregated discovery."""


def api_versions(address: str) -> Json:
    """Return the document of `/api`; `address` is the server's, `host:port`."""
    places = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": places}


def groups(served: Served) -> Json:
    """Return the document of `/apis`."""
    named = [_group(name, versions) for name, versions in served.groups.items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": named}


def group(served: Served, name: str) -> Json | None:
    """Return the document of `/apis/GROUP`; None where the group is not served."""
    versions = served.groups.get(name)
    return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, versions) if versions else None


def resources(served: Served, root: str) -> Json | None:
    """Return the document of a group version's path, such as `apis/apps/v1`; None where it is not served."""
    found = served.versions.get(root)
    if found is None:
        return None
    entries = [entry for resource in found for entry in _entries(resource)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": entries,
    }


def aggregated(served: Served, *, core: bool) -> Json:
    """Return all groups with their resources: the core group for `/api`, the others for `/apis`."""
    items = []
    for name, versions in served.groups.items():
        if (name == "") != core:
            continue
        metadata = {"name": name} if name else {}
        items.append({"metadata": metadata, "versions": [_version(served, name, version) for version in versions]})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _group(name: str, versions: Iterable[str]) -> Json:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def _entries(resource: Resource) -> Iterable[Json]:
    entry: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    yield entry
    for subresource in resource.subresources:
        yield _subresource_entry(resource, subresource)


def _subresource_entry(resource: Resource, subresource: Subresource) -> Json:
    entry: Json = {"name": f"{resource.plural}/{subresource.name}", "singularName": ""}
    entry["namespaced"] = resource.namespaced
    if subresource.group:
        entry |= {"group": subresource.group, "version": subresource.version}
    return entry | {"kind": subresource.kind, "verbs": list(subresource.verbs)}


def _version(served: Served, name: str, version: str) -> Json:
    root = f"apis/{name}/{version}" if name else f"api/{version}"
    discovered = [_discovered(resource) for resource in served.versions[root]]
    return {"version": version, "resources": discovered, "freshness": "Current"}


def _discovered(resource: Resource) -> Json:
    # The server leaves group and version of a response kind empty where they are the resource's own; custom
    # resources name them.
    own = resource.gvk if resource.is_custom else {"group": "", "version": "", "kind": resource.kind}
    entry: Json = {
        "resource": resource.plural,
        "responseKind": own,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [_discovered_subresource(resource, each) for each in resource.subresources]
    return entry


def _discovered_subresource(resource: Resource, subresource: Subresource) -> Json:
    group = subresource.group or (resource.group if resource.is_custom else "")
    version = subresource.version or (resource.version if resource.is_custom else "")
    kind = {"group": group, "version": version, "kind": subresource.kind}
    return {"subresource": subresource.name, "responseKind": kind, "verbs": list(subresource.verbs)}
