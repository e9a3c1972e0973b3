"""Sets of fields, in the form in which `managedFields` carries them: FieldsV1.

A set is a nested dict whose keys are path elements: `f:NAME` a field, `k:{...}` a list item by its keys, `v:VALUE`
a set's item, `i:N` an index, and `.` the node itself. A node without children is a member; a node with children is
one only if it has a `.`. The outermost dict is no member of itself. All functions return new sets that share parts
with their arguments; nobody changes a set in place.
See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/.

Layer: pure.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import orjson

from kdlib.wire.schema import Schema

__all__ = [
    "LEAF",
    "FieldSet",
    "difference",
    "intersection",
    "is_member",
    "members",
    "path_text",
    "recursive_difference",
    "sorted_fields",
    "union",
    "with_named_fields",
]

FieldSet: TypeAlias = dict[str, Any]
"""A set of fields as FieldsV1."""

LEAF: FieldSet = {}
"""The node of a member without children."""


def is_member(node: FieldSet) -> bool:
    """Tell whether the node itself belongs to the set."""
    return not node or "." in node


def _packed(node: FieldSet) -> FieldSet | None:
    """Return the node in its shortest form; None where nothing is left of it."""
    if not node:
        return None
    if len(node) == 1 and "." in node:
        return LEAF
    return node


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields that are in either set."""
    if not right or left is right:
        return left
    if not left:
        return right
    out = dict(left)
    for key, node in right.items():
        mine = out.get(key)
        out[key] = node if mine is None else _joined(mine, node)
    return out


def _joined(left: FieldSet, right: FieldSet) -> FieldSet:
    if left and right:
        return union(left, right)
    node = left or right
    return node if not node or "." in node else {".": LEAF, **node}


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields that are in both sets."""
    out: FieldSet = {}
    for key, node in left.items():
        other = right.get(key)
        if other is None:
            continue
        shared = _shared(node, other)
        if shared is not None:
            out[key] = shared
    return out


def _shared(left: FieldSet, right: FieldSet) -> FieldSet | None:
    if left and right:
        return _packed(intersection(left, right))
    return LEAF if is_member(left) and is_member(right) else None


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields of `left` that are not in `right`; a parent's membership says nothing of its children."""
    if not right:
        return left
    out: FieldSet = {}
    for key, node in left.items():
        other = right.get(key)
        rest = node if other is None else _rest(node, other)
        if rest is not None:
            out[key] = rest
    return out


def _rest(left: FieldSet, right: FieldSet) -> FieldSet | None:
    if not left:
        return None if is_member(right) else LEAF
    if not right:
        return _packed({key: node for key, node in left.items() if key != "."})
    return _packed(difference(left, right))


def recursive_difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Return the fields of `left` that are not in `right` and not below a member of it."""
    if not right:
        return left
    out: FieldSet = {}
    for key, node in left.items():
        other = right.get(key)
        if other is None:
            out[key] = node
        elif not is_member(other):
            rest = node if not node else _packed(recursive_difference(node, other))
            if rest is not None:
                out[key] = rest
    return out


def with_named_fields(fields: FieldSet, schema: Schema | None) -> FieldSet:
    """Return the set with every declared field a member that has members below it."""
    out: FieldSet = {}
    for key, node in fields.items():
        if not node:
            out[key] = node
            continue
        below = _below(schema, key)
        inner = with_named_fields(node, below)
        named = schema is not None and key.startswith("f:") and key[2:] in schema.fields
        out[key] = {".": LEAF, **inner} if named else inner
    return out


def _below(schema: Schema | None, key: str) -> Schema | None:
    if schema is None:
        return None
    return schema.child(key[2:]) if key.startswith("f:") else schema.items


def members(fields: FieldSet, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all members, parents before children, in the order of their names."""
    inner = sorted(key for key in fields if key != ".")
    for key in inner:
        if is_member(fields[key]):
            yield (*prefix, key)
    for key in inner:
        yield from members(fields[key], (*prefix, key))


def path_text(path: tuple[str, ...]) -> str:
    """Return a path as messages show it: `.spec.containers[name="app"].image`."""
    return "".join(map(element_text, path))


def element_text(element: str) -> str:
    """Return one path element as messages show it."""
    kind, _, rest = element.partition(":")
    match kind:
        case "f":
            return f".{rest}"
        case "k":
            keys = orjson.loads(rest)
            return "[" + ",".join(f"{name}={orjson.dumps(value).decode()}" for name, value in keys.items()) + "]"
        case "v":
            return f"[={rest}]"
        case _:
            return f"[{rest}]"


def sorted_fields(fields: FieldSet) -> FieldSet:
    """Return the set with its keys in order, as a server writes it."""
    out: FieldSet = {}
    for key in sorted(fields):
        node = fields[key]
        out[key] = sorted_fields(node) if node else LEAF
    return out
