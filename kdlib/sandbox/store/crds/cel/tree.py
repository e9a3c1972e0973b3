"""An expression of CEL as a tree. `at` is how many characters of the source stand before the place that messages name.

Layer: pure.
"""

from dataclasses import dataclass
from typing import TypeAlias

__all__ = [
    "Call",
    "Index",
    "Lists",
    "Literal",
    "Loop",
    "Maps",
    "Name",
    "Node",
    "Select",
    "fields_of",
    "names_of",
]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, in the words of the source; `kind` names its type (`null` too)."""

    kind: str
    text: str
    at: int

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return ()


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or the name of a type."""

    name: str
    at: int

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return ()


@dataclass(frozen=True, slots=True)
class Select:
    """A field of a value; `is_test` asks whether it is there (`has`), `is_optional` takes it for an optional (`.?`)."""

    operand: "Node"
    field: str
    at: int
    is_test: bool = False
    is_optional: bool = False

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Index:
    """An item of a list or a map; `is_optional` takes it for an optional (`[?x]`)."""

    operand: "Node"
    key: "Node"
    at: int
    is_optional: bool = False

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return (self.operand, self.key)


@dataclass(frozen=True, slots=True)
class Call:
    """A function, method or operator (`_+_`, `!_`, `_?_:_`) and its arguments; a method is called on its `target`."""

    function: str
    target: "Node | None"
    arguments: "tuple[Node, ...]"
    at: int

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return self.arguments if self.target is None else (self.target, *self.arguments)


@dataclass(frozen=True, slots=True)
class Lists:
    """A list; `optional` holds the positions of items that are optionals (`[?x]`)."""

    items: "tuple[Node, ...]"
    optional: frozenset[int]
    at: int

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return self.items


@dataclass(frozen=True, slots=True)
class Maps:
    """A map; `optional` holds the positions of entries whose values are optionals (`{?k: v}`)."""

    entries: "tuple[tuple[Node, Node], ...]"
    optional: frozenset[int]
    at: int

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return tuple(part for entry in self.entries for part in entry)


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro that goes through a list or a map, or looks into an optional (`optMap`).

    `names` are its one or two variables, `bodies` what is worked out for each: a condition, a result, or both.
    """

    macro: str
    over: "Node"
    names: tuple[str, ...]
    bodies: "tuple[Node, ...]"
    at: int

    @property
    def parts(self) -> "tuple[Node, ...]":
        """Return the parts of the node, in the order of the source."""
        return (self.over, *self.bodies)


Node: TypeAlias = Literal | Name | Select | Index | Call | Lists | Maps | Loop


def names_of(node: Node) -> frozenset[str]:
    """Return the names that an expression takes from outside."""
    match node:
        case Name():
            return frozenset({node.name})
        case Loop():
            inner: frozenset[str] = frozenset().union(*map(names_of, node.bodies))
            return names_of(node.over) | inner - set(node.names)
        case _:
            return frozenset().union(*map(names_of, node.parts))


def fields_of(node: Node, variables: frozenset[str]) -> frozenset[str] | None:
    """Return the fields that an expression takes from variables; None where it takes one of these as a whole."""
    match node:
        case Name() if node.name in variables:
            return None
        case Select(operand=Name(name=name)) if name in variables:
            return frozenset({node.field})
    found: frozenset[str] = frozenset()
    for part in node.parts:
        fields = fields_of(part, variables)
        if fields is None:
            return None
        found |= fields
    return found
