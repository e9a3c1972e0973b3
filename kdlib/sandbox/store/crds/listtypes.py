"""Lists that may not hold an item twice: sets, and lists with keys.

Layer: pure.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from kdlib.sandbox.store.faults import FieldError
from kdlib.wire import Schema

__all__ = ["duplicate_errors"]


def duplicate_errors(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    """Yield the items of sets and keyed lists that occur before already."""
    if isinstance(value, dict):
        for name, item in value.items():
            node = schema.child(name)
            if node is not None and isinstance(item, dict | list):
                yield from duplicate_errors(node, item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        yield from _doubled(schema, value, path)
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                yield from duplicate_errors(schema.items, item, f"{path}[{index}]")


def _doubled(schema: Schema, value: list[Any], path: str) -> Iterator[FieldError]:
    if schema.raw.get("x-kubernetes-list-type") not in {"set", "map"}:
        return
    seen: set[bytes] = set()
    for index, item in enumerate(value):
        name = item
        if schema.keys:
            if not isinstance(item, dict):
                continue
            name = {key: item[key] for key in schema.keys if key in item}
        text = orjson.dumps(name, option=orjson.OPT_SORT_KEYS)
        if text in seen:
            yield FieldError(f"{path}[{index}]", "FieldValueDuplicate", "", name)
        seen.add(text)
