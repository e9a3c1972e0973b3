"""Mending what has merely the wrong type, so that the rules can say what else is wrong in the same answer.

Layer: pure.
"""

from collections.abc import Iterable
from typing import Any

from kdlib.errors import Problem
from kdlib.frozen import Json, copied
from kdlib.packages import steps_of

__all__ = ["mended"]

_MOST_DIGITS = 10


def mended(value: Json, problems: Iterable[Problem]) -> Json | None:
    """Return the object with a text for each number that should be one, and the other way; None where nothing fits.

    `problems` are those of the schema. What cannot be mended stays as it is.
    """
    whole = copied(value)
    changed = [_mend(whole, steps_of(problem.path)) for problem in problems if not problem.rule]
    return whole if any(changed) else None


def _mend(whole: Json, steps: tuple[str, ...]) -> bool:
    holder: Any = whole
    for step in steps[:-1]:
        holder = _inner(holder, step)
    old = _inner(holder, steps[-1]) if steps else None
    new = _of_other_type(old)
    if new is None:
        return False
    holder[int(steps[-1]) if isinstance(holder, list) else steps[-1]] = new
    return True


def _inner(holder: Any, step: str) -> Any:
    match holder:
        case dict():
            return holder.get(step)
        case list() if step.isdecimal() and len(step) < _MOST_DIGITS and int(step) < len(holder):
            return holder[int(step)]
    return None


def _of_other_type(value: Any) -> str | int | None:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str() if value.isascii() and value.isdecimal() and len(value) < _MOST_DIGITS:
            return int(value)
    return None
