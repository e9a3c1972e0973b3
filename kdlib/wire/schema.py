"""The shapes of kinds: how lists merge, which keys name their items, what a field may hold.

One code serves built-in kinds, whose table is generated from a real API server's OpenAPI v3 document, and custom
kinds, whose structural schema is the same language. How a schema node maps to a shape follows
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy.

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any, TypeAlias

import orjson

from kdlib.frozen import Json

__all__ = ["Schema", "Schemas", "builtin_schemas", "structural_schema"]

ScalarTypes: TypeAlias = frozenset[type[Any]]
_SCALAR_TYPES: Mapping[str, ScalarTypes] = {
    "": frozenset({str, int, float, bool}),
    "string": frozenset({str}),
    "integer": frozenset({int, float}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}


@dataclass(frozen=True, eq=False)
class Schema:
    """One node of a schema, with its references followed.

    `raw` is the OpenAPI v3 node (no `$ref` on its own level), `preserves` says that an ancestor or the node itself
    keeps unknown fields.
    """

    raw: Json
    table: "Schemas"
    name: str = ""
    """The definition's name, where the node is one."""
    preserves: bool = False
    is_custom: bool = False
    """True at the root of a custom kind, which starts from nothing."""

    # What every walk asks of every node is worked out at once: it is read far more often than nodes are made, and a
    # plain attribute is read several times as fast as one that a descriptor stands behind.
    type: str = field(init=False)
    """The OpenAPI type; empty where any is taken."""
    is_any: bool = field(init=False)
    """Whether the node takes scalars, lists and maps alike."""
    is_map: bool = field(init=False)
    """Whether the node takes objects."""
    is_list: bool = field(init=False)
    """Whether the node takes arrays."""
    is_atomic_map: bool = field(init=False)
    """Whether an object is one value: owned, merged and replaced as a whole."""
    is_atomic_list: bool = field(init=False)
    """Whether a list is one value: owned, merged and replaced as a whole."""
    scalar_types: ScalarTypes = field(init=False)
    """The types of Python whose values the node takes, lists and maps apart."""
    granular_types: ScalarTypes = field(init=False)
    """Of `dict` and `list`, those whose values are owned, merged and replaced part by part."""

    def __post_init__(self) -> None:
        raw, name = self.raw, self.name
        kind = str(raw.get("type") or "")
        is_map, is_list = kind in {"object", ""}, kind in {"array", ""}
        is_atomic_map = raw.get("x-kubernetes-map-type") == "atomic" or name.endswith(".RawExtension")
        is_atomic_list = raw.get("x-kubernetes-list-type") not in {"map", "set"}
        parts = ((dict, is_map and not is_atomic_map), (list, is_list and not is_atomic_list))
        worked_out = {
            "type": kind,
            "is_any": not kind,
            "is_map": is_map,
            "is_list": is_list,
            "is_atomic_map": is_atomic_map,
            "is_atomic_list": is_atomic_list,
            "scalar_types": _SCALAR_TYPES.get(kind, frozenset()),
            "granular_types": frozenset(each for each, holds in parts if holds),
        }
        for attribute, value in worked_out.items():
            object.__setattr__(self, attribute, value)

    @cached_property
    def is_int_or_string(self) -> bool:
        """Tell whether the node takes an integer or a string."""
        return bool(self.raw.get("x-kubernetes-int-or-string")) or self.raw.get("format") == "int-or-string"

    @cached_property
    def fields(self) -> Mapping[str, "Schema"]:
        """Return the declared properties."""
        properties = self.raw.get("properties") or {}
        return {name: self.table.node(raw, preserves=self._keeps) for name, raw in properties.items()}

    @cached_property
    def elements(self) -> "Mapping[str, tuple[str, ScalarTypes, Schema]]":
        """Return by declared property its path element, its `scalar_types`, and its schema."""
        return {name: (f"f:{name}", node.scalar_types, node) for name, node in self.fields.items()}

    @cached_property
    def additional(self) -> "Schema | None":
        """Return the schema of undeclared properties; None where there may be none."""
        declared = self.raw.get("additionalProperties")
        if isinstance(declared, Mapping):
            return self.table.node(dict(declared), preserves=self._keeps)
        if declared is True or self._keeps:
            return self.table.deduced
        if declared is None and not self.raw.get("properties"):
            return self.table.deduced
        return None

    @cached_property
    def items(self) -> "Schema":
        """Return the schema of list items."""
        declared = self.raw.get("items")
        return (
            self.table.node(dict(declared), preserves=self._keeps)
            if isinstance(declared, Mapping)
            else self.table.deduced
        )

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return the fields that name an item of this list; empty for a set or an atomic list."""
        if self.raw.get("x-kubernetes-list-type") != "map":
            return ()
        return tuple(self.raw.get("x-kubernetes-list-map-keys") or ())

    @cached_property
    def key_defaults(self) -> Mapping[str, Any]:
        """Return the defaults of key fields that items may leave out."""
        found = {key: self.items.fields[key].raw.get("default") for key in self.keys if key in self.items.fields}
        return {key: value for key, value in found.items() if value is not None}

    @cached_property
    def default(self) -> Any:
        """Return the declared default; None for none."""
        return self.raw.get("default")

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Return the names of required properties."""
        return tuple(self.raw.get("required") or ())

    @cached_property
    def preserves_unknown(self) -> bool:
        """Tell whether this very node keeps properties that it does not declare."""
        return bool(self.raw.get("x-kubernetes-preserve-unknown-fields"))

    @cached_property
    def is_embedded(self) -> bool:
        """Tell whether the node is a whole object of its own, with kind and metadata."""
        return bool(self.raw.get("x-kubernetes-embedded-resource"))

    @cached_property
    def role(self) -> str:
        """Return how a value of this node is read.

        One of `struct`, `map`, `list`, `free`, `string`, `boolean`, `integer`, `number`, `date-time`, `byte`,
        `quantity` and `int-or-string`.
        """
        if self.is_int_or_string:
            return "int-or-string"
        if self.name.endswith(".resource.Quantity"):
            return "quantity"
        match self.type:
            case "object" if self.raw.get("properties"):
                return "struct"
            case "object" if isinstance(self.raw.get("additionalProperties"), Mapping):
                return "map"
            case "array":
                return "list"
            case "string" if self.raw.get("format") in {"date-time", "byte"}:
                return str(self.raw["format"])
            case "string" | "boolean" | "integer" | "number":
                return self.type
            case _:
                return "free"

    @cached_property
    def patch_strategies(self) -> tuple[str, ...]:
        """Return the strategic merge strategies: of `merge`, `replace`, `retainKeys`."""
        text = str(self.raw.get("x-kubernetes-patch-strategy") or "")
        return tuple(part for part in text.split(",") if part)

    @cached_property
    def patch_merge_key(self) -> str:
        """Return the field that names an item in a strategic merge; empty for none."""
        return str(self.raw.get("x-kubernetes-patch-merge-key") or "")

    @cached_property
    def _keeps(self) -> bool:
        return self.preserves or self.preserves_unknown

    def child(self, name: str) -> "Schema | None":
        """Return the schema of the property of this name, declared or not; None where it may not be."""
        return self.fields.get(name) or self.additional

    def at(self, *path: str) -> "Schema | None":
        """Return the node under the path of properties; `[]` steps into a list's items."""
        node: Schema | None = self
        for step in path:
            if node is None:
                return None
            node = node.items if step == "[]" else node.child(step)
        return node

    @cached_property
    def zero(self) -> Json:
        """Return the object that this kind is before anybody wrote to it.

        Built-in kinds always show the parts that their document gives an empty default, and null for required
        lists: nobody owns these merely by creating the object. Custom kinds start from nothing.
        """
        empty: Json = {}
        if self.is_custom:
            return empty
        for name, node in self.fields.items():
            if node.default == {} and node.fields:
                empty[name] = node.zero
            elif node.default is not None and not node.default:
                empty[name] = node.default
            elif name in self.required:
                empty[name] = None
        return empty


