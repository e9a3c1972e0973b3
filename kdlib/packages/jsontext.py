"""JSON texts: one value after another, no key twice, no number that JSON does not have.

Layer: pure.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

from kdlib.frozen import Json
from kdlib.packages.events import MOST_DEPTH, ParsingError

__all__ = ["json_values"]


def json_values(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the line and the value of each JSON value in the text; raises ParsingError."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_distinct, parse_constant=_refused_constant, parse_int=_whole, parse_float=_finite
    )
    position = _next(text, 0)
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        try:
            value, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise ParsingError(error.lineno, f"is not JSON: {error.msg.lower()}", "correct the syntax") from error
        except RecursionError as error:
            raise ParsingError(line, f"is nested deeper than {MOST_DEPTH} levels", "make it flatter") from error
        except ValueError as error:
            raise ParsingError(line, str(error), "correct the value") from error
        _check_depth(value, line)
        yield line, value
        position = _next(text, end)


def _next(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _check_depth(value: Any, line: int) -> None:
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [inner for item in level for inner in _inner(item)]
        if not level:
            return
    raise ParsingError(line, f"is nested deeper than {MOST_DEPTH} levels", "make it flatter")


def _inner(value: Any) -> list[Any]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return []


def _distinct(pairs: list[tuple[str, Any]]) -> Json:
    found: Json = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} occurs twice")
        found[key] = value
    return found


def _refused_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is too large")
    return number


def _whole(digits: str) -> int | float:
    if len(digits) > 400:
        raise ValueError("a number has more than 400 digits")
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else _finite(digits)
