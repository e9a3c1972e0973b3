"""Comparing quantities that users wrote.

See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.

Layer: pure.
"""

import re
from fractions import Fraction

__all__ = ["amount"]

_FORM = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:[eE]([+-]?[0-9]{1,2})|([KMGTPE]i|[numkMGTPE]?))")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def amount(text: str) -> Fraction | None:
    """Return the quantity as an exact number in its base unit, or None where it is none."""
    found = _FORM.fullmatch(text)
    if not found:
        return None
    number, exponent, suffix = found.groups()
    if suffix in _BINARY:
        return Fraction(number) * (1 << _BINARY[suffix])
    return Fraction(f"{number}e{exponent or _DECIMAL[suffix]}")
