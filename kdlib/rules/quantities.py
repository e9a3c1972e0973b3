"""Comparing quantities that users wrote.

Layer: pure.
"""

import re
from fractions import Fraction

from kdlib.wire import Quantity

__all__ = ["amount"]

_EXPONENT = re.compile(r"[eE][+-]?[0-9]{4,}$|[^\x00-\x7f]")
"""What no sane amount has: an exponent of four digits, whose number would fill the memory, and foreign digits."""


def amount(text: str) -> Fraction | None:
    """Return the quantity as an exact number in its base unit, or None where it is none."""
    if _EXPONENT.search(text):
        return None
    try:
        return Quantity.parse(text).value
    except ValueError:
        return None
