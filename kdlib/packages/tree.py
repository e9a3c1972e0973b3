"""Values out of the parts of a YAML or JSON text as they come: iterative, bounded, with the line of every field.

Layer: pure.
"""

from dataclasses import dataclass, field
from typing import Any

from kdlib.frozen import Json
from kdlib.packages.flaws import MOST_FLAWS, Flaw, ParsingError, Steps

__all__ = ["MOST_DEPTH", "MOST_NODES", "Grown", "Tree"]

MOST_DEPTH = 64
"""Deepest nesting of a manifest."""

MOST_NODES = 200_000
"""Most values in all documents of a file, those that aliases repeat counted again."""


@dataclass(frozen=True, slots=True)
class Grown:
    """One document of a text: the line on which its value begins, the value, the lines of its fields, its flaws."""

    line: int
    value: Any
    lines: dict[Steps, int]
    flaws: tuple[Flaw, ...]


@dataclass
class _Open:
    """A mapping or sequence whose end has not come yet."""

    value: Any
    line: int
    steps: Steps
    anchor: str | None
    size: int = 1
    key: str | None = None
    merging: bool = False
    written: set[str] = field(default_factory=set)
    """Keys that stand in the text itself, not merged from elsewhere."""


class Tree:
    """Grows the values of one text, document after document; raises ParsingError where a bound is passed."""

    def __init__(self) -> None:
        self._nodes = 0
        self._flaws: list[Flaw] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._lines: dict[Steps, int] = {}
        self._done: list[Grown] = []

    def start(self) -> None:
        """Begin a document: what the one before named, or left open, is forgotten."""
        self._stack, self._anchors, self._lines, self._flaws = [], {}, {}, []

    def grown(self) -> Grown | None:
        """Return the document that is whole now, once; None while there is none."""
        return self._done.pop() if self._done else None

    def expects_key(self) -> bool:
        """Tell whether the next part is a key."""
        if not self._stack:
            return False
        top = self._stack[-1]
        return isinstance(top.value, dict) and top.key is None and not top.merging

    def place(self) -> Steps:
        """Return where the next value goes."""
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            return (*top.steps, len(top.value))
        return (*top.steps, top.key or "<<")

    def note(self, flaw: Flaw) -> None:
        """Keep a flaw of the document; beyond the bound it is dropped."""
        if len(self._flaws) < MOST_FLAWS:
            self._flaws.append(flaw)

    def enter(self, value: Any, line: int, anchor: str | None = None) -> None:
        """Open a mapping or a sequence: `value` is an empty dict or list."""
        if len(self._stack) >= MOST_DEPTH:
            raise ParsingError(line, f"is nested deeper than {MOST_DEPTH} levels", "make it flatter", "CK-F-05")
        if self.expects_key():
            raise ParsingError(line, "a key must be a single word or text", "write a plain key")
        self._stack.append(_Open(value, line, self.place(), anchor))

    def leave(self) -> None:
        """Close what was opened last."""
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size)
        self._count(done.line, 1)
        self._add(done.value, done.line, done.size)

    def key(self, key: str, line: int) -> None:
        """Take the key of the next value. One that occurs twice is a flaw; its last value is kept, as kubectl does."""
        top = self._stack[-1]
        steps = (*top.steps, key)
        if key in top.written:
            what = f"key {_quoted(key)} occurs twice"
            self.note(Flaw(line, what, "remove one of them", "CK-Y-01", steps=steps))
        top.key = key
        top.written.add(key)
        self._lines[steps] = line

    def merge(self) -> None:
        """Take the key `<<`: the next value is merged."""
        self._stack[-1].merging = True

    def leaf(self, value: Any, line: int, anchor: str | None = None) -> None:
        """Take a text, a number, a truth or a null."""
        if anchor:
            self._anchors[anchor] = (value, 1)
        self._count(line, 1)
        self._add(value, line, 1)

    def alias(self, name: str, line: int) -> None:
        """Take what was named before in this document."""
        if name not in self._anchors:
            raise ParsingError(line, f"alias {_quoted(name)} has no anchor before it", "define the anchor first")
        if self.expects_key():
            raise ParsingError(line, "a key must be a single word or text", "write a plain key")
        value, size = self._anchors[name]
        self._count(line, size)
        self._add(value, line, size)

    def _add(self, value: Any, line: int, size: int) -> None:
        if not self._stack:
            self._done.append(Grown(line, value, self._lines, tuple(self._flaws)))
            return
        top = self._stack[-1]
        top.size += size
        if isinstance(top.value, list):
            self._lines[(*top.steps, len(top.value))] = line
            top.value.append(value)
        elif top.merging:
            top.merging = False
            _merge(top.value, value, line)
        else:
            top.value[top.key] = value
            top.key = None

    def _count(self, line: int, size: int) -> None:
        self._nodes += size
        if self._nodes > MOST_NODES:
            what = f"holds more than {MOST_NODES} values"
            raise ParsingError(line, what, "split it into several files", "CK-F-05")


def _quoted(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}..."


def _merge(target: Json, value: Any, line: int) -> None:
    """Take the entries of one mapping, or of several; later ones win, as they do for kubectl."""
    for source in reversed(value) if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise ParsingError(line, "a merge needs mappings", "write <<: *name of a mapping")
        target.update(source)
