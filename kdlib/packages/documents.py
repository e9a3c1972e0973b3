"""Manifest files: YAML or JSON, many documents, each with the line of every field.

YAML is read from its events, without recursion and with bounds, so that no file can exhaust the process; values are
those that kubectl would send. A key that occurs twice is refused, where kubectl silently keeps the last.

Layer: pure.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json
from kdlib.packages.events import yaml_documents
from kdlib.packages.flaws import MOST_FLAWS, Flaw, ParsingError, Steps
from kdlib.packages.jsontext import json_documents
from kdlib.packages.tree import Grown, Tree

__all__ = ["MANIFEST_SUFFIXES", "MOST_BYTES", "Document", "Scan", "load", "loads", "scan", "steps_of"]

MOST_BYTES = 4 * 1024 * 1024
"""Largest manifest file that is read; an API server takes 3 MiB at most."""

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
"""How the names of manifest files end; those of files in folders, that is, since a file that is named is read."""

_NEXT_DOCUMENT = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_STEP = re.compile(r"\[([^\[\]]*)\]|([^.\[\]]+)")
_LONGEST_PATH = 4000
_MOST_TAG_DIRECTIVES = 1000
_NO_OBJECT = ("is not an object", "write apiVersion, kind, metadata and spec", "CK-F-04")
_BOUND = "CK-F-05"


@dataclass(frozen=True)
class Document:
    """One object of a manifest file, and where its fields stand."""

    path: str
    line: int
    """Line of the file, from 1, on which the object begins."""
    value: Json
    lines: dict[Steps, int] = field(default_factory=dict, repr=False)
    flaws: tuple[Flaw, ...] = ()
    """Flaws of the text inside this object, with the steps from it."""

    def line_of(self, path: str) -> int:
        """Return the line of the field with this API path, or of what holds it where the field is absent."""
        steps = steps_of(path)
        while steps and steps not in self._known:
            steps = steps[:-1]
        return self._known.get(steps, self.line)

    @cached_property
    def _known(self) -> dict[tuple[str, ...], int]:
        return {tuple(map(str, steps)): line for steps, line in self.lines.items()}


@dataclass(frozen=True, slots=True)
class Scan:
    """What a manifest file holds, and everything that is wrong with it as a text."""

    documents: tuple[Document, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    """Flaws outside of the documents: what cannot be read; sorted by line."""


def steps_of(path: str) -> tuple[str, ...]:
    """Take an API path apart: keys and indexes, as texts; of a path without end, its beginning."""
    return tuple(match[1] or match[2] or "" for match in _STEP.finditer(path[:_LONGEST_PATH]))


def load(path: str | Path) -> tuple[Document, ...]:
    """Read a manifest file, or every .yaml, .yml and .json file below a folder, in the order of their names.

    Items of a List become documents of their own; empty documents are left out. Raises RefusedError where a file
    cannot be read or is no YAML or JSON, with the line as the problem's path.
    """
    place = Path(path)
    if place.is_dir():
        files = sorted(item for item in place.rglob("*") if item.suffix in MANIFEST_SUFFIXES and item.is_file())
        return tuple(document for file in files for document in load(file))
    remedy = "check the path and its permissions"
    if place.exists() and not place.is_file():
        raise RefusedError(str(path), [Problem("(the file)", "is no regular file", remedy)])
    try:
        with place.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        raise RefusedError(str(path), [Problem("(the file)", f"cannot be read: {words}", remedy)]) from error
    return loads(data, str(path))


def loads(data: bytes, path: str = "(input)") -> tuple[Document, ...]:
    """Read manifests from bytes in UTF-8; `path` is their name in messages. Raises RefusedError as `load` does."""
    found = scan(data, path)
    flaws = [*found.flaws, *(flaw for document in found.documents for flaw in document.flaws)]
    wrong = [flaw for flaw in flaws if flaw.level == "error"]
    if wrong:
        raise RefusedError(path, [Problem(f"line {flaw.line}", flaw.what, flaw.remedy, flaw.rule) for flaw in wrong])
    return found.documents


def scan(data: bytes, path: str = "(input)") -> Scan:
    """Read as much of a manifest file as can be read, and tell every flaw of it; raises nothing.

    After a document that cannot be read, reading goes on with the next one that begins with `---`.
    """
    if len(data) > MOST_BYTES:
        what = f"is larger than {MOST_BYTES} bytes"
        return Scan(flaws=(Flaw(1, what, "split it into several files", "CK-F-05"),))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Scan(flaws=(Flaw(1, "is UTF-16 text", "encode the file as UTF-8", "CK-F-03"),))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Scan(flaws=(Flaw(line, "is not UTF-8 text", "encode the file as UTF-8", "CK-F-03"),))
    if text.count("%TAG") > _MOST_TAG_DIRECTIVES:
        # The parser compares each with all before it.
        what = f"has more than {_MOST_TAG_DIRECTIVES} %TAG directives"
        return Scan(flaws=(Flaw(1, what, "remove them", _BOUND),))
    documents: list[Document] = []
    flaws: list[Flaw] = []
    for grown in _grown(text, flaws, is_json=path.endswith(".json")):
        documents += _objects(grown, path, flaws)
    return Scan(tuple(documents), tuple(sorted(flaws)))


def _grown(text: str, flaws: list[Flaw], *, is_json: bool) -> Iterator[Grown]:
    """Yield the documents of a text.

    What begins like JSON is tried as JSON first, then read as YAML, as kubectl does.
    """
    if text.lstrip()[:1] == "{":
        try:
            values = list(json_documents(text))
        except ParsingError as error:
            if is_json or error.rule == _BOUND:
                flaws.append(_flaw(error))
                return
        else:
            yield from values
            return
    yield from _of_stream(text, flaws)


def _of_stream(text: str, flaws: list[Flaw]) -> Iterator[Grown]:
    tree, offset = Tree(), 0
    while text:
        try:
            yield from yaml_documents(text, tree, offset)
            return
        except ParsingError as error:
            flaws.append(_flaw(error))
            rest = _after(text, error.line - offset)
            if not rest or len(flaws) >= MOST_FLAWS or error.rule == _BOUND:
                return
            offset += text.count("\n", 0, rest)
            text = text[rest:]


def _after(text: str, line: int) -> int:
    """Return where the first document begins on a line or after it, but not at the text's own start; 0 for none.

    A parser may notice what is missing in one document only where the next one begins.
    """
    position = 0
    for _ in range(line - 1):
        position = text.find("\n", position) + 1
        if not position:
            return 0
    match = _NEXT_DOCUMENT.search(text, max(position, 1))
    return match.start() if match else 0


def _flaw(error: ParsingError) -> Flaw:
    return Flaw(error.line, error.what, error.remedy, error.rule)


def _objects(grown: Grown, path: str, flaws: list[Flaw]) -> Iterator[Document]:
    """Yield the object of a document, or those of a List; what is none goes to the flaws."""
    match grown.value:
        case None:
            return
        case {"kind": str(kind), "items": [*items]} if kind.endswith("List"):
            yield from _items(items, grown, path, flaws)
        case dict():
            yield Document(path, grown.line, grown.value, grown.lines, grown.flaws)
        case _:
            flaws.append(Flaw(grown.line, *_NO_OBJECT))


def _items(items: list[Any], grown: Grown, path: str, flaws: list[Flaw]) -> Iterator[Document]:
    """Yield the items of a List as documents, each with what was found in its part of the text."""
    lines: dict[int, dict[Steps, int]] = defaultdict(dict)
    own: dict[int, list[Flaw]] = defaultdict(list)
    for steps, line in grown.lines.items():
        match steps:
            case ("items", int(index), *rest):
                lines[index][tuple(rest)] = line
    for flaw in grown.flaws:
        match flaw.steps:
            case ("items", int(index), *rest):
                own[index].append(replace(flaw, steps=tuple(rest)))
            case _:
                flaws.append(flaw)
    for index, item in enumerate(items):
        line = lines[index].pop((), grown.line)
        if isinstance(item, dict):
            yield Document(path, line, item, lines[index], tuple(own[index]))
        else:
            flaws.append(Flaw(line, *_NO_OBJECT))
