"""Structured merge: merging, comparing and cutting objects field by field, as their schema tells.

Values are plain JSON. Results share parts with the arguments; nothing is changed in place.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/.

Layer: pure.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from operator import is_
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.wire.fieldset import LEAF, FieldSet, is_member
from kdlib.wire.schema import Schema

__all__ = [
    "Comparison",
    "ShapeError",
    "compare",
    "field_set",
    "full_set",
    "item_element",
    "merge",
    "remove",
]


class ShapeError(Exception):
    """An object does not have the shape of its schema; `problems` are (path, what) pairs."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        texts = [f"{path}: {what}" if path else what for path, what in problems]
        super().__init__(texts[0] if len(texts) == 1 else "\n  ".join(["errors:", *texts]))


@dataclass(slots=True)
class Comparison:
    """The fields in which a new object differs from an old one."""

    removed: FieldSet = field(default_factory=dict)
    modified: FieldSet = field(default_factory=dict)
    added: FieldSet = field(default_factory=dict)

    @property
    def is_same(self) -> bool:
        """Tell whether there is no difference."""
        return not (self.removed or self.modified or self.added)


# --- naming list items ----------------------------------------------------------------------------------------------


def item_element(schema: Schema, item: Any) -> str:
    """Return the path element that names an item of a granular list.

    Raises ShapeError where the item has none of the key fields, or is no value that a set may hold.
    """
    keys = schema.keys
    if not keys:
        if type(item) is str:
            return _text_element(item)
        if isinstance(item, dict | list) or item is None:
            raise ShapeError([("", _no_set_item(item))])
        return "v:" + _json(item)
    if not isinstance(item, dict):
        kind = "a null element" if item is None else "non-map elements"
        raise ShapeError([("", f"associative list with keys may not have {kind}")])
    if len(keys) == 1:
        value = item.get(keys[0])
        if type(value) is str:
            return _keyed_element(keys[0], value)
    defaults = schema.key_defaults
    named = {key: item[key] if key in item else defaults[key] for key in sorted(keys) if key in item or key in defaults}
    if not named:
        quoted = " ".join(f'"{key}"' for key in keys)
        what = f"associative list with keys has an element that omits all key fields [{quoted}]"
        raise ShapeError([("", f"{what} (and doesn't have default values for any key fields)")])
    return "k:" + _json(named)


@lru_cache(maxsize=4096)
def _text_element(item: str) -> str:
    return "v:" + _json(item)


@lru_cache(maxsize=4096)
def _keyed_element(key: str, value: str) -> str:
    # The same few names come again in every object of an application, and each is asked for many times in one write.
    return "k:" + _json({key: value})


def _no_set_item(item: Any) -> str:
    match item:
        case dict():
            return "associative list without keys has an element that's a map type"
        case list():
            return "not supported: associative list with lists as elements"
        case _:
            return "associative list without keys has an element that's an explicit null"


def _json(value: Any) -> str:
    text = orjson.dumps(value).decode()
    # The reference server escapes these three, so that keys compare equal as text.
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


# --- sets of an object's fields -------------------------------------------------------------------------------------


def field_set(schema: Schema, value: Any) -> FieldSet:
    """Return the fields that whoever applies the object owns: leaves, list items and undeclared map keys."""
    return _inner_set(schema, value) if isinstance(value, dict) else {}


def _inner_set(schema: Schema, value: Any) -> FieldSet:
    """Return the members below a node; a node that is one value has none, and is marked by its parent."""
    if isinstance(value, dict):
        return _map_set(schema, value)
    return _list_set(schema, value)


def _map_set(schema: Schema, value: Json) -> FieldSet:
    out: FieldSet = {}
    fields, additional = schema.fields, schema.additional
    for name, item in value.items():
        kind = type(item)
        if kind is not dict and kind is not list:
            out["f:" + name] = LEAF
            continue
        declared = fields.get(name)
        node = declared or additional
        if node is None or _is_leaf(node, item):
            out["f:" + name] = LEAF
            continue
        inner = _inner_set(node, item)
        if declared is None or (not inner and isinstance(item, dict)):
            inner = {".": LEAF, **inner} if inner else LEAF
            out["f:" + name] = inner
        elif inner:
            out["f:" + name] = inner
    return out


