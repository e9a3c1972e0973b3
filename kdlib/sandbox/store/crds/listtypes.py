"""Lists that may not hold an item twice: sets, and lists with keys.

Layer: pure.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, invalid_value
from kdlib.wire import Schema

__all__ = ["duplicate_errors"]


def duplicate_errors(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    """Yield the second of the items of sets and keyed lists that occur more than once; others are not told again."""
    match value:
        case dict():
            yield from _in_fields(schema, value, path)
        case list():
            yield from _doubled(schema, value, path)
            for index, item in enumerate(value):
                if isinstance(item, dict | list):
                    yield from duplicate_errors(schema.items, item, f"{path}[{index}]")


def _in_fields(schema: Schema, value: Json, path: str) -> Iterator[FieldError]:
    for name, item in value.items():
        if not isinstance(item, dict | list):
            continue
        if name in schema.fields:
            yield from duplicate_errors(schema.fields[name], item, f"{path}.{name}" if path else name)
        elif schema.additional is not None:
            yield from duplicate_errors(schema.additional, item, f"{path}[{name}]")


def _doubled(schema: Schema, value: list[Any], path: str) -> Iterator[FieldError]:
    if schema.raw.get("x-kubernetes-list-type") not in {"set", "map"}:
        return
    wrong = [index for index, item in enumerate(value) if schema.keys and not isinstance(item, dict | None)]
    if wrong:
        yield invalid_value(f"{path}[{wrong[0]}]", value[wrong[0]], "must be an object for an array of list-type map")
        return
    times: Counter[bytes] = Counter()
    for index, item in enumerate(value):
        name = {key: item[key] for key in schema.keys if key in (item or {})} if schema.keys else item
        text = orjson.dumps(name, option=orjson.OPT_SORT_KEYS)
        times[text] += 1
        if times[text] == 2:
            yield FieldError(f"{path}[{index}]", "FieldValueDuplicate", "", name)
