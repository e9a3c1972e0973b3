"""JSONPath as far as printer columns of custom resources use it.

Fields, quoted keys, indexes, `[*]` and filters such as `[?(@.type=="Ready")]`; what is missing yields nothing.
Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/.

Layer: pure.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["JsonPath"]

_Step: TypeAlias = Callable[[Any], Iterator[Any]]

_TOKEN = re.compile(
    r"""
      \.?\[\?\(\s*@(?P<left>[^=!<>)\s]*)\s*(?:(?P<operator>==|!=|<=|>=|<|>)\s*(?P<right>[^)]*?)\s*)?\)\]
    | \.?\[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]
    | \.?\[(?P<index>-?\d+)\]
    | \.?\[\*\] | \.\*
    | \.(?P<field>(?:\\.|[^.\[\]\\])+)
    """,
    re.VERBOSE,
)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class JsonPath:
    """A parsed path; raises ValueError for a text that is none."""

    def __init__(self, text: str) -> None:
        self._steps: list[_Step] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or found.end() == place:
                raise ValueError(f"unrecognized path {text!r}")
            self._steps.append(_step(found))
            place = found.end()

    def find(self, value: Any) -> list[Any]:
        """Return all values that the path leads to."""
        values = [value]
        for step in self._steps:
            values = [found for each in values for found in step(each)]
        return values


def _step(token: re.Match[str]) -> _Step:
    if token["left"] is not None:
        return _filter(token["left"], token["operator"], token["right"])
    if token["index"] is not None:
        return _index(int(token["index"]))
    if token["key"] is not None:
        return _field(token["key"])
    if token["field"] is not None:
        return _field(re.sub(r"\\(.)", r"\1", token["field"]))
    return _each


def _field(key: str) -> _Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and key in value:
            yield value[key]

    return step


def _index(index: int) -> _Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _each(value: Any) -> Iterator[Any]:
    match value:
        case list():
            yield from value
        case dict():
            yield from value.values()


def _filter(left: str, operator_text: str | None, right: str | None) -> _Step:
    path = JsonPath(left)
    compare = _OPERATORS.get(operator_text or "")
    wanted = _literal(right or "")

    def holds(item: Any) -> bool:
        found = path.find(item)
        if compare is None or not found:
            return bool(found)
        return type(found[0]) is type(wanted) and compare(found[0], wanted)

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (item for item in value if holds(item))

    return step


def _literal(text: str) -> Any:
    if text[:1] in ("'", '"'):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
