"""Structured merge: laying an applied object over a live one, and cutting fields out, as the schema tells.

Values are plain JSON. Results share parts with the arguments; nothing is changed in place.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy.

Layer: pure.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from operator import is_
from typing import Any

from kdlib.frozen import Json
from kdlib.wire.elements import item_elements
from kdlib.wire.fieldset import FieldSet, is_member
from kdlib.wire.schema import Schema
from kdlib.wire.typed import is_leaf

__all__ = ["merge", "remove"]


def merge(schema: Schema, live: Any, applied: Any) -> Any:
    """Return the live value with the applied one laid over it.

    Lists with keys and sets keep their other items; the order of both sides is kept as far as they agree.
    """
    if live == applied and type(live) is type(applied):
        return live
    return _laid(schema, live, applied)


_ABSENT = object()


def _laid(schema: Schema, live: Any, applied: Any) -> Any:
    """Lay a value over a live one that differs."""
    if type(live) not in schema.granular_types:
        return applied
    if applied is None:
        return live or None
    if type(live) is not type(applied):
        return applied
    return _merge_maps(schema, live, applied) if isinstance(live, dict) else _merge_lists(schema, live, applied)


def _merge_maps(schema: Schema, live: Json, applied: Json) -> Json:
    fields, other = schema.fields, schema.additional or schema.table.deduced
    out = live
    for name, value in applied.items():
        before = live.get(name, _ABSENT)
        if before is _ABSENT:
            merged = value
        elif before == value and type(before) is type(value):
            continue
        else:
            merged = _laid(fields.get(name) or other, before, value)
            if merged is before:
                continue
        # What stays as it is stays the same value, so that comparing finds it at once.
        if out is live:
            out = dict(live)
        out[name] = merged
    return out


def _merge_lists(schema: Schema, live: list[Any], applied: list[Any]) -> list[Any]:
    theirs, ours = item_elements(schema, live), item_elements(schema, applied)
    places = dict(zip(theirs, live, strict=True))
    if theirs == ours and len(places) == len(live):
        items = schema.items
        merged = [merge(items, mine, item) for mine, item in zip(live, applied, strict=True)]
        return live if all(map(is_, merged, live)) else merged
    if len(places) < len(live):
        # An item that the live list holds twice is replaced, not merged: nobody knows which of the two is meant.
        places = {element: item for element, item in places.items() if theirs.count(element) == 1}
    laid = {
        element: merge(schema.items, places[element], item) if element in places else item
        for element, item in zip(ours, applied, strict=True)
    }
    return [live[place] if isinstance(place, int) else laid[place] for place in _interleaved(theirs, ours)]


def _interleaved(theirs: Sequence[str], ours: Sequence[str]) -> Iterator[int | str]:
    """Yield the merged order: an index of the live list, or an element of the applied one.

    The applied list's order holds; an item that only the live list has stays behind the items before it, as far as
    the two orders agree.
    """
    wanted, have = set(ours), set(theirs)
    due = deque(element for element in ours if element in have)
    left = 0
    for our in ours:
        end = _stop(theirs, left, {our, due[0]} if due else {our})
        yield from (index for index in range(left, end) if theirs[index] not in wanted)
        yield our
        left = end + (end < len(theirs) and theirs[end] == our)
        if due and due[0] == our:
            due.popleft()
    yield from (index for index in range(left, len(theirs)) if theirs[index] not in wanted)


def _stop(theirs: Sequence[str], start: int, marks: set[str]) -> int:
    """Return the first place from `start` on that holds one of the marks, or the end."""
    return next((index for index in range(start, len(theirs)) if theirs[index] in marks), len(theirs))


def remove(schema: Schema, value: Any, fields: FieldSet) -> Any:
    """Return the value without the fields of the set; None for a container of which nothing is left."""
    if not value or not fields or is_leaf(schema, value):
        return value
    if isinstance(value, dict):
        return _removed_from_map(schema, value, fields) or None
    kept = []
    for element, item in zip(item_elements(schema, value), value, strict=True):
        node = fields.get(element)
        if node is None:
            kept.append(item)
        elif not is_member(node):
            kept.append(remove(schema.items, item, node))
    return kept or None


def _removed_from_map(schema: Schema, value: Json, fields: FieldSet) -> Json:
    out: Json = {}
    for name, item in value.items():
        node = fields.get("f:" + name)
        if node is None:
            out[name] = item
        elif not is_member(node):
            out[name] = remove(schema.child(name) or schema.table.deduced, item, node)
    return out
