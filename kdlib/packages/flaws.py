"""What is wrong with a manifest file as a text: faults that make it unreadable, and traps that surprise its author.

Layer: pure.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["MOST_FLAWS", "Flaw", "ParsingError", "Steps"]

MOST_FLAWS = 100
"""Most flaws of one document that are told, and most places where one file cannot be read."""

Steps: TypeAlias = tuple[str | int, ...]
"""The way from an object to one of its fields: keys and indexes."""


class ParsingError(ValueError):
    """A manifest file cannot be read on from this line."""

    def __init__(self, line: int, what: str, remedy: str, rule: str = "CK-F-02") -> None:
        self.line, self.what, self.remedy, self.rule = line, what, remedy, rule
        super().__init__(f"line {line}: {what}")


@dataclass(frozen=True, slots=True, order=True)
class Flaw:
    """One thing that is wrong with a text, or that reads otherwise than it looks."""

    line: int
    what: str
    remedy: str
    rule: str
    level: str = "error"
    """`error` for what is refused, `warning` for a trap, `note` for what only other readers of YAML see."""
    steps: Steps = field(default=(), compare=False)
    """The field, from the top of its document."""
