"""Which fields an object has, and in which fields two objects differ, as their schema tells.

Values are plain JSON; nothing is changed in place.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/.

Layer: pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kdlib.frozen import Json
from kdlib.wire.checking import check, fits
from kdlib.wire.elements import ShapeError, item_elements
from kdlib.wire.fieldset import LEAF, FieldSet
from kdlib.wire.schema import Schema

__all__ = ["Comparison", "checked_set", "compare", "field_set", "full_set", "is_leaf"]


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


def field_set(schema: Schema, value: Any) -> FieldSet:
    """Return the fields that whoever applies the object owns: leaves, list items and undeclared map keys."""
    return _map_set(schema, value, strict=False) if isinstance(value, dict) else {}


def checked_set(schema: Schema, value: Json) -> FieldSet:
    """Return the same, and raise ShapeError where the object has not the shape of its schema."""
    try:
        return _map_set(schema, value, strict=True)
    except ShapeError:
        # Going once through the object tells that there is a problem; going through again tells all of them.
        check(schema, value)
        return field_set(schema, value)


def _map_set(schema: Schema, value: Json, *, strict: bool) -> FieldSet:
    """Return the members below a map, as a set of its own."""
    known, additional = schema.elements, schema.additional
    if not known and additional is not None and additional.scalar_types.issuperset(map(type, value.values())):
        return {"f:" + name: LEAF for name in value}
    out: FieldSet = {}
    for name, item in value.items():
        found = known.get(name)
        if found is None:
            out["f:" + name] = _named(_node_set(additional, item, strict=strict))
            continue
        element, scalars, node = found
        if type(item) in scalars:
            out[element] = LEAF
            continue
        below = _node_set(node, item, strict=strict)
        # A declared map or list is no member itself, but for a map without anything in it.
        if below or below is LEAF or type(item) is dict:
            out[element] = below
    return out


def _list_set(schema: Schema, value: list[Any], *, strict: bool) -> FieldSet:
    """Return the members below a list, as a set of its own."""
    out: FieldSet = {}
    doubled: set[str] = set()
    items = schema.items
    for element, item in zip(item_elements(schema, value), value, strict=True):
        if element in out:
            doubled.add(element)
        else:
            out[element] = _named(_node_set(items, item, strict=strict))
    if strict and doubled:
        raise ShapeError([])
    for element in doubled:
        out[element] = LEAF
    return out


def _node_set(schema: Schema | None, value: Any, *, strict: bool) -> FieldSet:
    """Return the members below a node, as a set of its own; LEAF itself for one that is owned as a whole.

    Raises ShapeError where such a one has not the shape of its schema.
    """
    kind = type(value)
    if schema is not None and kind in schema.granular_types:
        return (_map_set if kind is dict else _list_set)(schema, value, strict=strict)
    if strict and (schema is None or not fits(schema, value)):
        raise ShapeError([])
    return LEAF


def _named(below: FieldSet) -> FieldSet:
    """Return what is below a node with the node itself; nobody else holds that set yet."""
    if not below:
        return LEAF
    below["."] = LEAF
    return below


def is_leaf(schema: Schema, value: Any) -> bool:
    """Tell whether the value is owned as a whole."""
    return type(value) not in schema.granular_types


def full_set(schema: Schema, value: Any) -> FieldSet:
    """Return the node of a value with all that is below it, every node a member."""
    if not value or is_leaf(schema, value):
        return LEAF
    if isinstance(value, dict):
        out: FieldSet = {".": LEAF}
        for name, item in value.items():
            node = schema.child(name)
            out["f:" + name] = LEAF if node is None else full_set(node, item)
        return out
    out = {".": LEAF}
    for element, item in zip(item_elements(schema, value), value, strict=True):
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
    kept = 0
    for name, after in new.items():
        before = old.get(name, _ABSENT)
        if before is not _ABSENT:
            kept += 1
            if before is after or (before == after and type(before) is type(after)):
                continue
        node = schema.child(name) or schema.table.deduced
        _compare_nodes(node, "f:" + name, (before, after), out)
    if kept == len(old):
        return
    for name in old.keys() - new.keys():
        node = schema.child(name) or schema.table.deduced
        _compare_nodes(node, "f:" + name, (old[name], _ABSENT), out)


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
    inner = _compare_containers(schema, old, new)
    if inner.removed:
        out.removed[element] = inner.removed
    if inner.modified:
        out.modified[element] = inner.modified
    if inner.added:
        out.added[element] = inner.added


def _compare_containers(schema: Schema, old: Any, new: Any) -> Comparison:
    inner = Comparison({}, {}, {})
    kinds = {type(old), type(new)} - {type(None)}
    if kinds == {dict}:
        _compare_maps(schema, (old or {}, new or {}), inner)
        return inner
    if kinds == {list}:
        _compare_lists(schema, (old or [], new or []), inner)
        return inner
    return _changed_shape(schema, (old, new))


def _are_leaves(schema: Schema, old: Any, new: Any) -> bool:
    return (old is None or is_leaf(schema, old)) and (new is None or is_leaf(schema, new))


def _changed_shape(schema: Schema, pair: tuple[Any, Any]) -> Comparison:
    """Compare values of different shapes: the node is modified, what was below it goes, what is below it comes."""
    old, new = ({} if is_leaf(schema, value) else full_set(schema, value) for value in pair)
    strip = [{key: node for key, node in side.items() if key != "."} for side in (old, new)]
    return Comparison(removed=strip[0], modified={".": LEAF}, added=strip[1])


def _compare_lists(schema: Schema, pair: tuple[list[Any], list[Any]], out: Comparison) -> None:
    names, others = (item_elements(schema, items) for items in pair)
    if names == others and len(set(names)) == len(names):
        for element, old, new in zip(names, *pair, strict=True):
            if old is not new and old != new:
                _compare_nodes(schema.items, element, (old, new), out)
        return
    before, after = _by_element(names, pair[0]), _by_element(others, pair[1])
    for element in (*before, *(key for key in after if key not in before)):
        both = before.get(element, []), after.get(element, [])
        if both[0] == both[1]:
            continue
        if all(len(side) < 2 for side in both):
            _compare_nodes(schema.items, element, (_only(both[0]), _only(both[1])), out)
        else:
            _compare_doubles(schema.items, element, both, out)


def _only(side: list[Any]) -> Any:
    return side[0] if side else _ABSENT


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


def _by_element(names: Sequence[str], items: list[Any]) -> dict[str, list[Any]]:
    out: dict[str, list[Any]] = {}
    for element, item in zip(names, items, strict=True):
        out.setdefault(element, []).append(item)
    return out
