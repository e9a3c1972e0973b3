"""Protobuf bodies of built-in kinds, read as the JSON that they stand for.

Clients made with client-go 1.33 or newer, kubectl among them, send built-in kinds in no other way. Answers are always
JSON, which those clients take as well. The layout is generated; see tests/api/make_protobuf.py.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding.

Layer: pure.
"""

import struct
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import orjson

from kdlib.errors import api_error
from kdlib.frozen import Json

__all__ = ["PROTOBUF", "decoded_protobuf"]

PROTOBUF = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Raw: TypeAlias = int | bytes
_Layout: TypeAlias = Mapping[str, tuple[str, str, str]]


class _TruncatedError(ValueError):
    """The bytes end in the middle of something."""


def decoded_protobuf(data: bytes) -> Json:
    """Return the object that a body holds; raises a 400 for bytes that are none, a 415 for a kind that is not known."""
    if not data.startswith(_MAGIC):
        message = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        raise api_error(400, "BadRequest", message)
    try:
        return _object(data[len(_MAGIC) :])
    except (IndexError, ValueError, UnicodeDecodeError) as error:
        raise api_error(400, "BadRequest", f"the body cannot be read as protobuf: {error}") from error


def _object(envelope: bytes) -> Json:
    parts = dict(_fields(envelope))
    type_meta = dict(_fields(_taken(parts.get(1, b""))))
    api_version, kind = (_taken(type_meta.get(number, b"")).decode() for number in (1, 2))
    table = _table()
    name = "meta/v1.DeleteOptions" if kind == "DeleteOptions" else table["kinds"].get(f"{api_version}/{kind}")
    if name is None:
        message = f'there is no protobuf of kind "{kind}" in version "{api_version}" here; send application/json'
        raise api_error(415, "UnsupportedMediaType", message)
    body = _message(table["messages"], name, _taken(parts.get(2, b"")))
    return {"apiVersion": api_version, "kind": kind, **body}


@cache
def _table() -> Json:
    table: Json = orjson.loads(files("kdlib.sandbox.http").joinpath("protobuf.json").read_bytes())
    return table


def _message(messages: Mapping[str, _Layout], name: str, data: bytes) -> Json:
    layout = messages[name]
    found: Json = {}
    for number, raw in _fields(data):
        field, kind, how = layout.get(str(number), ("", "", "unknown"))
        if how == "unknown":
            continue
        if how == "map":
            key, value = _entry(messages, kind, raw)
            found.setdefault(field, {})[key] = value
        elif how == "many":
            found.setdefault(field, []).extend(_several(messages, kind, raw))
        else:
            value = _value(messages, kind, raw)
            if not field:
                found |= value
            elif value is not None and (how != "zero" or value):
                found[field] = value
    return found


def _entry(messages: Mapping[str, _Layout], kind: str, raw: _Raw) -> tuple[str, Any]:
    parts = dict(_fields(_taken(raw)))
    default: _Raw = 0 if kind in ("int", "bool") else b""
    return _taken(parts.get(1, b"")).decode(), _value(messages, kind, parts.get(2, default))


def _several(messages: Mapping[str, _Layout], kind: str, raw: _Raw) -> list[Any]:
    if kind in ("int", "bool") and isinstance(raw, bytes):
        return [_value(messages, kind, number) for number in _packed(raw)]
    return [_value(messages, kind, raw)]


def _value(messages: Mapping[str, _Layout], kind: str, raw: _Raw) -> Any:
    match kind:
        case "string":
            return _taken(raw).decode()
        case "bytes":
            return b64encode(_taken(raw)).decode()
        case "int":
            number = int(raw) if isinstance(raw, int) else 0
            return number - (1 << 64) if number >= 1 << 63 else number
        case "bool":
            return bool(raw)
        case "float":
            return struct.unpack("<d", _taken(raw))[0]
    special = _SPECIAL.get(kind)
    return special(_taken(raw)) if special is not None else _message(messages, kind, _taken(raw))


def _time(data: bytes, *, precise: bool = False) -> str | None:
    parts = dict(_fields(data))
    if not parts:
        return None
    seconds, nanos = (value if isinstance(value, int) else 0 for value in (parts.get(1, 0), parts.get(2, 0)))
    moment = datetime.fromtimestamp(seconds - (1 << 64) if seconds >= 1 << 63 else seconds, UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos // 1000:06d}Z" if precise else f"{text}Z"


def _only_text(data: bytes) -> str:
    return next((_taken(value).decode() for number, value in _fields(data) if number == 1), "")


def _only_json(data: bytes) -> Any:
    return next((orjson.loads(_taken(value)) for number, value in _fields(data) if number == 1), None)


def _int_or_string(data: bytes) -> int | str:
    parts = dict(_fields(data))
    if parts.get(1, 0):
        return _taken(parts.get(3, b"")).decode()
    number = parts.get(2, 0)
    return number if isinstance(number, int) else 0


_SPECIAL: Mapping[str, Callable[[bytes], Any]] = {
    "meta/v1.Time": _time,
    "meta/v1.MicroTime": lambda data: _time(data, precise=True),
    "meta/v1.FieldsV1": _only_json,
    "runtime.RawExtension": _only_json,
    "resource.Quantity": _only_text,
    "intstr.IntOrString": _int_or_string,
    "authorization/v1.ExtraValue": lambda data: [_taken(value).decode() for _, value in _fields(data)],
}


def _taken(raw: _Raw) -> bytes:
    if isinstance(raw, bytes):
        return raw
    raise ValueError("a number stands where bytes belong")


def _fields(data: bytes) -> Iterator[tuple[int, _Raw]]:
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire, 0)
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == _BYTES:
            size, place = _varint(data, place)
        elif not size:
            raise ValueError(f"wire type {wire} is not used by Kubernetes")
        if place + size > len(data):
            raise _TruncatedError("unexpected end")
        yield number, data[place : place + size]
        place += size


def _packed(data: bytes) -> Iterator[int]:
    place = 0
    while place < len(data):
        value, place = _varint(data, place)
        yield value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