def _list_set(schema: Schema, value: list[Any]) -> FieldSet:
    out: FieldSet = {}
    doubled: set[str] = set()
    for item in value:
        element = item_element(schema, item)
        if element in out:
            doubled.add(element)
            continue
        inner = {} if _is_leaf(schema.items, item) else _inner_set(schema.items, item)
        out[element] = {".": LEAF, **inner} if inner else LEAF
    for element in doubled:
        out[element] = LEAF
    return out


def _is_leaf(schema: Schema, value: Any) -> bool:
    """Tell whether the value is owned as a whole."""
    if isinstance(value, dict):
        return schema.is_atomic_map or not schema.is_map
    if isinstance(value, list):
        return schema.is_atomic_list or not schema.is_list
    return True


def full_set(schema: Schema, value: Any) -> FieldSet:
    """Return the node of a value with all that is below it, every node a member."""
    if not value or _is_leaf(schema, value):
        return LEAF
    if isinstance(value, dict):
        out: FieldSet = {".": LEAF}
        for name, item in value.items():
            node = schema.child(name)
            out["f:" + name] = LEAF if node is None else full_set(node, item)
        return out
    out = {".": LEAF}
    for item in value:
        element = item_element(schema, item)
        out[element] = LEAF if element in out else full_set(schema.items, item)
    return out


# --- comparing ------------------------------------------------------------------------------------------------------


def compare(schema: Schema, old: Json, new: Json) -> Comparison:
    """Return the fields that were removed, modified and added between two objects."""
    result = Comparison()
    if old != new:
        _compare_maps(schema, (old, new), result)
    return result


_ABSENT = object()


def _compare_maps(schema: Schema, pair: tuple[Json, Json], out: Comparison) -> None:
    old, new = pair
    for name in old.keys() | new.keys():
        before, after = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if before is after or (before == after and type(before) is type(after)):
            continue
        node = schema.child(name) or schema.table.deduced
        _compare_nodes(node, "f:" + name, (before, after), out)


def _compare_nodes(schema: Schema, element: str, pair: tuple[Any, Any], out: Comparison) -> None:
    old, new = pair
    if old is _ABSENT:
        out.added[element] = full_set(schema, new)
        return
    if new is _ABSENT:
        out.removed[element] = full_set(schema, old)
        return
    if (not old and not new) or _are_leaves(schema, old, new):
        out.modified[element] = LEAF
        return
    inner = Comparison()
    if isinstance(old, dict | None) and isinstance(new, dict | None):
        _compare_maps(schema, (old or {}, new or {}), inner)
    elif isinstance(old, list | None) and isinstance(new, list | None):
        _compare_lists(schema, (old or [], new or []), inner)
    else:
        inner = _changed_shape(schema, (old, new))
    for mine, theirs in ((out.removed, inner.removed), (out.modified, inner.modified), (out.added, inner.added)):
        if theirs:
            mine[element] = theirs


def _are_leaves(schema: Schema, old: Any, new: Any) -> bool:
    return (old is None or _is_leaf(schema, old)) and (new is None or _is_leaf(schema, new))


def _changed_shape(schema: Schema, pair: tuple[Any, Any]) -> Comparison:
    """Compare values of different shapes: the node is modified, what was below it goes, what is below it comes."""
    old, new = ({} if _is_leaf(schema, value) else full_set(schema, value) for value in pair)
    strip = [{key: node for key, node in side.items() if key != "."} for side in (old, new)]
    return Comparison(removed=strip[0], modified={".": LEAF}, added=strip[1])


def _compare_lists(schema: Schema, pair: tuple[list[Any], list[Any]], out: Comparison) -> None:
    before, after = (_by_element(schema, items) for items in pair)
    for element in (*before, *(key for key in after if key not in before)):
        old, new = before.get(element, []), after.get(element, [])
        if old == new:
            continue
        if len(old) < 2 and len(new) < 2:
            both = (old[0] if old else _ABSENT, new[0] if new else _ABSENT)
            _compare_nodes(schema.items, element, both, out)
        else:
            _compare_doubles(schema.items, element, (old, new), out)


