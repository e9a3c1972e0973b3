"""The words of a CEL expression, each with its place.

See https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax.

Layer: pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["ExpressionSyntaxError", "Token", "tokens"]

_ESCAPE = r"""\\(?:[abfnrtv\\?"'`]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"""
_STRING = "|".join(
    [
        r'[rR]"""(?:.)*?"""',
        r"[rR]'''(?:.)*?'''",
        r'[rR]"[^"\r\n]*"',
        r"[rR]'[^'\r\n]*'",
        rf'"""(?:[^\\]|{_ESCAPE})*?"""',
        rf"'''(?:[^\\]|{_ESCAPE})*?'''",
        rf'"(?:[^"\\\r\n]|{_ESCAPE})*"',
        rf"'(?:[^'\\\r\n]|{_ESCAPE})*'",
    ]
)
_WORD = re.compile(
    rf"""(?P<blank>[\t\n\f\r ]+|//[^\n]*)
    |(?P<bytes>[bB](?:{_STRING}))
    |(?P<string>(?:{_STRING}))
    |(?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
    |(?P<uint>(?:0x[0-9a-fA-F]+|\d+)[uU])
    |(?P<int>0x[0-9a-fA-F]+|\d+)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]{{}}])""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)


class ExpressionSyntaxError(Exception):
    """Say that a text is no expression, and where."""

    def __init__(self, what: str, at: int, *, is_final: bool = False) -> None:
        super().__init__(what)
        self.at = at
        self.is_final = is_final
        """True where nobody should look at the text again."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (`int`, `string`, `name`, `sign`, `end` ...), its text, and how many characters precede it."""

    kind: str
    text: str
    at: int


def tokens(source: str) -> Iterator[Token]:
    """Yield the words of an expression and a last one of the kind `end`; raises ExpressionSyntaxError."""
    at = 0
    while at < len(source):
        found = _WORD.match(source, at)
        if found is None:
            raise ExpressionSyntaxError(f"token recognition error at: '{source[at:]}'", at)
        if found.lastgroup != "blank":
            yield Token(str(found.lastgroup), found[0], at)
        at = found.end()
    yield Token("end", "<EOF>", at)
