"""Values as rules write them: conversion to strings, `format` and `quote`.

See https://kubernetes.io/docs/reference/using-api/cel/#cel-community-libraries.

Layer: pure.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["formatted", "quoted", "text_of"]


def text_of(value: Any) -> str:
    """Return a value as the conversion to a string writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return value.decode()
        case float():
            return _double_text(value)
        case timedelta():
            return _duration_text(value / timedelta(seconds=1))
        case datetime():
            return _time_text(value)
        case dict():
            return str(next(iter(value.values())))
        case _:
            return str(value)


def _duration_text(seconds: float) -> str:
    return f"{seconds:f}".rstrip("0").rstrip(".") + "s"


def _time_text(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def _double_text(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


_CLAUSE = re.compile(r"%(?:\.(\d+))?([a-zA-Z%])")
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def quoted(text: str) -> str:
    """Return a text in double quotes, its special characters escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(_ESCAPES.get(sign, sign) for sign in escaped)}"'


def formatted(form: str, values: list[Any]) -> str:
    """Return a text with values in the places of its clauses (`%s %d %f %e %x %X %o %b`); raises ValueError."""
    rest = list(values)

    def written(clause: re.Match[str]) -> str:
        if clause[2] == "%":
            return "%"
        if not rest:
            raise ValueError(f"index {len(values)} out of range")
        return _clause(clause[2], rest.pop(0), 6 if clause[1] is None else int(clause[1]))

    return _CLAUSE.sub(written, form)


def _clause(kind: str, value: Any, digits: int) -> str:
    match kind, value:
        case "s", _:
            return _shown(value)
        case "d", int() if not isinstance(value, bool):
            return str(value)
        case (("f" | "e"), int() | float()):
            return f"{value:.{digits}{kind}}"
        case (("x" | "X"), str() | bytes()):
            text = (value.encode() if isinstance(value, str) else value).hex()
            return text.upper() if kind == "X" else text
        case (("x" | "X" | "o" | "b"), int()):
            return f"{value:{kind}}"
        case _:
            raise ValueError(f'could not parse formatting clause: unrecognized formatting clause "{kind}"')


def _shown(value: Any) -> str:
    match value:
        case None:
            return "null"
        case list():
            return f"[{', '.join(map(_shown, value))}]"
        case dict():
            return "{" + ", ".join(f"{_shown(key)}: {_shown(item)}" for key, item in sorted(value.items())) + "}"
        case _:
            return text_of(value)
