"""Checking an applied object: its fields are declared, its values have their types, no list item is named twice.

Layer: pure.
"""

from collections.abc import Iterator
from typing import Any

from kdlib.frozen import Json
from kdlib.wire.elements import ShapeError, item_element, item_elements
from kdlib.wire.fieldset import element_text
from kdlib.wire.schema import Schema

__all__ = ["check", "fits"]


def check(schema: Schema, value: Any) -> None:
    """Raise ShapeError where an applied object has undeclared fields, wrong types or list items named twice."""
    problems = list(_problems(schema, value, ""))
    if problems:
        raise ShapeError(problems)


def fits(schema: Schema, value: Any) -> bool:
    """Tell quickly that a value has no problem; False where it must be looked at closely, with its paths."""
    if value is None:
        return True
    kind = type(value)
    if kind is dict:
        return schema.is_map and _map_fits(schema, value)
    if kind is list:
        return schema.is_list and _list_fits(schema, value)
    return kind in schema.scalar_types


def _map_fits(schema: Schema, value: Json) -> bool:
    fields, additional = schema.fields, schema.additional
    deduced = schema.table.deduced
    for name, item in value.items():
        node = fields.get(name) or additional
        if node is None:
            return False
        if node is not deduced and type(item) not in node.scalar_types and not fits(node, item):
            return False
    return True


def _list_fits(schema: Schema, value: list[Any]) -> bool:
    items = schema.items
    if not schema.is_atomic_list:
        try:
            elements = set(item_elements(schema, value))
        except ShapeError:
            return False
        if len(elements) < len(value):
            return False
    return all(fits(items, item) for item in value)


def _problems(schema: Schema, value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case dict() if schema.is_map:
            yield from _map_problems(schema, value, path)
        case list() if schema.is_list:
            yield from _list_problems(schema, value, path)
        case _:
            what = _scalar_problem(schema, value)
            if what:
                yield path, what


def _map_problems(schema: Schema, value: Json, path: str) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        node = schema.child(name)
        if node is None:
            yield f"{path}.{name}", "field not declared in schema"
        elif node is not schema.table.deduced:
            yield from _problems(node, item, f"{path}.{name}")


def _list_problems(schema: Schema, value: list[Any], path: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for index, item in enumerate(value):
        if schema.is_atomic_list:
            yield from _problems(schema.items, item, f"{path}[{index}]")
            continue
        try:
            element = item_element(schema, item)
        except ShapeError as error:
            yield path, f"element {index}: {error}"
            return
        if element in seen:
            yield path, f"duplicate entries for key {element_text(element)}"
        seen.add(element)
        yield from _problems(schema.items, item, path + element_text(element))


def _scalar_problem(schema: Schema, value: Any) -> str:
    if type(value) in schema.scalar_types:
        return ""
    match schema.type:
        case "object":
            return f"expected map, got &{{{value}}}"
        case "array":
            return f"expected list, got &{{{value}}}"
        case "string":
            return f"expected string, got &value.valueUnstructured{{Value:{_shown(value)}}}"
        case "integer" | "number":
            return f"expected numeric (int or float), got {_go_type(value)}"
        case "boolean":
            return f"expected boolean, got &{{{value}}}"
        case _:
            return ""


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _go_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case dict():
            return "map[string]interface {}"
        case _:
            return "[]interface {}"
