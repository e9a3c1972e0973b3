"""Reading what a client sent as an object of a built-in kind: types, unknown fields, canonical forms, empty parts.

Reading makes a new object that shares nothing with what was sent (`metadata.managedFields` apart), in the form in
which the reference server would show it: quantities canonical, empty lists and maps left out, structures that always
show filled in.

Layer: pure.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from kdlib.frozen import Json, copied
from kdlib.sandbox.store.pointers import SHOWN_WHEN_NULL, TELLS_ZERO
from kdlib.sandbox.store.times import TimeError, read_micro_time, read_time
from kdlib.wire import Quantity, QuantityError, Schema

__all__ = ["Misfit", "Plan", "Reading", "containers", "read_object"]

Plan: TypeAlias = tuple[Mapping[str, tuple[Schema, Callable[..., Any], type | None, bool]], tuple[tuple[str, Any], ...]]
"""How a struct is read: by field name its schema, its reader, the type that needs none, and whether it goes when
empty; then what is filled in."""


class Misfit(Exception):  # noqa: N818 - it becomes an ApiError where it is caught
    """A value has not the type that its field takes; the message is the decoder's.

    `go_type` is the type that was wanted, `path` the field's; the struct that has the field is known one step up.
    """

    def __init__(self, message: str, *, go_type: str = "", path: str = "") -> None:
        self.go_type = go_type
        self.path = path
        self.struct = ""
        super().__init__(message)

    def __str__(self) -> str:
        text = super().__str__()
        if not self.go_type:
            return text
        return f"json: cannot unmarshal {text} into Go struct field {self.struct}.{self.path} of type {self.go_type}"


@dataclass(slots=True)
class Reading:
    """What was noticed on the way: `unknown` are the paths of fields that nobody declares.

    `plans` are worked out once for each struct; whoever reads often keeps them.
    """

    plans: "dict[Schema, Plan]"
    unknown: list[str] = field(default_factory=list)
    stored: AbstractSet[int] = frozenset()
    """Identities of containers that come out of the store, and need no reading again."""


def read_object(schema: Schema, value: Json, reading: Reading) -> Json:
    """Return the object as a new one in canonical form; raises Misfit."""
    return _read_struct(schema, value, "", reading)


def containers(value: Any) -> Iterator[int]:
    """Yield the identities of the containers that a value is made of."""
    if isinstance(value, dict):
        yield id(value)
        for item in value.values():
            if type(item) is dict or type(item) is list:
                yield from containers(item)
    elif isinstance(value, list):
        yield id(value)
        for item in value:
            if type(item) is dict or type(item) is list:
                yield from containers(item)


def _plan(schema: Schema) -> "Plan":
    """Return the readers of a struct's fields (and whether an empty result is left out), and what it always shows."""
    readers = {}
    fills: list[tuple[str, Any]] = []
    short = schema.name.rpartition(".")[2]
    for name, node in schema.fields.items():
        drops_empty = name not in schema.required and _drops_empty(f"{short}.{name}", node)
        plain = list if name == "managedFields" else _PLAIN.get(node.role)
        readers[name] = (node, _READERS[node.role], plain, drops_empty)
        if node.role == "struct" and node.default == {}:
            fills.append((name, node))
        elif f"{short}.{name}" in SHOWN_WHEN_NULL:
            fills.append((name, None))
        elif node.role not in {"struct", "list", "map", "free"} and node.default is not None:
            fills.append((name, node.default))
    return readers, tuple(fills)


_PLAIN: Mapping[str, type] = {"string": str, "boolean": bool, "integer": int}
"""Types of values that need no reading."""


def _drops_empty(field: str, node: Schema) -> bool:
    """Tell whether a field that is empty or zero is left out, as the reference server does."""
    if node.role in {"list", "map", "byte"}:
        return True
    is_plain = node.role in {"string", "integer", "boolean", "number"}
    return is_plain and node.default is None and field not in TELLS_ZERO


def _read_struct(schema: Schema, value: Any, path: str, reading: Reading) -> Json:
    if not isinstance(value, dict):
        raise _misfit(schema, value, path, schema.name.rpartition(".")[2])
    plan = reading.plans.get(schema)
    if plan is None:
        plan = reading.plans[schema] = _plan(schema)
    readers, fills = plan
    out: Json = {}
    for name, item in value.items():
        found = readers.get(name)
        if found is None:
            reading.unknown.append(f"{path}.{name}" if path else name)
            continue
        node, read, plain, drops_empty = found
        if item is None:
            continue
        if type(item) is plain or id(item) in reading.stored:
            result = item
        else:
            result = _read_field(schema, (node, read), item, (f"{path}.{name}" if path else name, reading))
        if result or not drops_empty:
            out[name] = result
    return _filled(out, fills, reading)


