"""A printer column: what it is called, and how its cell is computed from an object.

Layer: pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers.ages import age

__all__ = ["AGE", "NAME", "Cell", "Column", "at", "created", "labels_text"]

Cell: TypeAlias = Callable[[Json, datetime], Any]
"""Computes one cell of an object's row; the time is now, for ages."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; those of priority 0 show always, the others with `-o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    def definition(self) -> Json:
        """Return the column as `metav1.TableColumnDefinition`."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def at(*path: str | int, default: Any = "") -> Cell:
    """Make a cell of what lies at a path, or of the default where there is nothing."""
    return lambda obj, _now: dig(obj, *path, default=default)


def created(obj: Json, now: datetime) -> str:
    """Return the age of an object."""
    return age(dig(obj, "metadata", "creationTimestamp"), now)


def labels_text(labels: Json | None) -> str:
    """Write labels as a selector, sorted; `<none>` for none."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


NAME = Column("Name", at("metadata", "name"), format="name", description="Name of the object.")
AGE = Column("Age", created, description="Time since the object was created.")
