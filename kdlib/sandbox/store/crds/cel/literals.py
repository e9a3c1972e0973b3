"""What is wrong with constants: patterns, times and durations that are none, and lists of things of different types.

Layer: pure.
"""

import re
from ast import literal_eval
from collections.abc import Iterator, Sequence
from datetime import datetime

from kdlib.sandbox.store.crds.cel.checking import Checker
from kdlib.sandbox.store.crds.cel.scope import Problem
from kdlib.sandbox.store.crds.cel.tree import Call, Lists, Literal, Maps, Node

__all__ = ["literal_problems"]

_DURATION = re.compile(r"[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+)")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)")


def literal_problems(node: Node, checker: Checker) -> Iterator[Problem]:
    """Yield what is wrong with the constants of an expression whose types are right."""
    for part in node.parts:
        # A format takes what its clauses name, one by one.
        for each in part.parts if _is_format(node) and isinstance(part, Lists) else (part,):
            yield from literal_problems(each, checker)
    match node:
        case Call():
            yield from _argument_problems(node)
        case Lists():
            yield from _mixed(node.items, node.optional, checker)
        case Maps():
            yield from _mixed([key for key, _ in node.entries], frozenset(), checker)
            yield from _mixed([value for _, value in node.entries], node.optional, checker)


def _is_format(node: Node) -> bool:
    return isinstance(node, Call) and node.function == "format"


def _mixed(items: Sequence[Node], optional: frozenset[int], checker: Checker) -> Iterator[Problem]:
    plain = [item for index, item in enumerate(items) if index not in optional]
    types = [checker.type_of(item) for item in plain]
    for item, type_ in zip(plain[1:], types[1:], strict=False):
        if type_ != types[0] and not (type_.is_open or types[0].is_open):
            yield Problem(f"expected type '{types[0]}' but found '{type_}'", item.at)


def _argument_problems(node: Call) -> Iterator[Problem]:
    if node.function not in {"duration", "timestamp", "matches"} or not node.arguments:
        return
    argument = node.arguments[-1]
    if isinstance(argument, Literal) and argument.kind == "string" and not _is_right(node.function, _value(argument)):
        yield Problem(f"invalid {node.function} argument", argument.at)


def _value(literal: Literal) -> str:
    return str(literal_eval(literal.text))


def _is_right(function: str, text: str) -> bool:
    if function == "duration":
        return _DURATION.fullmatch(text) is not None
    try:
        if function == "matches":
            re.compile(text)
            return True
        datetime.fromisoformat(text)
    except (re.error, ValueError):
        return False
    return _TIME.fullmatch(text) is not None
