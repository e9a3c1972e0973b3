"""Lists that may not hold an item twice: sets, and lists with keys.

Layer: pure.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, invalid_value
from kdlib.wire import Schema

__all__ = ["duplicate_errors"]


def duplicate_errors(schema: Schema, value: Any, path: str, old: Any = None) -> Iterator[FieldError]:
    """Yield the second of the items of sets and keyed lists that occur more than once; others are not told again.

    Parts that are the very ones of `old`, in the same place, are left out.
    """
    match value:
        case dict():
            yield from _in_fields(schema, value, path, old if isinstance(old, dict) else {})
        case list():
            yield from _doubled(schema, value, path)
            known = old if isinstance(old, list) else []
            for index, (item, before) in enumerate(zip_longest(value, known[: len(value)])):
                if isinstance(item, dict | list) and item is not before:
                    yield from duplicate_errors(schema.items, item, f"{path}[{index}]", before)


def _in_fields(schema: Schema, value: Json, path: str, old: Json) -> Iterator[FieldError]:
    for name, item in value.items():
        before = old.get(name)
        if not isinstance(item, dict | list) or item is before:
            continue
        if name in schema.fields:
            yield from duplicate_errors(schema.fields[name], item, f"{path}.{name}" if path else name, before)
        elif schema.additional is not None:
            yield from duplicate_errors(schema.additional, item, f"{path}[{name}]", before)


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
