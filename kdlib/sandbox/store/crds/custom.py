"""A custom kind: what a CustomResourceDefinition adds to the plain storing of objects.

Layer: pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.behaviour import Behaviour
from kdlib.sandbox.store.crds.compiling import compile_rules, has_rules
from kdlib.sandbox.store.crds.correlation import Pair
from kdlib.sandbox.store.crds.listtypes import duplicate_errors
from kdlib.sandbox.store.crds.rules import NO_RULES, Rules
from kdlib.sandbox.store.crds.structural import read_custom
from kdlib.sandbox.store.crds.values import value_errors
from kdlib.sandbox.store.decode import Reading
from kdlib.sandbox.store.faults import FieldError, invalid_value
from kdlib.sandbox.store.resources import ALL_VERBS, Resource
from kdlib.wire import Kind, Schema, Schemas

__all__ = ["CustomKind", "custom_resources"]

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_MOST_REMEMBERED = 2000
_BLOCKING = frozenset(
    {
        "FieldValueRequired",
        "FieldValueNotSupported",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
_NOT_RUN = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


@dataclass(frozen=True, eq=False)
class CustomKind:
    """One version of a custom kind: its schema, its rules, its scale paths."""

    schema: Schema
    metadata: Schema
    rules: Rules
    selectable: tuple[str, ...] = ()
    scale: Json | None = None
    _sound: dict[tuple[str, str], Json] = field(default_factory=dict, init=False, repr=False)
    """The last form of each object, by namespace and name, with whose values nothing was wrong under this schema.

    It is the objects themselves that stand here, so that no other can come to be the very same.
    """

    def read(self, body: Json, reading: Reading) -> Json:
        """Return an object of the kind as a new one, pruned and with defaults."""
        return read_custom(self.schema, self.metadata, body, reading)

    def errors(self, new: Json, old: Json | None = None) -> list[FieldError]:
        """Return what is wrong with an object; what was wrong before, and unchanged, is let pass."""
        pair = None if old is None else Pair(self.schema, new, old)
        found = list(value_errors(self.schema, new, "", sound=self._sound_part(new, old)))
        if not found:
            self._remember(new)
        if found and pair is not None:
            found = list(value_errors(self.schema, new, "", pair))
        # What two parts of a schema say alike is told once.
        found = list({str(error): error for error in found}.values())
        found += self._scale_errors(new)
        found += self._duplicates(new, old)
        if self.rules.is_empty:
            return found
        if any(error.type in _BLOCKING for error in found):
            return [*found, invalid_value("<nil>", None, _NOT_RUN)]
        return [*found, *self.rules.errors(new, old, "", pair)]

    def _duplicates(self, new: Json, old: Json | None) -> list[FieldError]:
        """Return what stands twice, unless something did already."""
        found = list(duplicate_errors(self.schema, new, "", old))
        # What both share tells nothing: if something stands twice there, it did already.
        return [] if found and old is not None and any(duplicate_errors(self.schema, old, "")) else found

    def _sound_part(self, new: Json, old: Json | None) -> Json | None:
        """Return the parts of the stored object with which nothing was wrong, so far as that is still known."""
        known = self._sound.get(_key(new), {})
        return None if old is None else {name: item for name, item in old.items() if known.get(name) is item}

    def _remember(self, new: Json) -> None:
        key = _key(new)
        self._sound.pop(key, None)
        self._sound[key] = new
        if len(self._sound) > _MOST_REMEMBERED:
            del self._sound[next(iter(self._sound))]

    def _scale_errors(self, obj: Json) -> Iterator[FieldError]:
        for name in ("specReplicasPath", "statusReplicasPath") if self.scale else ():
            error = _count_error(obj, str((self.scale or {}).get(name) or ""))
            if error is not None:
                yield error


def _key(obj: Json) -> tuple[str, str]:
    return str(dig(obj, "metadata", "namespace", default="")), str(dig(obj, "metadata", "name", default=""))


def _count_error(obj: Json, path: str) -> FieldError | None:
    """Say why no count can be read at a path, or why it is none."""
    value: Any = obj
    for step in path.strip(".").split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            return _accessor_error(path, value, "map[string]interface{}")
        value = value.get(step)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        return _accessor_error(path, value, "int64")
    if value < 0:
        return invalid_value(path, value, "should be a non-negative integer")
    if value > _MOST_REPLICAS:
        return invalid_value(path, value, f"should be less than or equal to {_MOST_REPLICAS}")
    return None


def _accessor_error(path: str, value: Any, wanted: str) -> FieldError:
    found = _GO_TYPES.get(type(value), "map[string]interface {}")
    return invalid_value(path, 0, f"{path} accessor error: {value} is of the type {found}, expected {wanted}")


_MOST_REPLICAS = 2**31 - 1
_GO_TYPES: Mapping[type, str] = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    list: "[]interface {}",
}


def custom_resources(definition: Json, builtin: Schemas) -> Iterator[Resource]:
    """Yield the resources of a definition, one for each served version."""
    spec = definition["spec"]
    storage_version = next(version["name"] for version in spec["versions"] if version.get("storage"))
    for version in spec["versions"]:
        if version.get("served"):
            yield _resource(spec, version, storage_version, builtin)


def _resource(spec: Json, version: Json, storage_version: str, builtin: Schemas) -> Resource:
    names, group = spec["names"], spec["group"]
    kind = Kind(f"{group}/{version['name']}", names["kind"], names["plural"], namespaced=spec["scope"] == "Namespaced")
    raw = dig(version, "schema", "openAPIV3Schema", default={"type": "object"})
    custom = _custom_kind(version, Schema(raw, builtin), builtin)
    storage_api, own_api = f"{group}/{storage_version}", kind.api_version
    subresources = version.get("subresources") or {}
    return Resource(
        kind,
        Schema(_whole(raw), builtin, is_custom=True),
        _behaviour(custom),
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=ALL_VERBS,
        subresources=tuple(name for name in ("status", "scale") if subresources.get(name) is not None),
        list_kind=names.get("listKind") or f"{names['kind']}List",
        storage=f"{group}/{names['plural']}",
        custom=custom,
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        to_storage=None if own_api == storage_api else lambda obj: {**obj, "apiVersion": storage_api},
        from_storage=lambda obj: obj if obj["apiVersion"] == own_api else {**obj, "apiVersion": own_api},
    )


def _custom_kind(version: Json, schema: Schema, builtin: Schemas) -> CustomKind:
    selectable = version.get("selectableFields") or ()
    return CustomKind(
        schema,
        builtin.definition(_METADATA),
        compile_rules(schema.raw, builtin, "")[0] if has_rules(schema.raw) else NO_RULES,
        tuple(str(field["jsonPath"]).lstrip(".") for field in selectable),
        dig(version, "subresources", "scale"),
    )


def _whole(raw: Json) -> Json:
    """Return the schema with what every object has, for the tracking of fields."""
    whole = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": f"#/definitions/{_METADATA}"},
    }
    return {**raw, "properties": {**(raw.get("properties") or {}), **whole}}


def _behaviour(custom: CustomKind) -> Behaviour:
    return Behaviour(
        validate=custom.errors,
        validate_update=custom.errors,
        has_generation=True,
        needs_version=True,
    )
