"""Leaving nulls out: users and servers write some, and nobody means them.

Layer: pure.
"""

from typing import Any

__all__ = ["without_nulls"]


def without_nulls(value: Any) -> Any:
    """Return a copy of a JSON value in which no object has a field that is null."""
    match value:
        case dict():
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return [without_nulls(item) for item in value]
        case _:
            return value