def _read_field(schema: Schema, how: tuple[Schema, Callable[..., Any]], item: Any, where: tuple[str, Reading]) -> Any:
    node, read = how
    try:
        return read(node, item, *where)
    except Misfit as error:
        error.struct = error.struct or schema.name.rpartition(".")[2]
        raise


def _filled(out: Json, fills: tuple[tuple[str, Any], ...], reading: Reading) -> Json:
    """Put in what the reference server always shows."""
    for name, default in fills:
        if name not in out:
            out[name] = _read_struct(default, {}, "", reading) if isinstance(default, Schema) else default
    return out


def _read_map(schema: Schema, value: Any, path: str, reading: Reading) -> Json:
    if not isinstance(value, dict):
        raise _misfit(schema, value, path, "map[string]" + _go_type(schema.additional))
    node = schema.additional
    if node is None:
        return dict(copied(value))
    read = _READERS[node.role]
    if node.role not in {"struct", "map", "list"}:
        empty = "" if node.type == "string" else None
        return {name: empty if item is None else read(node, item, path, reading) for name, item in value.items()}
    return {name: read(node, item, f"{path}.{name}", reading) for name, item in value.items() if item is not None}


def _read_list(schema: Schema, value: Any, path: str, reading: Reading) -> list[Any]:
    if not isinstance(value, list):
        raise _misfit(schema, value, path, "[]" + _go_type(schema.items))
    node = schema.items
    read = _READERS[node.role]
    zero: Any = {} if node.role == "struct" else node.default
    plain, stored = _PLAIN.get(node.role), reading.stored
    return [
        item
        if type(item) is plain or id(item) in stored
        else read(node, zero if item is None else item, f"{path}[{index}]", reading)
        for index, item in enumerate(value)
    ]


def _read_free(_schema: Schema, value: Any, _path: str, _reading: Reading) -> Any:
    return copied(value)


def _read_string(schema: Schema, value: Any, path: str, _reading: Reading) -> str:
    if isinstance(value, str):
        return value
    raise _misfit(schema, value, path, "string")


def _read_boolean(schema: Schema, value: Any, path: str, _reading: Reading) -> bool:
    if isinstance(value, bool):
        return value
    raise _misfit(schema, value, path, "bool")


def _read_integer(schema: Schema, value: Any, path: str, _reading: Reading) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _misfit(schema, value, path, str(schema.raw.get("format") or "int64"))


def _read_number(schema: Schema, value: Any, path: str, _reading: Reading) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _misfit(schema, value, path, "float64")


def _read_int_or_string(_schema: Schema, value: Any, _path: str, _reading: Reading) -> int | str:
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise Misfit(f"json: cannot unmarshal {_json_type(value)} into Go value of type int32")


def _read_quantity(_schema: Schema, value: Any, _path: str, _reading: Reading) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _canonical(value)
    raise Misfit(f"unable to parse quantity's suffix from {_json_type(value)}")


def _canonical(value: str | float) -> str:
    try:
        return Quantity.parse(value).canonical
    except QuantityError as error:
        raise Misfit(str(error)) from error


def _read_time(schema: Schema, value: Any, path: str, _reading: Reading) -> str:
    if not isinstance(value, str):
        raise _misfit(schema, value, path, "string")
    try:
        return read_micro_time(value) if schema.name.endswith(".MicroTime") else read_time(value)
    except TimeError as error:
        raise Misfit(str(error)) from error


def _read_bytes(schema: Schema, value: Any, path: str, _reading: Reading) -> str:
    if not isinstance(value, str):
        raise _misfit(schema, value, path, "[]uint8")
    try:
        b64decode(value, validate=True)
    except (Base64Error, ValueError) as error:
        place = next((index for index, letter in enumerate(value) if not (letter.isalnum() or letter in "+/=")), None)
        raise Misfit(f"illegal base64 data at input byte {len(value) if place is None else place}") from error
    return value


_READERS: Mapping[str, Callable[..., Any]] = {
    "struct": _read_struct,
    "map": _read_map,
    "list": _read_list,
    "free": _read_free,
    "string": _read_string,
    "boolean": _read_boolean,
    "integer": _read_integer,
    "number": _read_number,
    "int-or-string": _read_int_or_string,
    "quantity": _read_quantity,
    "date-time": _read_time,
    "byte": _read_bytes,
}


def _misfit(_schema: Schema, value: Any, path: str, go_type: str) -> Misfit:
    return Misfit(_json_type(value), go_type=go_type, path=re.sub(r"\[\d+\]", "", path))


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


def _go_type(schema: Schema | None) -> str:
    match schema.type if schema else "":
        case "boolean":
            return "bool"
        case "integer":
            return "int32"
        case "object" if schema and schema.name:
            return "v1." + schema.name.rpartition(".")[2]
        case other:
            return other or "interface {}"
