"""What an expression can name: the object, its old state, and the variables of macros around it.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kdlib.sandbox.store.crds.cel.signatures import TYPE_NAMES
from kdlib.sandbox.store.crds.cel.typesystem import Type

__all__ = ["Problem", "Scope", "shown"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an expression, and how many characters stand before its place."""

    what: str
    at: int


@dataclass(frozen=True)
class Scope:
    """Names and their types."""

    variables: Mapping[str, Type]

    def within(self, names: tuple[str, ...], types: tuple[Type, ...]) -> "Scope":
        """Return the scope of a macro's parts."""
        return replace(self, variables={**self.variables, **dict(zip(names, types, strict=True))})

    def find(self, name: str) -> Type | None:
        """Return the type of a variable, or that of a type's name; None for an unknown name."""
        return self.variables.get(name) or TYPE_NAMES.get(name)


def shown(source: str, problems: list[Problem]) -> str:
    """Return problems in the order of their places, each with its line and a mark below the place."""
    return "\n".join(_one(source, problem) for problem in sorted(problems, key=lambda one: one.at))


def _one(source: str, problem: Problem) -> str:
    before = source[: problem.at]
    line = before.count("\n") + 1
    column = problem.at - (before.rfind("\n") + 1)
    text = source.split("\n")[line - 1].replace("\t", " ")
    dots = "".join("．" if len(sign.encode()) > 1 else "." for sign in text[:column])
    mark = "＾" if column < len(text) and len(text[column].encode()) > 1 else "^"
    return f"ERROR: <input>:{line}:{column + 1}: {problem.what}\n | {text}\n | {dots}{mark}"
