"""The columns of custom resources: those that their definition names, else the age.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns.

Layer: pure.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.sandbox.http.printers.ages import age
from kdlib.sandbox.http.printers.column import NAME, Cell, Column
from kdlib.sandbox.http.printers.paths import JsonPath

__all__ = ["custom_columns"]

_DEFAULT = ({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},)


def custom_columns(definitions: Iterable[Json] | None) -> tuple[Column, ...]:
    """Make the columns of a custom resource out of its version's `additionalPrinterColumns`."""
    columns = [_column(definition) for definition in definitions or _DEFAULT]
    return (NAME, *columns)


def _column(definition: Json) -> Column:
    path = definition["jsonPath"]
    described = definition.get("description")
    return Column(
        name=definition["name"],
        cell=_cell(path, definition["type"]),
        type=definition["type"],
        format=definition.get("format", ""),
        priority=definition.get("priority", 0),
        description=described or f"Custom resource definition column (in JSONPath format): {path}",
    )


def _cell(text: str, kind: str) -> Cell:
    path = JsonPath(text)

    def cell(obj: Json, now: datetime) -> Any:
        found = path.find(obj)
        return _shown(found[0], kind, now) if found else None

    return cell


def _shown(value: Any, kind: str, now: datetime) -> Any:
    """Return the value as its column's type shows it; None where it is not of that type."""
    match kind, value:
        case _, None:
            return None
        case "string", _:
            return value if isinstance(value, str) else _text(value)
        case (("integer" | "number"), bool()):
            return None
        case "integer", int() | float():
            return int(value)
        case "number", int() | float():
            return value
        case "boolean", bool():
            return value
        case "date", str():
            return age(value, now)
        case _:
            return None


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        case _:
            return str(value)
