"""The kinds that the embedded server serves: how they are called, what can be done with them, how they are kept.

Layer: pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.store.behaviour import Behaviour
from kdlib.sandbox.store.eventkinds import as_core_event, as_regarding_event
from kdlib.wire import Kind, Schema, Schemas

__all__ = ["ALL_VERBS", "Resource", "Resources", "builtin_resources"]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource of one version: a kind, its names, its schema and its behaviour."""

    kind: Kind
    schema: Schema
    behaviour: Behaviour
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[str, ...] = ()
    list_kind: str = ""
    storage: str = ""
    """Under which key its objects are kept: the same for all versions and groups of one storage."""
    custom: Any = None
    """What a custom kind adds (`crds.CustomKind`); None for a built-in one."""
    columns: tuple[Json, ...] = ()
    """Printer columns of a custom kind, as the CRD has them."""
    to_storage: Callable[[Json], Json] | None = field(default=None, repr=False)
    from_storage: Callable[[Json], Json] | None = field(default=None, repr=False)

    @cached_property
    def invalid_kind(self) -> Kind:
        """Return the kind that an invalid object is called by: that of the storage."""
        return Kind("v1", "Event") if self.storage == "events" else self.kind

    @cached_property
    def has_status(self) -> bool:
        """Tell whether status is written through a subresource of its own."""
        return "status" in self.subresources

    @cached_property
    def is_custom(self) -> bool:
        """Tell whether a CustomResourceDefinition made this resource."""
        return self.custom is not None

    def shown(self, obj: Json) -> Json:
        """Return a stored object in this resource's version."""
        return obj if self.from_storage is None else self.from_storage(obj)

    def stored(self, obj: Json) -> Json:
        """Return an object of this version as it is stored."""
        return obj if self.to_storage is None else self.to_storage(obj)


class Resources:
    """The resources by path and by kind; custom kinds come and go."""

    def __init__(self) -> None:
        self._by_path: dict[tuple[str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._by_path.values()))

    def add(self, resource: Resource) -> None:
        """Serve a resource, in the place of one of the same path."""
        kind = resource.kind
        self._by_path[kind.api_version, kind.plural] = resource
        self._by_kind[kind.api_version, kind.name] = resource

    def drop(self, resource: Resource) -> None:
        """Serve a resource no longer."""
        kind = resource.kind
        self._by_path.pop((kind.api_version, kind.plural), None)
        self._by_kind.pop((kind.api_version, kind.name), None)

    def at(self, api_version: str, plural: str) -> Resource | None:
        """Return the resource of a path."""
        return self._by_path.get((api_version, plural))

    def of(self, api_version: str, kind: str) -> Resource | None:
        """Return the resource of a kind."""
        return self._by_kind.get((api_version, kind))

    def has_version(self, api_version: str) -> bool:
        """Tell whether anything is served under the group and version."""
        return any(served == api_version for served, _ in self._by_path)


_OTHER_EVENTS = "events.k8s.io/v1"


def builtin_resources(schemas: Schemas, behaviour_of: Callable[[Kind], Behaviour]) -> Iterator[Resource]:
    """Yield the built-in resources that the table of kinds lists."""
    for api_version, entries in schemas.resources.items():
        for entry in entries:
            schema = schemas.kind(api_version, entry["kind"])
            if "/" not in entry["name"] and schema is not None:
                kind = Kind(api_version, entry["kind"], entry["name"], namespaced=entry["namespaced"])
                made = _builtin_resource(kind, schema, entry, behaviour_of(kind))
                yield replace(made, subresources=tuple(_subresources(kind.plural, entries)))


def _builtin_resource(kind: Kind, schema: Schema, entry: Json, behaviour: Behaviour) -> Resource:
    is_other_event = kind.api_version == _OTHER_EVENTS
    return Resource(
        kind,
        schema,
        behaviour,
        singular=entry["singularName"],
        short_names=tuple(entry.get("shortNames") or ()),
        categories=tuple(entry.get("categories") or ()),
        verbs=tuple(entry["verbs"]),
        list_kind=f"{kind.name}List",
        storage=f"{kind.group}/{kind.plural}" if kind.group and not is_other_event else kind.plural,
        to_storage=as_core_event if is_other_event else None,
        from_storage=as_regarding_event if is_other_event else None,
    )


def _subresources(plural: str, entries: list[Json]) -> Iterator[str]:
    for entry in entries:
        owner, _, name = entry["name"].partition("/")
        if owner == plural and name:
            yield name
