"""The OpenAPI v2 document as protobuf, as kubectl reads it: by it the items of a `kind: List` are checked.

Of the document there are its definitions alone, with what clients check by: types, fields, required ones, list keys.
The layout is that of https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto.

Layer: pure.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from kdlib.frozen import Json

__all__ = ["ASKED_AS", "OPENAPI_PROTOBUF", "encoded_openapi"]

OPENAPI_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""Content type of the document."""
ASKED_AS = (OPENAPI_PROTOBUF, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
"""How clients ask for it; the second, which kubectl sends, is no content type that it could read in an answer."""

_SWAGGER, _INFO, _PATHS, _DEFINITIONS = 1, 2, 8, 9
_TITLE, _VERSION = 1, 2
_NAME, _VALUE = 1, 2
_REFERENCE, _FORMAT, _REQUIRED, _ADDITIONAL, _TYPE, _ITEMS, _PROPERTIES, _EXTENSION = 1, 2, 19, 21, 22, 23, 25, 31
_FIRST = 1
_YAML = 2
_BYTES = 2
_SEVEN_BITS = 0x7F
_INNER = {"additionalProperties": _ADDITIONAL, "items": _ITEMS}


def encoded_openapi(document: Json) -> bytes:
    """Return an OpenAPI v2 document, given as its JSON, as a client of protobuf reads it."""
    info = _field(_TITLE, document["info"]["title"].encode()) + _field(_VERSION, document["info"]["version"].encode())
    return b"".join(
        (
            _field(_SWAGGER, b"2.0"),
            _field(_INFO, info),
            _field(_PATHS, b""),
            _field(_DEFINITIONS, _definitions(document["definitions"])),
        )
    )


def _schema(schema: Any) -> bytes:
    if not isinstance(schema, dict):
        return b""
    return _field(_REFERENCE, schema["$ref"].encode()) if "$ref" in schema else b"".join(_parts(schema))


def _parts(schema: Json) -> Iterator[bytes]:
    for name, part in sorted(schema.items()):
        if name == "format":
            yield _field(_FORMAT, part.encode())
        elif name == "type":
            yield _field(_TYPE, _field(_FIRST, part.encode()))
        elif name == "required":
            yield from (_field(_REQUIRED, field.encode()) for field in part)
        elif name == "properties":
            yield _field(_PROPERTIES, _definitions(part))
        elif name in _INNER and isinstance(part, dict):
            yield _field(_INNER[name], _field(_FIRST, _schema(part)))
        elif name.startswith("x-kubernetes-"):
            # JSON is YAML.
            yield _field(_EXTENSION, _named(name, _field(_YAML, orjson.dumps(part))))


def _definitions(schemas: Json) -> bytes:
    named = (_named(name, _schema(schema)) for name, schema in sorted(schemas.items()))
    return b"".join(_field(_FIRST, item) for item in named)


def _named(name: str, value: bytes) -> bytes:
    return _field(_NAME, name.encode()) + _field(_VALUE, value)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > _SEVEN_BITS:
        out.append(number & _SEVEN_BITS | _SEVEN_BITS + 1)
        number >>= 7
    out.append(number)
    return bytes(out)
