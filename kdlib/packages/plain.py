"""Plain scalars of YAML, read as kubectl reads them: YAML 1.1 words for truth, octal with a leading zero, no dates.

What is no number, truth or null is a text. The rules were taken from kubectl 1.36 by trying each.
See https://yaml.org/type/.

Layer: pure.
"""

import re
from dataclasses import dataclass

__all__ = ["Trap", "plain_scalar", "trap_of"]

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"], False),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
}
_INTEGER = re.compile(r"[-+]?(?:0[bB][01]+|0[xX][0-9a-fA-F]+|0[oO][0-7]+|[0-9]+)", re.ASCII)
_OCTAL = re.compile(r"0[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_NUMBER = 400
_CLOCK = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?", re.ASCII)
_NUMBER_STARTS = tuple("+-0123456789")
_USUAL_WORDS = {"true", "false", "null", "~", ""}


@dataclass(frozen=True, slots=True)
class Trap:
    """An unquoted scalar that reads otherwise than it looks."""

    what: str
    remedy: str
    rule: str
    level: str = "warning"


def plain_scalar(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted scalar; raises ValueError for infinities and what is no number.

    Whole numbers outside 64 bits become floating point, as they do for kubectl.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} cannot be written in JSON")
    digits = text if text[:1] in "_." else text.replace("_", "")
    if len(digits) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(digits):
        return _whole(digits)
    if _FLOAT.fullmatch(digits):
        return _fraction(digits, text)
    return text


def _whole(digits: str) -> int | float:
    body = digits.lstrip("+-")
    sign = -1 if digits.startswith("-") else 1
    if _OCTAL.fullmatch(body):
        number = int(body, 8)
    elif body[1:2].isalpha():
        number = int(body, 0)
    else:
        number = int(body)
    inside = -(2**63) <= sign * number < 2**63
    return sign * number if inside else float(digits if body.isdecimal() else sign * number)


def _fraction(digits: str, text: str) -> int | float | str:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _surprising_number(text: str, value: float) -> str:
    """Say how a number, written again, is another text (1_000, 1.10, 1e3); empty where it is not."""
    digits = text.lstrip("+-")
    if _OCTAL.fullmatch(digits):
        return f"is read as octal: {value}"
    if isinstance(value, float) and digits.isdecimal():
        return "does not fit into 64 bits and loses digits"
    is_plain = digits[:2].lower() in ("0x", "0b", "0o") or str(value).lstrip("-") == digits
    return "" if is_plain else f"is read as the number {value}"


def trap_of(text: str, value: object) -> Trap | None:
    """Return how the reading of an unquoted scalar may surprise its author, or None."""
    quotes = "put quotes around it if it is a text"
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    match value:
        case bool() if text.lower() not in _USUAL_WORDS:
            word = "true" if value else "false"
            return Trap(f"{shown} is read as {word}", f"write {word}, or put quotes around a text", "CK-Y-02")
        case bool():
            return None
        case int() | float():
            what = _surprising_number(text, value)
            return Trap(f"{shown} {what}", quotes, "CK-Y-03") if what else None
        case str() if text[:1] in _NUMBER_STARTS and (_CLOCK.fullmatch(text) or _DATE.fullmatch(text)):
            what = f"{shown} is a text for Kubernetes, and no text for other readers of YAML"
            return Trap(what, "put quotes around it", "CK-Y-07", "note")
    return None
