"""Reading a custom object by its structural schema: unknown fields go, nulls go, defaults come.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/.

Layer: pure.
"""

from typing import Any

import orjson

from kdlib.frozen import Json, copied
from kdlib.sandbox.store.decode import MisfitError, Reading, read_object
from kdlib.wire import Schema

__all__ = ["read_custom"]

_ROOT = frozenset({"apiVersion", "kind", "metadata"})


def read_custom(schema: Schema, metadata: Schema, value: Json, reading: Reading) -> Json:
    """Return the object as a new one, pruned and with defaults; raises MisfitError for metadata that is none.

    Parts that are what the stored object has in their place are its very parts: nobody need check them again.
    """
    out: Json = {}
    inner = Reading(reading.plans)
    if isinstance(value.get("metadata"), dict):
        out["metadata"] = read_object(metadata, value["metadata"], inner)
        reading.unknown.extend(f"metadata.{path}" for path in inner.unknown)
    elif value.get("metadata") is not None:
        raise MisfitError("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    body = {name: item for name, item in value.items() if name not in _ROOT}
    pruned = _pruned(schema, body, "", (metadata, reading))
    reading.unknown.sort()
    out.update({name: _kept(item, reading.stored.get(name)) for name, item in pruned.items() if name not in _ROOT})
    return out


def _kept(new: Any, old: Any) -> Any:
    """Return the old value where the new one is the same, types and order included; else the new, its parts alike."""
    if isinstance(new, dict) and isinstance(old, dict):
        if new == old and _is_written_alike(new, old):
            return old
        return {name: _kept(item, old.get(name)) for name, item in new.items()}
    if isinstance(new, list) and isinstance(old, list):
        if new == old and _is_written_alike(new, old):
            return old
        return [_kept(item, known) for item, known in zip(new, old, strict=False)] + new[len(old) :]
    return new


def _is_written_alike(new: Any, old: Any) -> bool:
    """Tell what Python takes for equal, as 1, 1.0 and true, from what is the same."""
    try:
        return orjson.dumps(new) == orjson.dumps(old)
    except orjson.JSONEncodeError:
        return False


_Context = tuple[Schema, Reading]


def _pruned(schema: Schema, value: Any, path: str, context: _Context) -> Any:
    if isinstance(value, dict):
        return _pruned_map(schema, value, path, context)
    if isinstance(value, list):
        items = schema.items if isinstance(schema.raw.get("items"), dict) else None
        if items is None:
            return copied(value)
        return [_pruned(items, item, f"{path}[{index}]", context) for index, item in enumerate(value)]
    return value


def _pruned_map(schema: Schema, value: Json, path: str, context: _Context) -> Json:
    metadata, reading = context
    out: Json = {}
    for name, item in value.items():
        where = f"{path}.{name}" if path else name
        node = schema.fields.get(name) or _additional(schema)
        if schema.is_embedded and name in _ROOT:
            out[name] = _embedded(metadata, name, item, (where, reading))
        elif node is None:
            if schema.preserves_unknown:
                out[name] = copied(item)
            else:
                reading.unknown.append(where)
        elif item is None and not node.raw.get("nullable"):
            # The reference server takes such a null for a field that is not there: a default fills it.
            continue
        else:
            out[name] = _pruned(node, item, where, context)
    return _defaulted(schema, out, path, context)


def _additional(schema: Schema) -> Schema | None:
    return schema.additional if isinstance(schema.raw.get("additionalProperties"), dict) else None


def _defaulted(schema: Schema, out: Json, path: str, context: _Context) -> Json:
    for name, node in schema.fields.items():
        if name not in out and node.default is not None:
            out[name] = _pruned(node, copied(node.default), f"{path}.{name}", context)
    return out


def _embedded(metadata: Schema, name: str, item: Any, where: tuple[str, Reading]) -> Any:
    path, reading = where
    if name != "metadata" or not isinstance(item, dict):
        return copied(item)
    inner = Reading(reading.plans)
    found = read_object(metadata, item, inner)
    reading.unknown.extend(f"{path}.{unknown}" for unknown in inner.unknown)
    return found
