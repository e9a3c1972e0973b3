"""Documents from the events of a YAML stream.

Layer: pure.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from kdlib.packages.flaws import Flaw, ParsingError
from kdlib.packages.plain import plain_scalar, trap_of
from kdlib.packages.tree import Grown, Tree

__all__ = ["LOADER", "yaml_documents"]

LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where PyYAML was built with it; both give the same events."""

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {f"{_TAG}{name}" for name in ("int", "float", "bool", "null")}
_KNOWN_TAGS = {*_PLAIN_TAGS, *(f"{_TAG}{name}" for name in ("str", "map", "seq", "binary", "timestamp", "merge")), "!"}


def yaml_documents(text: str, tree: Tree, offset: int = 0) -> Iterator[Grown]:
    """Yield each document of a YAML stream, grown in the tree; `offset` is the number of lines before the text.

    Raises ParsingError where the stream cannot be read on.
    """
    try:
        for event in yaml.parse(text, Loader=LOADER):
            _take(tree, event, offset)
            grown = tree.grown()
            if grown:
                yield grown
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, offset) from error
    except yaml.YAMLError as error:
        line = offset + 1 + text.count("\n", 0, getattr(error, "position", 0))
        what = "holds a character that YAML does not allow"
        raise ParsingError(line, what, "remove it, or save the file as text in UTF-8") from error


def _syntax_error(error: yaml.MarkedYAMLError, text: str, offset: int) -> ParsingError:
    mark = error.problem_mark or error.context_mark
    index = mark.line if mark else 0
    lines = text.split("\n", index + 1)
    line = lines[index] if index < len(lines) else ""
    blanks = line[: len(line) - len(line.lstrip())]
    remedy = "indent with spaces, not with tabs" if "\t" in blanks else "correct the syntax"
    return ParsingError(offset + index + 1, f"is not YAML: {error.problem or 'cannot be read'}", remedy)


def _take(tree: Tree, event: yaml.Event, offset: int) -> None:
    line = offset + (event.start_mark.line + 1 if event.start_mark else 1)
    match event:
        case yaml.ScalarEvent():
            _scalar(tree, event, line)
        case yaml.DocumentStartEvent():
            tree.start()
        case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
            _note_tag(tree, event.tag, line)
            tree.enter({} if isinstance(event, yaml.MappingStartEvent) else [], line, event.anchor)
        case yaml.AliasEvent():
            tree.alias(str(event.anchor), line)
        case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
            tree.leave()


def _scalar(tree: Tree, event: yaml.ScalarEvent, line: int) -> None:
    value = _scalar_value(event, line)
    plain = event.tag is None and bool(event.implicit[0])
    if tree.expects_key():
        _key(tree, event.value if plain and event.value == "<<" else None, value, line)
        if plain and event.value != "<<":
            _note_trap(tree, event.value, value, line)
        return
    if plain:
        _note_trap(tree, event.value, value, line)
    _note_tag(tree, event.tag, line)
    tree.leaf(value, line, event.anchor)


def _key(tree: Tree, merge: str | None, value: Any, line: int) -> None:
    if merge:
        tree.merge()
        return
    if value is None:
        raise ParsingError(line, "a key is null", "write a plain key")
    tree.key(("true" if value else "false") if isinstance(value, bool) else str(value), line)


def _note_trap(tree: Tree, text: str, value: Any, line: int) -> None:
    trap = trap_of(text, value)
    if trap:
        tree.note(Flaw(line, trap.what, trap.remedy, trap.rule, trap.level, tree.place()))


def _note_tag(tree: Tree, tag: str | None, line: int) -> None:
    if tag and tag not in _KNOWN_TAGS:
        what, remedy = f"tag {tag[:60]!r} is passed over by Kubernetes", "remove it"
        tree.note(Flaw(line, what, remedy, "CK-Y-05", "warning", tree.place()))


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
        remedy = "put quotes around a text, or correct the value"
        raise ParsingError(line, str(error), remedy, "CK-Y-04") from error
