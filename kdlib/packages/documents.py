"""Manifest files: YAML or JSON, many documents, each with the line of every field.

YAML is read from its events, without recursion and with bounds, so that no file can exhaust the process; values are
those that kubectl would send. A key that occurs twice is refused, where kubectl silently keeps the last.

Layer: pure.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json
from kdlib.model import api_path
from kdlib.packages.events import Builder, ParsingError
from kdlib.packages.jsontext import json_values

__all__ = ["MOST_BYTES", "Document", "load", "loads"]

MOST_BYTES = 4 * 1024 * 1024
"""Largest manifest file that is read; an API server takes 3 MiB at most."""

_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a manifest file, and where its fields stand."""

    path: str
    line: int
    """Line of the file, from 1, on which the object begins."""
    value: Json
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict, repr=False)

    def line_of(self, path: str) -> int:
        """Return the line of the field with this API path, or of what holds it where the field is absent."""
        known = {api_path(steps): line for steps, line in self.lines.items()}
        while path and path not in known:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return known.get(path, self.line)


def load(path: str | Path) -> tuple[Document, ...]:
    """Read a manifest file, or every .yaml, .yml and .json file below a folder, in the order of their names.

    Items of a List become documents of their own; empty documents are left out. Raises RefusedError where a file
    cannot be read or is no YAML or JSON, with the line as the problem's path.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(item for item in place.rglob("*") if item.suffix in _SUFFIXES and item.is_file())
        return tuple(document for file in files for document in load(file))
    try:
        with place.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        problem = Problem("(the file)", f"cannot be read: {error.strerror}", "check the path and its permissions")
        raise RefusedError(str(path), [problem]) from error
    return loads(data, str(path))


def loads(data: bytes, path: str = "(input)") -> tuple[Document, ...]:
    """Read manifests from bytes in UTF-8; `path` is their name in messages. Raises RefusedError as `load` does."""
    if len(data) > MOST_BYTES:
        problem = Problem("(the file)", f"is larger than {MOST_BYTES} bytes", "split it into several files")
        raise RefusedError(path, [problem])
    try:
        text = data.decode("utf-8-sig")
        return tuple(_documents(text, path))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RefusedError(path, [Problem(f"line {line}", "is not UTF-8 text", "encode the file as UTF-8")]) from error
    except ParsingError as error:
        problem = Problem(f"line {error.line}", error.what, error.remedy)
        raise RefusedError(path, [problem]) from error


def _documents(text: str, path: str) -> Iterator[Document]:
    for line, value, lines in _values(text):
        if value is None:
            continue
        if not isinstance(value, dict):
            raise ParsingError(line, "is not an object", "write apiVersion, kind, metadata and spec")
        yield from _expanded(Document(path, line, value, lines))


def _values(text: str) -> Iterable[tuple[int, Any, dict[tuple[str | int, ...], int]]]:
    """Return (line, value, lines of fields) of each document.

    What begins like JSON is tried as JSON first, then read as YAML, as kubectl does.
    """
    if text.lstrip()[:1] == "{":
        with contextlib.suppress(ParsingError):
            return [(line, value, {}) for line, value in json_values(text)]
    return Builder().documents(text)


def _expanded(document: Document) -> Iterator[Document]:
    """Yield the items of a List, or the document itself."""
    items = document.value.get("items")
    if document.value.get("kind") != "List" or not isinstance(items, list):
        yield document
        return
    for index, item in enumerate(items):
        prefix = ("items", index)
        line = document.lines.get(prefix, document.line)
        if not isinstance(item, dict):
            raise ParsingError(line, "is not an object", "write apiVersion, kind, metadata and spec")
        lines = {steps[2:]: number for steps, number in document.lines.items() if steps[:2] == prefix and steps[2:]}
        yield Document(document.path, line, item, lines)
