"""Reading what a client sent as an object of a built-in kind: types, unknown fields, canonical forms, empty parts.

Reading makes a new object that shares nothing with what was sent (`metadata.managedFields` apart), in the form in
which the reference server would show it: quantities canonical, empty lists and maps left out, structures that always
show filled in.

Layer: pure.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, TypeAlias

import orjson

from kdlib.frozen import Json, copied
from kdlib.sandbox.store.pointers import SHOWN_WHEN_NULL, TELLS_ZERO
from kdlib.sandbox.store.times import TimeError, read_micro_time, read_time
from kdlib.wire import Quantity, QuantityError, Schema

__all__ = ["MisfitError", "Plan", "Reading", "read_object"]

Plan: TypeAlias = tuple[Mapping[str, tuple[Schema, Callable[..., Any], type | None, bool]], tuple[tuple[str, Any], ...]]
"""How a struct is read: by field name its schema, its reader, the type that needs none, and whether it goes when
empty; then what is filled in."""

_Place: TypeAlias = tuple[Any, str | int, Any]
"""Where a value stands: the place of what holds it, its name or index there, and what the stored object has there.

It is written out only where somebody is told of it.
"""


class MisfitError(Exception):
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
    stored: Json = field(default_factory=dict)
    """The stored object: a part that is the very same in its place needs no reading again."""


def read_object(schema: Schema, value: Json, reading: Reading) -> Json:
    """Return the object as a new one in canonical form; raises MisfitError."""
    return _read_struct(schema, value, (None, "", reading.stored), reading)


def _written(place: _Place, *, indexes: bool = True) -> str:
    """Write a place out as messages show it: `spec.containers[0].name`."""
    steps: list[str] = []
    while place[0] is not None:
        place, step, _ = place
        if isinstance(step, str):
            steps += [step, "."]
        elif indexes:
            steps.append(f"[{step}]")
    return "".join(reversed(steps)).removeprefix(".")


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


def _read_struct(schema: Schema, value: Any, place: _Place, reading: Reading) -> Json:
    if not isinstance(value, dict):
        raise _misfit(schema, value, place, schema.name.rpartition(".")[2])
    plan = reading.plans.get(schema)
    if plan is None:
        plan = reading.plans[schema] = _plan(schema)
    readers, fills = plan
    stored = place[2] if isinstance(place[2], dict) else {}
    out: Json = {}
    for name, item in value.items():
        found = readers.get(name)
        if found is None:
            reading.unknown.append(_written((place, name, None)))
            continue
        if item is None:
            continue
        node, read, plain, drops_empty = found
        known = stored.get(name)
        if type(item) is plain or item is known:
            result = item
        else:
            result = _read_field(schema, (node, read), item, ((place, name, known), reading))
        if result or not drops_empty:
            out[name] = result
    return _filled(out, fills, reading)


def _read_field(
    schema: Schema, how: tuple[Schema, Callable[..., Any]], item: Any, where: tuple[_Place, Reading]
) -> Any:
    node, read = how
    try:
        return read(node, item, *where)
    except MisfitError as error:
        error.struct = error.struct or schema.name.rpartition(".")[2]
        raise


def _filled(out: Json, fills: tuple[tuple[str, Any], ...], reading: Reading) -> Json:
    """Put in what the reference server always shows."""
    for name, default in fills:
        if name not in out:
            out[name] = _read_struct(default, {}, (None, "", None), reading) if isinstance(default, Schema) else default
    return out


def _read_map(schema: Schema, value: Any, place: _Place, reading: Reading) -> Json:
    if not isinstance(value, dict):
        raise _misfit(schema, value, place, "map[string]" + _go_type(schema.additional))
    node = schema.additional
    if node is None:
        return dict(copied(value))
    read, plain = _READERS[node.role], _PLAIN.get(node.role)
    if plain is not None and set(map(type, value.values())) == {plain}:
        return dict(value)
    if node.role not in {"struct", "map", "list"}:
        empty = "" if node.type == "string" else None
        return {name: empty if item is None else read(node, item, place, reading) for name, item in value.items()}
    return {name: read(node, item, (place, name, None), reading) for name, item in value.items() if item is not None}


def _read_list(schema: Schema, value: Any, place: _Place, reading: Reading) -> list[Any]:
    if not isinstance(value, list):
        raise _misfit(schema, value, place, "[]" + _go_type(schema.items))
    node = schema.items
    read, plain = _READERS[node.role], _PLAIN.get(node.role)
    if plain is not None and set(map(type, value)) == {plain}:
        return list(value)
    zero: Any = {} if node.role == "struct" else node.default
    stored = place[2] if isinstance(place[2], list) else []
    return [
        item
        if item is known and item is not None
        else read(node, zero if item is None else item, (place, index, known), reading)
        for index, (item, known) in enumerate(zip_longest(value, stored[: len(value)]))
    ]


def _read_free(_schema: Schema, value: Any, _place: _Place, _reading: Reading) -> Any:
    # Two passes in machine code are faster than one that is not.
    return orjson.loads(orjson.dumps(value))


def _read_string(schema: Schema, value: Any, place: _Place, _reading: Reading) -> str:
    if isinstance(value, str):
        return value
    raise _misfit(schema, value, place, "string")


def _read_boolean(schema: Schema, value: Any, place: _Place, _reading: Reading) -> bool:
    if isinstance(value, bool):
        return value
    raise _misfit(schema, value, place, "bool")


def _read_integer(schema: Schema, value: Any, place: _Place, _reading: Reading) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _misfit(schema, value, place, str(schema.raw.get("format") or "int64"))


def _read_number(schema: Schema, value: Any, place: _Place, _reading: Reading) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _misfit(schema, value, place, "float64")


def _read_int_or_string(_schema: Schema, value: Any, _place: _Place, _reading: Reading) -> int | str:
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise MisfitError(f"json: cannot unmarshal {_json_type(value)} into Go value of type int32")


def _read_quantity(_schema: Schema, value: Any, _place: _Place, _reading: Reading) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _canonical(value)
    raise MisfitError(f"unable to parse quantity's suffix from {_json_type(value)}")


def _canonical(value: str | float) -> str:
    try:
        return Quantity.parse(value).canonical
    except QuantityError as error:
        raise MisfitError(str(error)) from error


def _read_time(schema: Schema, value: Any, place: _Place, _reading: Reading) -> str:
    if not isinstance(value, str):
        raise _misfit(schema, value, place, "string")
    try:
        return read_micro_time(value) if schema.name.endswith(".MicroTime") else read_time(value)
    except TimeError as error:
        raise MisfitError(str(error)) from error


def _read_bytes(schema: Schema, value: Any, place: _Place, _reading: Reading) -> str:
    if not isinstance(value, str):
        raise _misfit(schema, value, place, "[]uint8")
    try:
        b64decode(value, validate=True)
    except (Base64Error, ValueError) as error:
        wrong = next((index for index, letter in enumerate(value) if not (letter.isalnum() or letter in "+/=")), None)
        raise MisfitError(f"illegal base64 data at input byte {len(value) if wrong is None else wrong}") from error
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


def _misfit(_schema: Schema, value: Any, place: _Place, go_type: str) -> MisfitError:
    return MisfitError(_json_type(value), go_type=go_type, path=_written(place, indexes=False))


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
