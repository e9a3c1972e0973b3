"""What makes a schema structural, and what keeps it from being one.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema.

Layer: pure.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from kdlib.frozen import Json
from kdlib.sandbox.store.crds.values import value_errors
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required, unsupported
from kdlib.wire import Schema, Schemas

__all__ = ["schema_errors"]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_REFUSED = {
    "$ref": "$ref is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "patternProperties": "patternProperties is not supported",
    "additionalItems": "additionalItems is not supported",
    "id": "id is not supported",
}
_STRUCTURAL = (
    "type",
    "default",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
)


def schema_errors(raw: Json, path: str) -> Iterator[FieldError]:
    """Yield what is wrong with the schema of a custom kind's version."""
    yield from _node_errors(raw, path, "root")
    metadata = (raw.get("properties") or {}).get("metadata") or {}
    if set(metadata.get("properties") or {}) - {"name", "generateName"}:
        what = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield forbidden_field(f"{path}.properties[metadata]", what)


def _node_errors(raw: Json, path: str, place: str) -> Iterator[FieldError]:
    yield from _own_errors(raw, path)
    for name, node in sorted((raw.get("properties") or {}).items()):
        yield from _node_errors(node, f"{path}.properties[{name}]", "object fields")
    if isinstance(raw.get("items"), dict):
        yield from _node_errors(raw["items"], f"{path}.items", "array items")
    if isinstance(raw.get("additionalProperties"), dict):
        yield from _node_errors(raw["additionalProperties"], f"{path}.additionalProperties", "object fields")
    yield from _type_errors(raw, path, place)
    yield from _list_errors(raw, path)
    yield from _part_errors(raw, path)
    yield from _default_errors(raw, path)


def _own_errors(raw: Json, path: str) -> Iterator[FieldError]:
    for field, what in _REFUSED.items():
        if raw.get(field):
            yield forbidden_field(f"{path}.{field}", what)
    if raw.get("additionalProperties") is not None and raw.get("properties"):
        what = "additionalProperties and properties are mutual exclusive"
        if raw["additionalProperties"] is not False:
            yield forbidden_field(f"{path}.additionalProperties", what)
    if raw.get("uniqueItems"):
        what = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield forbidden_field(f"{path}.uniqueItems", what)
    pattern = raw.get("pattern")
    if pattern:
        try:
            re.compile(pattern)
        except re.error as error:
            what = f"must be a valid regular expression, but isn't: error parsing regexp: {error}: `{pattern}`"
            yield invalid_value(f"{path}.pattern", pattern, what)


def _type_errors(raw: Json, path: str, place: str) -> Iterator[FieldError]:
    kind = raw.get("type")
    if not kind:
        if place == "root":
            yield required(f"{path}.type", "must not be empty at the root")
        elif not raw.get("x-kubernetes-int-or-string") and not raw.get("x-kubernetes-preserve-unknown-fields"):
            yield required(f"{path}.type", f"must not be empty for specified {place}")
    elif kind not in _TYPES:
        yield unsupported(f"{path}.type", kind, _TYPES)
    elif place == "root" and kind != "object":
        yield invalid_value(f"{path}.type", kind, "must be object at the root")
    elif kind == "array" and not isinstance(raw.get("items"), dict):
        yield required(f"{path}.items", "must be specified")


def _list_errors(raw: Json, path: str) -> Iterator[FieldError]:
    list_type = raw.get("x-kubernetes-list-type")
    if list_type not in {None, "atomic", "set", "map"}:
        yield unsupported(f"{path}.x-kubernetes-list-type", list_type, ("atomic", "map", "set"))
    if list_type == "map":
        yield from _key_errors(raw.get("x-kubernetes-list-map-keys") or [], raw.get("items") or {}, path)


def _key_errors(keys: list[str], items: Json, path: str) -> Iterator[FieldError]:
    where = f"{path}.x-kubernetes-list-map-keys"
    properties = items.get("properties") or {}
    if not keys:
        yield required(where, "must not be empty if x-kubernetes-list-type is map")
        return
    if set(keys) - set(properties):
        yield invalid_value(where, keys, "entries must all be names of item properties")
        return
    for key in set(keys) - set(items.get("required") or ()):
        if properties[key].get("default") is None:
            what = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            yield required(f"{path}.items.properties[{key}].default", what)


def _part_errors(raw: Json, path: str) -> Iterator[FieldError]:
    """Yield what value validations may not say: they check values, the structure is said outside of them."""
    for composition in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(raw.get(composition) or ()):
            if not (raw.get("x-kubernetes-int-or-string") and composition in {"anyOf", "allOf"}):
                yield from _inside_errors(part, f"{path}.{composition}[{index}]")
    if isinstance(raw.get("not"), dict):
        yield from _inside_errors(raw["not"], f"{path}.not")


def _inside_errors(part: Json, path: str) -> Iterator[FieldError]:
    for field in _STRUCTURAL:
        if part.get(field) is not None:
            yield forbidden_field(f"{path}.{field}", "must be empty to be structural")
    for name, node in sorted((part.get("properties") or {}).items()):
        yield from _inside_errors(node, f"{path}.properties[{name}]")
    if isinstance(part.get("items"), dict):
        yield from _inside_errors(part["items"], f"{path}.items")


def _default_errors(raw: Json, path: str) -> Iterator[FieldError]:
    if raw.get("default") is None:
        return
    for error in value_errors(Schema(raw, Schemas({}, {})), raw["default"], ""):
        yield replace(error, path=f"{path}.default{error.path}")
