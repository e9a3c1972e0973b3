"""From JSON to what rules see: names that can be written, times as times, numbers of the declared type.

See https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-cel-types.

Layer: pure.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any, TypeAlias

import orjson

from kdlib.sandbox.store.crds.cel.typesystem import escaped
from kdlib.wire import Schema

__all__ = ["aligner", "reader"]

Reader: TypeAlias = Callable[[Any], Any]
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ns|us|µs|ms|[smhdw])")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    return timedelta(seconds=-seconds if text.startswith("-") else seconds)


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text)
    except Base64Error:
        return text.encode()


def _whole(number: float) -> int | float:
    """Return a whole number as it is; written with a fraction, it is none to rules, and compares with nothing."""
    return nan if isinstance(number, float) else number


_OF_FORMAT: Mapping[str, Reader] = {
    "byte": _bytes,
    "date": _moment,
    "date-time": _moment,
    "duration": _duration,
}


def reader(schema: Schema, only: frozenset[str] | None, *, is_root: bool) -> Reader:
    """Return what makes the values of a node those that rules see.

    `only` are the fields of an object that matter, under the names that rules use; None for all.
    """
    if is_root or schema.is_embedded or (only is not None and schema.type == "object" and _is_declared(schema)):
        return _chosen(schema, only, is_whole=is_root or schema.is_embedded)
    return _reader(schema) or (lambda value: value)


def _is_declared(schema: Schema) -> bool:
    return not isinstance(schema.raw.get("additionalProperties"), Mapping)


def _chosen(schema: Schema, only: frozenset[str] | None, *, is_whole: bool) -> Reader:
    """Return the reader of some fields of an object; of a whole resource's metadata, only the names are seen."""
    readers = {
        name: (spelled, _reader(node) or _as_it_is)
        for name, node in schema.fields.items()
        if (spelled := escaped(name)) is not None and (only is None or not only.isdisjoint((spelled, name)))
    }
    for name in ("apiVersion", "kind") if is_whole else ():
        readers[name] = (name, _as_it_is)
    if is_whole and (only is None or "metadata" in only):
        readers["metadata"] = ("metadata", _named)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        # A field that is null is absent to rules, as it is to the reference server.
        known = ((names, value.get(name)) for name, names in readers.items())
        return {spelled: inner(item) for (spelled, inner), item in known if item is not None}

    return read


def _as_it_is(value: Any) -> Any:
    return value


def _named(metadata: Any) -> Any:
    if not isinstance(metadata, dict):
        return metadata
    return {name: metadata[name] for name in ("name", "generateName") if name in metadata}


def _reader(schema: Schema) -> Reader | None:
    """Return what makes the values of a node those that rules see; None where they are the same."""
    if schema.is_int_or_string:
        return None
    match schema.type:
        case "array" if isinstance(schema.raw.get("items"), Mapping):
            return _each(_reader(schema.items))
        case "object":
            return _chosen(schema, None, is_whole=True) if schema.is_embedded else _object(schema)
        case "integer":
            return _nullable(_whole)
        case "number":
            return _nullable(float)
        case "string":
            found = _OF_FORMAT.get(str(schema.raw.get("format")))
            return None if found is None else _nullable(found)
        case _:
            return None


def _nullable(inner: Reader) -> Reader:
    return lambda value: None if value is None else inner(value)


def _each(inner: Reader | None) -> Reader | None:
    if inner is None:
        return None
    return lambda value: [inner(item) for item in value] if isinstance(value, list) else value


def _object(schema: Schema) -> Reader | None:
    if not _is_declared(schema):
        return _of_values(None if schema.additional is None else _reader(schema.additional))
    readers = {name: found for name, node in schema.fields.items() if (found := _reader(node)) is not None}
    spelled = {name: other for name in schema.fields if (other := escaped(name) or name) != name}
    nullable = {name for name, node in schema.fields.items() if node.raw.get("nullable")}
    if not readers and not spelled and not nullable:
        return None

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            spelled.get(name, name): readers[name](item) if name in readers else item
            for name, item in value.items()
            if item is not None or name not in nullable
        }

    return read


def _of_values(inner: Reader | None) -> Reader | None:
    if inner is None:
        return None
    return lambda value: {name: inner(item) for name, item in value.items()} if isinstance(value, dict) else value


# --- old values -----------------------------------------------------------------------------------------------------

Aligner: TypeAlias = Callable[[Any, Any], Any]


def aligner(schema: Schema) -> Aligner | None:
    """Return what puts the lists of an old value whose order says nothing into the order of the new one.

    So both compare as the reference server compares sets and keyed lists. None where a node has no such list.
    """
    match schema.type:
        case "array" if isinstance(schema.raw.get("items"), Mapping):
            if schema.is_atomic_list:
                return None
            return _aligned_list
        case "object" if isinstance(schema.raw.get("additionalProperties"), Mapping) and schema.additional is not None:
            inner = aligner(schema.additional)
            return None if inner is None else lambda new, old: _aligned(new, old, lambda _: inner)
        case "object":
            inners = {name: found for name, node in schema.fields.items() if (found := aligner(node)) is not None}
            return None if not inners else lambda new, old: _aligned(new, old, inners.get)
        case _:
            return None


def _aligned(new: Any, old: Any, inner: Callable[[str], Aligner | None]) -> Any:
    if not isinstance(new, dict) or not isinstance(old, dict):
        return old
    found = {}
    for name, item in old.items():
        align = inner(name)
        found[name] = align(new[name], item) if align is not None and name in new else item
    return found


def _aligned_list(new: Any, old: Any) -> Any:
    if not isinstance(new, list) or not isinstance(old, list) or len(new) != len(old) or new == old:
        return old
    return new if sorted(map(_text, new)) == sorted(map(_text, old)) else old


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
