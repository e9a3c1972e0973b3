"""What is served: built-in resources out of the table of kinds, and the custom ones that definitions add.

Layer: pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers import BUILTIN_COLUMNS, Column, custom_columns

__all__ = ["Resource", "Served", "Subresource", "version_priority"]

_GROUP_ORDER = (
    "",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
)
"""Order of the groups in discovery: clients resolve a short name in the first group that knows it."""

_CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_STATUS_VERBS = ("get", "patch", "update")
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


@dataclass(frozen=True)
class Subresource:
    """A subresource of a resource; `group` and `version` are set where its kind is of another group."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


@dataclass(frozen=True)
class Resource:
    """One resource of one group version; `schema` is the definition's name, or a custom resource's own schema."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    schema: str | Json
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    columns: Sequence[Column] = field(default=(), compare=False, repr=False)

    @property
    def api_version(self) -> str:
        """Return `group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Return the path of the group version, without the leading slash."""
        return f"apis/{self.group}/{self.version}" if self.group else f"api/{self.version}"

    @property
    def gvk(self) -> Json:
        """Return group, version and kind as documents name them."""
        return {"group": self.group, "version": self.version, "kind": self.kind}

    @property
    def is_custom(self) -> bool:
        """Tell whether a definition added it."""
        return isinstance(self.schema, dict)


class Served:
    """All resources, in the order of discovery."""

    def __init__(self, builtin: Json, definitions: Iterable[Json] = ()) -> None:
        found = [*_builtin(builtin), *_custom(definitions)]
        self.resources: tuple[Resource, ...] = tuple(sorted(found, key=_discovery_order))

    @cached_property
    def columns(self) -> Mapping[str, Sequence[Column]]:
        """Return the printer columns by `apiVersion/kind`."""
        return {**BUILTIN_COLUMNS, **{f"{each.api_version}/{each.kind}": each.columns for each in self.resources}}

    @cached_property
    def versions(self) -> Mapping[str, tuple[Resource, ...]]:
        """Return the resources by group version's path, such as `apis/apps/v1`."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.root, []).append(resource)
        return {root: tuple(resources) for root, resources in found.items()}

    @cached_property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Return the versions of each group, the preferred one first."""
        found: dict[str, list[str]] = {}
        for resource in self.resources:
            versions = found.setdefault(resource.group, [])
            if resource.version not in versions:
                versions.append(resource.version)
        return {group: tuple(versions) for group, versions in found.items()}


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Return a sort key that puts the version that clients should prefer first: v2, v1, v1beta2, v1alpha1, other.

    Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        return (3, 0, 0, version)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (stage, -int(found[1]), -int(found[3] or 0), "")


def _discovery_order(resource: Resource) -> tuple[int, str, tuple[int, int, int, str], str]:
    known = resource.group in _GROUP_ORDER
    place = _GROUP_ORDER.index(resource.group) if known else len(_GROUP_ORDER)
    return (place, resource.group, version_priority(resource.version), resource.plural)


def _builtin(builtin: Json) -> Iterable[Resource]:
    for api_version, entries in builtin["resources"].items():
        group, _, version = api_version.rpartition("/")
        for entry in entries:
            if "/" in entry["name"]:
                continue
            key = f"{api_version}/{entry['kind']}"
            yield Resource(
                group=group,
                version=version,
                kind=entry["kind"],
                plural=entry["name"],
                singular=entry["singularName"],
                namespaced=entry["namespaced"],
                verbs=tuple(entry["verbs"]),
                schema=builtin["kinds"][key],
                list_kind=f"{entry['kind']}List",
                short_names=tuple(entry.get("shortNames", ())),
                categories=tuple(entry.get("categories", ())),
                subresources=tuple(_builtin_subresources(entry["name"], entries)),
                columns=BUILTIN_COLUMNS.get(key, ()),
            )


def _builtin_subresources(plural: str, entries: Iterable[Json]) -> Iterable[Subresource]:
    for entry in entries:
        owner, _, name = entry["name"].partition("/")
        if owner == plural and name:
            verbs = tuple(entry["verbs"])
            yield Subresource(name, entry["kind"], verbs, entry.get("group", ""), entry.get("version", ""))


def _custom(definitions: Iterable[Json]) -> Iterable[Resource]:
    for definition in definitions:
        if _is_established(definition):
            spec = definition["spec"]
            yield from (_custom_resource(spec, version) for version in spec["versions"] if version.get("served"))


def _is_established(definition: Json) -> bool:
    conditions = dig(definition, "status", "conditions", default=[])
    return any(each.get("type") == "Established" and each.get("status") == "True" for each in conditions)


def _custom_resource(spec: Json, version: Json) -> Resource:
    names = spec["names"]
    return Resource(
        group=spec["group"],
        version=version["name"],
        kind=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        namespaced=spec["scope"] == "Namespaced",
        verbs=_CUSTOM_VERBS,
        schema=dig(version, "schema", "openAPIV3Schema", default={}),
        list_kind=names.get("listKind") or f"{names['kind']}List",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(_custom_subresources(names["kind"], version.get("subresources") or {})),
        columns=custom_columns(version.get("additionalPrinterColumns")),
    )


def _custom_subresources(kind: str, subresources: Json) -> Iterable[Subresource]:
    if subresources.get("status") is not None:
        yield Subresource("status", kind, _STATUS_VERBS)
    if subresources.get("scale") is not None:
        yield Subresource("scale", "Scale", _STATUS_VERBS, "autoscaling", "v1")