class Schemas:
    """Definitions by name, and the kinds that they belong to; nodes are made once, when first asked for.

    `resources` holds the discovery entries (`metav1.APIResource`) of each group version.
    """

    def __init__(
        self,
        definitions: Mapping[str, Json],
        kinds: Mapping[str, str],
        resources: Mapping[str, list[Json]] | None = None,
    ) -> None:
        self.resources: Mapping[str, list[Json]] = resources or {}
        self._definitions = definitions
        self._kinds = kinds
        self._nodes: dict[tuple[str, bool], Schema] = {}
        self._variants: dict[tuple[str, bool, str], Schema] = {}
        deduced = {"x-kubernetes-preserve-unknown-fields": True}
        self.deduced = Schema(deduced, self, preserves=True)

    @property
    def kinds(self) -> Iterable[str]:
        """Return the kinds of the table, as `apps/v1/StatefulSet`."""
        return self._kinds.keys()

    def kind(self, api_version: str, kind: str) -> Schema | None:
        """Return the schema of a kind; None for one that the table does not hold."""
        name = self._kinds.get(f"{api_version}/{kind}")
        return None if name is None else self.definition(name)

    def definition(self, name: str, *, preserves: bool = False) -> Schema:
        """Return the schema of a definition by its name."""
        node = self._nodes.get((name, preserves))
        if node is None:
            node = Schema(self._definitions[name], self, name=name, preserves=preserves)
            self._nodes[name, preserves] = node
        return node

    def node(self, raw: Json, *, preserves: bool = False) -> Schema:
        """Return the schema of a node, following its reference and keeping what stands beside that."""
        reference = _reference(raw)
        if not reference:
            return Schema(raw, self, preserves=preserves)
        target = self.definition(reference, preserves=preserves)
        beside = {key: value for key, value in raw.items() if key not in {"$ref", "allOf", "description"}}
        if not beside:
            return target
        key = (reference, preserves, str(sorted(beside.items())))
        if key not in self._variants:
            self._variants[key] = Schema({**target.raw, **beside}, self, name=reference, preserves=preserves)
        return self._variants[key]


def _reference(raw: Json) -> str:
    target = raw.get("$ref")
    if target is None:
        several = raw.get("allOf") or []
        target = several[0].get("$ref") if len(several) == 1 else None
    return str(target).rpartition("/")[2] if target else ""


def builtin_schemas() -> Schemas:
    """Read the table of built-in kinds that comes with this package."""
    table = orjson.loads(files("kdlib.wire").joinpath("builtin.json").read_bytes())
    return Schemas(table["definitions"], table["kinds"], table.get("resources"))


def structural_schema(schema: Json) -> Schema:
    """Return the schema of a custom kind from its `openAPIV3Schema`."""
    return Schema(schema, Schemas({}, {}), is_custom=True)
