"""Values from the events of a YAML stream: iterative, bounded, with the line of every field.

Layer: pure.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from kdlib.frozen import Json
from kdlib.packages.plain import plain_scalar

__all__ = ["LOADER", "MOST_DEPTH", "MOST_NODES", "Builder", "ParsingError"]

MOST_DEPTH = 64
"""Deepest nesting of a manifest."""

MOST_NODES = 200_000
"""Most values in all documents of a file, those that aliases repeat counted again."""

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML was built with it; both give the same events."""

Steps: TypeAlias = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {f"{_TAG}{name}" for name in ("int", "float", "bool", "null")}


class ParsingError(ValueError):
    """A manifest file is wrong at this line; the loader turns it into a RefusedError."""

    def __init__(self, line: int, what: str, remedy: str) -> None:
        self.line, self.what, self.remedy = line, what, remedy
        super().__init__(f"line {line}: {what}")


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


class Builder:
    """Builds the values of one YAML stream."""

    def __init__(self) -> None:
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._lines: dict[Steps, int] = {}
        self._nodes = 0
        self._done: list[tuple[int, Any, dict[Steps, int]]] = []

    def documents(self, text: str) -> Iterator[tuple[int, Any, dict[Steps, int]]]:
        """Yield line, value and lines of fields of each document; raises ParsingError."""
        try:
            for event in yaml.parse(text, Loader=LOADER):
                self._take(event)
                while self._done:
                    yield self._done.pop()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            words = error.problem or "cannot be read"
            raise ParsingError(mark.line + 1 if mark else 1, f"is not YAML: {words}", "correct the syntax") from error
        except yaml.YAMLError as error:
            raise ParsingError(1, "holds characters that YAML does not allow", "remove them") from error

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._anchors, self._lines = {}, {}
            case yaml.MappingStartEvent():
                self._enter({}, event)
            case yaml.SequenceStartEvent():
                self._enter([], event)
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._leave()

    def _enter(self, value: Any, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        line = _line(event)
        if len(self._stack) >= MOST_DEPTH:
            raise ParsingError(line, f"is nested deeper than {MOST_DEPTH} levels", "make it flatter")
        if self._stack and self._expects_key():
            raise ParsingError(line, "a key must be a single word or text", "write a plain key")
        self._stack.append(_Open(value, line, self._place(), event.anchor))

    def _leave(self) -> None:
        done = self._stack.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size)
        self._count(done.line, 1)
        self._add(done.value, done.line, done.size)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        line = _line(event)
        value = _scalar_value(event, line)
        if self._stack and self._expects_key():
            self._take_key(value, event, line)
            return
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._count(line, 1)
        self._add(value, line, 1)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event)
        if event.anchor not in self._anchors:
            raise ParsingError(line, f"alias {event.anchor!r} has no anchor before it", "define the anchor first")
        if self._stack and self._expects_key():
            raise ParsingError(line, "a key must be a single word or text", "write a plain key")
        value, size = self._anchors[event.anchor]
        self._count(line, size)
        self._add(value, line, size)

    def _expects_key(self) -> bool:
        top = self._stack[-1]
        return isinstance(top.value, dict) and top.key is None and not top.merging

    def _take_key(self, value: Any, event: yaml.ScalarEvent, line: int) -> None:
        top = self._stack[-1]
        if event.value == "<<" and event.implicit[0]:
            top.merging = True
            return
        key = _key_text(value)
        if key is None:
            raise ParsingError(line, "a key is null", "write a plain key")
        if key in top.written:
            raise ParsingError(line, f"key {key!r} occurs twice", "remove one of them")
        top.key = key
        top.written.add(key)
        self._lines[(*top.steps, key)] = line

    def _place(self) -> Steps:
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            return (*top.steps, len(top.value))
        return (*top.steps, top.key or "<<")

    def _add(self, value: Any, line: int, size: int) -> None:
        if not self._stack:
            self._done.append((line, value, self._lines))
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
            raise ParsingError(line, f"holds more than {MOST_NODES} values", "split it into several files")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _merge(target: Json, value: Any, line: int) -> None:
    """Take the entries of one mapping, or of several; later ones win, as they do for kubectl."""
    for source in reversed(value) if isinstance(value, list) else [value]:
        if not isinstance(source, dict):
            raise ParsingError(line, "a merge needs mappings", "write <<: *name of a mapping")
        target.update(source)


def _scalar_value(event: yaml.ScalarEvent, line: int) -> Any:
    """Return the value of a scalar: by its tag, else by its form where it has no quotes."""
    read: Callable[[str], Any] = str
    if event.tag in _PLAIN_TAGS or (event.tag is None and event.implicit[0]):
        read = plain_scalar
    try:
        if event.tag == f"{_TAG}binary":
            return b64decode(event.value, validate=False).decode()
        return read(event.value)
    except (ValueError, binascii.Error) as error:
        raise ParsingError(line, str(error), "put quotes around a text, or correct the value") from error


def _key_text(value: Any) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return None
        case _:
            return str(value)