def _compare_doubles(schema: Schema, element: str, pair: tuple[list[Any], list[Any]], out: Comparison) -> None:
    """Compare items of which a side has several under one name: these count as one value."""
    old, new = pair
    if len(old) > 1 and len(new) > 1:
        out.modified[element] = LEAF
    elif len(old) > 1:
        out.removed[element] = LEAF
        if new:
            out.added[element] = full_set(schema, new[0])
    else:
        out.added[element] = LEAF
        if old:
            out.removed[element] = full_set(schema, old[0])


def _by_element(schema: Schema, items: list[Any]) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for item in items:
        out.setdefault(item_element(schema, item), []).append(item)
    return out


# --- merging --------------------------------------------------------------------------------------------------------


def merge(schema: Schema, live: Any, applied: Any) -> Any:
    """Return the live value with the applied one laid over it.

    Lists with keys and sets keep their other items; the order of both sides is kept as far as they agree.
    """
    if live == applied and type(live) is type(applied):
        return live
    if isinstance(live, dict) and schema.is_map and not schema.is_atomic_map:
        if isinstance(applied, dict):
            return _merge_maps(schema, live, applied) if live or applied else applied
        return live if applied is None and live else applied
    if isinstance(live, list) and schema.is_list and not schema.is_atomic_list:
        if isinstance(applied, list):
            return _merge_lists(schema, live, applied) if live or applied else applied
        return live if applied is None and live else applied
    return applied


def _merge_maps(schema: Schema, live: Json, applied: Json) -> Json:
    fields, other = schema.fields, schema.additional or schema.table.deduced
    out = live
    for name, value in applied.items():
        if name not in live:
            merged = value
        else:
            before = live[name]
            merged = merge(fields.get(name) or other, before, value)
            if merged is before:
                continue
        # What stays as it is stays the same value, so that comparing finds it at once.
        if out is live:
            out = dict(live)
        out[name] = merged
    return out


def _merge_lists(schema: Schema, live: list[Any], applied: list[Any]) -> list[Any]:
    theirs = [item_element(schema, item) for item in live]
    ours = [item_element(schema, item) for item in applied]
    places = dict(zip(theirs, live, strict=True))
    if theirs == ours and len(places) == len(live):
        merged = [merge(schema.items, mine, item) for mine, item in zip(live, applied, strict=True)]
        return live if all(map(is_, merged, live)) else merged
    doubled = {element for element, count in Counter(theirs).items() if count > 1} if len(places) < len(live) else ()
    out = []
    for is_live, index in _interleaved(theirs, ours):
        if is_live:
            out.append(live[index])
            continue
        # An item that the live list holds twice is replaced, not merged: nobody knows which of the two is meant.
        element = ours[index]
        merges = element in places and element not in doubled
        out.append(merge(schema.items, places[element], applied[index]) if merges else applied[index])
    return out


def _interleaved(theirs: list[str], ours: list[str]) -> Iterator[tuple[bool, int]]:
    """Yield (is of the live list, index) in the merged order.

    The applied list's order holds; an item that only the live list has stays behind the items before it, as far as
    the two orders agree.
    """
    wanted, have = set(ours), set(theirs)
    shared = (element for element in ours if element in have)
    due = next(shared, None)
    left = right = 0
    while left < len(theirs) or right < len(ours):
        their = theirs[left] if left < len(theirs) else None
        our = ours[right] if right < len(ours) else None
        if their is not None and their not in wanted:
            yield True, left
            left += 1
        elif their is not None and their != our and (our is None or their != due):
            left += 1
        else:
            yield False, right
            right += 1
            left += their == our
            due = next(shared, None) if due == our else due


# --- cutting --------------------------------------------------------------------------------------------------------


def remove(schema: Schema, value: Any, fields: FieldSet) -> Any:
    """Return the value without the fields of the set; None for a container of which nothing is left."""
    if not value or not fields or _is_leaf(schema, value):
        return value
    if isinstance(value, dict):
        return _removed_from_map(schema, value, fields) or None
    kept = []
    for item in value:
        node = fields.get(item_element(schema, item))
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
