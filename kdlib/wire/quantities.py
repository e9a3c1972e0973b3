"""Quantities: exact numbers with the suffixes of Kubernetes, and the one canonical way to write each.

See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.

Layer: pure.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache, total_ordering

__all__ = ["Quantity", "QuantityError"]

_FORM = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]?)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SMALLEST = Fraction(1, 10**9)
_LARGEST = 2**63 - 1
_RULE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class QuantityError(ValueError):
    """The text is no quantity; the message is the one that an API server gives."""


@total_ordering
@dataclass(frozen=True, eq=False)
class Quantity:
    """An exact number and the family of suffixes in which it is written: `decimal`, `binary` or `exponent`."""

    value: Fraction
    form: str = "decimal"

    @classmethod
    def parse(cls, text: str | float) -> "Quantity":
        """Read a quantity such as `1.5Gi`, `500m` or `1e3`.

        Fractions below one nano are rounded away from zero. Raises QuantityError.
        """
        return _parsed(str(text))

    @cached_property
    def canonical(self) -> str:
        """Return the one way to write it: no fraction, the largest suffix, in its own family."""
        if not self.value:
            return "0"
        if self.form == "binary" and abs(self.value) >= 1024 and self.value.denominator == 1:
            return self._binary()
        return self._decimal()

    def _binary(self) -> str:
        number, suffix = self.value.numerator, ""
        for name in _BINARY:
            if number % 1024:
                break
            number, suffix = number // 1024, name
        return f"{number}{suffix}"

    def _decimal(self) -> str:
        number, power = self.value * 10**9, -9
        whole = number.numerator
        while whole % 1000 == 0 and power < 18:
            whole, power = whole // 1000, power + 3
        if self.form == "exponent":
            return f"{whole}e{power}" if power else str(whole)
        return f"{whole}{next(name for name, exponent in _DECIMAL.items() if exponent == power)}"

    def __str__(self) -> str:
        return self.canonical

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.value == other.value

    def __lt__(self, other: "Quantity") -> bool:
        return self.value < other.value

    def __hash__(self) -> int:
        return hash(self.value)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Quantity:
    found = _FORM.fullmatch(text)
    if not found:
        raise QuantityError(_RULE)
    sign, digits, suffix = found.groups()
    number = Fraction("0" + digits if digits.startswith(".") else digits)
    if suffix in _BINARY:
        form, number = "binary", number * 2 ** _BINARY[suffix]
    elif suffix[:1] in {"e", "E"} and len(suffix) > 1:
        form, number = "exponent", number * Fraction(10) ** int(suffix[1:])
    else:
        form, number = "decimal", number * Fraction(10) ** _DECIMAL[suffix]
    number = Fraction(-(-number // _SMALLEST)) * _SMALLEST
    number = min(number, Fraction(_LARGEST)) if number > _LARGEST else number
    return Quantity(-number if sign == "-" else number, form)
