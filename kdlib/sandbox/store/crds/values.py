"""Checking a custom object against its schema, in the words of the reference server.

Layer: pure.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import zip_longest
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.sandbox.store.crds.correlation import Pair
from kdlib.sandbox.store.crds.formats import is_of_format
from kdlib.sandbox.store.faults import FieldError, invalid_value, required, unsupported
from kdlib.wire import Schema

__all__ = ["json_type", "value_errors"]

_NOWHERE = "<nil>"
_Before = tuple[Pair | None, Any]
"""What stood in a value's place, and a sound value to compare it with."""


def json_type(value: Any) -> str:
    """Return the type of a JSON value as messages name it."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def value_errors(
    schema: Schema, value: Any, path: str, pair: Pair | None = None, *, sound: Any = None
) -> Iterator[FieldError]:
    """Yield what is wrong with a value; with a `pair`, parts that are unchanged are let pass, right or wrong.

    `sound` is a value of the schema with which nothing is wrong: what is the very same in it is not looked at again.
    """
    if _is_let_pass(schema, value, (pair, sound)):
        return
    value = _as_read(value)
    mismatch = _type_error(schema, value, path)
    if mismatch is not None:
        yield mismatch
        yield from _range_note(schema, value, path)
    yield from _enum_errors(schema, value, path)
    # A number of the wrong type is still held to its limits.
    match value if mismatch is None or isinstance(value, float) else None:
        case str():
            yield from _string_errors(schema.raw, value, path)
        case bool() | None:
            pass
        case int() | float():
            yield from _number_errors(schema.raw, value, path)
        case list():
            yield from _list_errors(schema, value, path, (pair, sound))
        case dict():
            yield from _map_errors(schema, value, path, (pair, sound))
    yield from _composition_errors(schema, value, path)


def _is_let_pass(schema: Schema, value: Any, before: _Before) -> bool:
    pair, sound = before
    if value is sound and isinstance(value, dict | list):
        return True
    is_unchanged = pair is not None and pair.is_unchanged
    return is_unchanged or (value is None and bool(schema.raw.get("nullable")))


# --- types ----------------------------------------------------------------------------------------------------------


def _type_error(schema: Schema, value: Any, path: str) -> FieldError | None:
    found = json_type(value)
    if schema.is_int_or_string:
        fits = {"integer", "string"} & set(_taken_as(value, found))
        return None if fits else _mismatch(path, "integer,string", found)
    if not schema.type or schema.type in _taken_as(value, found):
        return _format_error(schema, value, path)
    form = schema.raw.get("format")
    if form and found in {"string", "array"} and schema.type not in {"integer", "number"}:
        # Where there is a format, the reference server leaves texts and lists to it.
        return _format_error(schema, value, path)
    if form and found not in {"string", "array"}:
        shown = {"number": "float64", "integer": "int64"}.get(found, "")
        return _mismatch(path, form, shown)
    return _mismatch(path, schema.type, found)


def _as_read(value: Any) -> Any:
    """Return a whole number of more than 64 bits as the fraction that the reference server reads."""
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def _taken_as(value: Any, found: str) -> tuple[str, ...]:
    """Return the types that a value passes for: whole numbers are integers and numbers alike."""
    if found == "integer" or (isinstance(value, float) and value.is_integer() and -(2.0**63) <= value < 2.0**63):
        return ("integer", "number")
    return (found,)


def _mismatch(path: str, wanted: str, found: str) -> FieldError:
    what = f'{path} in body must be of type {wanted}: "{found}"'
    return FieldError(path, "FieldValueTypeInvalid", what, found)


def _format_error(schema: Schema, value: Any, path: str) -> FieldError | None:
    form = schema.raw.get("format")
    if not form or not isinstance(value, str) or is_of_format(form, value):
        return None
    what = f'{path} in body must be of type {form}: "{value}"'
    return FieldError(path, "FieldValueTypeInvalid", what, value)


def _range_note(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    if schema.type != "integer" or not isinstance(value, float):
        return
    form = schema.raw.get("format")
    if form:
        yield invalid_value(_NOWHERE, "", f"Checked value must be of type integer with format {form} in {path}")
    elif any(schema.raw.get(limit) is not None for limit in ("maximum", "minimum", "multipleOf")):
        yield invalid_value(_NOWHERE, "", f"Checked value must be of type integer (default format) in {path}")


# --- scalars --------------------------------------------------------------------------------------------------------


def _enum_errors(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    allowed = schema.raw.get("enum")
    if allowed and not any(item == value and type(item) is type(value) for item in allowed):
        yield unsupported(path, value, [item if isinstance(item, str) else _text(item) for item in allowed])


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


@cache
def _searched(pattern: str) -> re.Pattern[str]:
    """Compile a pattern so that `$` is the end of the text alone, not what stands before its last line feed."""
    return re.compile(_END.sub(lambda found: found[1] or r"\Z", pattern))


_END = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\$", re.DOTALL)
"""What is escaped or in a class, and stays, or the sign for the end."""


def _string_errors(raw: Json, value: str, path: str) -> Iterator[FieldError]:
    """Yield the first thing that is wrong with a text; the reference server does not look further."""
    longest, shortest, pattern = raw.get("maxLength"), raw.get("minLength"), raw.get("pattern")
    if longest is not None and len(value) > longest:
        yield FieldError(path, "FieldValueTooLong", f"may not be more than {longest} bytes")
    elif shortest is not None and len(value) < shortest:
        yield invalid_value(path, value, f"{path} in body should be at least {shortest} chars long")
    elif pattern is not None and not _searched(pattern).search(value):
        yield invalid_value(path, value, f"{path} in body should match '{pattern}'")


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e21 else str(number)


def _number_errors(raw: Json, value: float, path: str) -> Iterator[FieldError]:
    factor = raw.get("multipleOf")
    if factor and value % factor:
        yield invalid_value(path, value, f"{path} in body should be a multiple of {_plain(factor)}")
    for limit, way, words in (("maximum", 1, "less than"), ("minimum", -1, "greater than")):
        bound = raw.get(limit)
        if bound is None:
            continue
        is_exclusive = bool(raw.get(f"exclusive{limit.capitalize()}"))
        if (value - bound) * way > 0 or (is_exclusive and value == bound):
            relation = words if is_exclusive else f"{words} or equal to"
            yield invalid_value(path, value, f"{path} in body should be {relation} {_plain(bound)}")


# --- containers -----------------------------------------------------------------------------------------------------


def _list_errors(schema: Schema, value: list[Any], path: str, before: _Before) -> Iterator[FieldError]:
    raw, (pair, sound) = schema.raw, before
    if isinstance(raw.get("items"), Mapping):
        known = sound if isinstance(sound, list) else []
        for index, (item, same) in enumerate(zip_longest(value, known[: len(value)])):
            below = pair and pair.index(index)
            yield from value_errors(schema.items, item, f"{path}[{index}]", below, sound=same)
    least, most = raw.get("minItems"), raw.get("maxItems")
    if least is not None and len(value) < least:
        yield invalid_value(path, len(value), f"{path} in body should have at least {least} items")
    if most is not None and len(value) > most:
        yield FieldError(path, "FieldValueTooMany", _at_most(most), len(value))
    if raw.get("uniqueItems") and len({_text(item) for item in value}) < len(value):
        yield FieldError(path, "FieldValueDuplicate", f"{path} in body shouldn't contain duplicates", value)


def _map_errors(schema: Schema, value: Json, path: str, before: _Before) -> Iterator[FieldError]:
    pair, sound = before
    known = sound if isinstance(sound, dict) else {}
    yield from _property_count_errors(schema.raw, len(value), path)
    extra = schema.additional if isinstance(schema.raw.get("additionalProperties"), Mapping) else None
    start = f"{path}." if path else ""
    for name in sorted(value):
        node = schema.fields.get(name) or extra
        if node is not None:
            below = pair and pair.key(name)
            yield from value_errors(node, value[name], start + name, below, sound=known.get(name))
    yield from (required(start + name) for name in _demanded(schema) if name not in value)


def _at_most(most: int) -> str:
    return f"must have at most {most} {'item' if most == 1 else 'items'}"


def _property_count_errors(raw: Json, count: int, path: str) -> Iterator[FieldError]:
    least, most = raw.get("minProperties"), raw.get("maxProperties")
    if least is not None and count < least:
        yield invalid_value(path, count, f"{path} in body should have at least {least} properties")
    if most is not None and count > most:
        yield FieldError(path, "FieldValueTooMany", _at_most(most), count)


def _demanded(schema: Schema) -> tuple[str, ...]:
    if not schema.is_embedded:
        return schema.required
    return tuple(dict.fromkeys(("apiVersion", "kind", *schema.required)))


# --- compositions ---------------------------------------------------------------------------------------------------


def _composition_errors(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    raw = schema.raw
    for part in raw.get("allOf") or ():
        yield from _part_errors(schema, part, value, path)
    yield from _any_errors(schema, value, path)
    yield from _one_errors(schema, value, path)
    if raw.get("not") is not None and not list(_part_errors(schema, raw["not"], value, path)):
        yield invalid_value(_NOWHERE, "", f'"{path}" must not validate the schema (not)')


def _part_errors(schema: Schema, part: Json, value: Any, path: str) -> Iterator[FieldError]:
    return value_errors(Schema(part, schema.table), value, path)


def _any_errors(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    parts = schema.raw.get("anyOf")
    if not parts or schema.is_int_or_string:
        return
    tried = [list(_part_errors(schema, part, value, path)) for part in parts]
    if all(tried):
        yield invalid_value(_NOWHERE, "", f'"{path}" must validate at least one schema (anyOf)')
        yield from min(tried, key=len)


def _one_errors(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    parts = schema.raw.get("oneOf")
    if not parts:
        return
    tried = [list(_part_errors(schema, part, value, path)) for part in parts]
    valid = sum(not errors for errors in tried)
    if valid == 1:
        return
    found = f"Found {valid} valid alternatives" if valid else "Found none valid"
    yield invalid_value(_NOWHERE, "", f'"{path}" must validate one and only one schema (oneOf). {found}')
    if not valid:
        yield from min(tried, key=len)
