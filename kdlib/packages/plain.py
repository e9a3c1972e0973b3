"""Plain scalars of YAML, read as kubectl reads them: YAML 1.1 words for truth, octal with a leading zero, no dates.

What is no number, truth or null is a text. The rules were taken from kubectl 1.36 by trying each.
See https://yaml.org/type/.

Layer: pure.
"""

import re

__all__ = ["plain_scalar"]

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
