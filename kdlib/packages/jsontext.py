"""JSON texts: one value after another, read part by part, with the line of every field.

A text is a text as the JSON decoder of an API server has it: half of a surrogate pair becomes U+FFFD.

Layer: pure.
"""

import json
import math
import re
from collections.abc import Iterator

from kdlib.packages.flaws import Flaw, ParsingError
from kdlib.packages.tree import Grown, Tree

__all__ = ["json_documents"]

_BLANKS = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"true|false|null")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_SURROGATES = re.compile("[\ud800-\udfff]")
_CLOSING = {"{": "}", "[": "]"}
_LONGEST_NUMBER = 400


def json_documents(text: str) -> Iterator[Grown]:
    """Yield each value of the text; raises ParsingError where the text is no JSON."""
    reader = _Reader(text)
    while reader.more():
        yield reader.document()


class _Reader:
    """Walks through one text; `open` holds the brackets that are still to be closed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tree = Tree()
        self._position = 0
        self._line = 1
        self._counted = 0
        self._open: list[str] = []

    def more(self) -> bool:
        """Skip blanks, and tell whether anything follows."""
        match = _BLANKS.match(self._text, self._position)
        self._position = match.end() if match else self._position
        return self._position < len(self._text)

    def document(self) -> Grown:
        """Read one whole value."""
        self._tree.start()
        while True:
            self._value()
            grown = self._tree.grown()
            if grown:
                return grown
            while not self._next_item():
                grown = self._tree.grown()
                if grown:
                    return grown

    def _value(self) -> None:
        """Read a leaf, or open brackets down to the first value inside; stops before what follows it."""
        while True:
            char = self._char()
            if char not in _CLOSING:
                self._leaf(char)
                return
            self._tree.enter({} if char == "{" else [], self._number_of_line())
            self._open.append(char)
            self._position += 1
            if self._char() == _CLOSING[char]:
                return
            if char == "{":
                self._key()

    def _next_item(self) -> bool:
        """Pass a comma, and return True; or a closing bracket, and return False."""
        if not self._open:
            raise self._error("a bracket is missing")
        kind, char = self._open[-1], self._char()
        if char == ",":
            self._position += 1
            if kind == "{":
                self._key()
            return True
        if char != _CLOSING[kind]:
            raise self._error(f"',' or '{_CLOSING[kind]}' is missing")
        self._position += 1
        self._open.pop()
        self._tree.leave()
        return False

    def _key(self) -> None:
        if self._char() != '"':
            raise self._error("a key in quotes is missing")
        line = self._number_of_line()
        self._tree.key(self._string(), line)
        if self._char() != ":":
            raise self._error("':' is missing")
        self._position += 1

    def _leaf(self, char: str) -> None:
        line = self._number_of_line()
        if char == '"':
            self._tree.leaf(self._string(), line)
            return
        match = _WORD.match(self._text, self._position) or _NUMBER.match(self._text, self._position)
        if not match:
            raise self._error("a value is missing")
        text = match.group()
        self._tree.leaf(_WORDS[text] if text in _WORDS else self._number(text, line), line)
        self._position = match.end()

    def _string(self) -> str:
        match = _STRING.match(self._text, self._position)
        if not match:
            raise self._error("a text has no end, or holds a control character or an escape that JSON does not have")
        self._position = match.end()
        text = str(json.loads(match.group()))
        if not _SURROGATES.search(text):
            return text
        what = "half of a surrogate pair becomes '\N{REPLACEMENT CHARACTER}'"
        self._tree.note(Flaw(self._number_of_line(), what, "write the character itself", "CK-Y-06", "warning"))
        return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)

    def _number(self, digits: str, line: int) -> int | float:
        if len(digits) > _LONGEST_NUMBER:
            remedy = "write a number of fewer digits"
            raise ParsingError(line, f"a number has more than {_LONGEST_NUMBER} digits", remedy, "CK-Y-04")
        whole = int(digits) if digits.lstrip("-").isdecimal() else None
        if whole is not None and -(2**63) <= whole < 2**63:
            return whole
        number = float(digits)
        if not math.isfinite(number):
            raise ParsingError(line, f"{digits[:40]} is too large", "write a smaller number", "CK-Y-04")
        return number

    def _char(self) -> str:
        """Return the next character that is no blank."""
        if not self.more():
            raise self._error("the text ends too early")
        return self._text[self._position]

    def _number_of_line(self) -> int:
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line

    def _error(self, what: str) -> ParsingError:
        return ParsingError(self._number_of_line(), f"is not JSON: {what}", "correct the syntax")
