"""Quantities in rules. One is passed around as a map of one entry, its exact value, so that equal ones are equal.

See https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library.

Layer: pure.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from kdlib.frozen import Json
from kdlib.wire import Quantity, QuantityError

__all__ = ["QUANTITY_FUNCTIONS"]

_TAG = "kubernetes.Quantity"


def _made(value: Fraction) -> Json:
    return {_TAG: str(value)}


def _value(quantity: Any) -> Fraction:
    return Fraction(quantity[_TAG]) if isinstance(quantity, dict) else Fraction(quantity)


def _quantity(text: str) -> Json:
    return _made(Quantity.parse(text).value)


def _is_quantity(text: str) -> bool:
    try:
        Quantity.parse(text)
    except QuantityError:
        return False
    return True


def _compare(one: Any, other: Any) -> int:
    return (_value(one) > _value(other)) - (_value(one) < _value(other))


def _as_integer(quantity: Any) -> int:
    value = _value(quantity)
    if value.denominator != 1 or not -(2**63) <= value < 2**63:
        raise ValueError("cannot convert value to integer")
    return int(value)


def _is_integer(quantity: Any) -> bool:
    value = _value(quantity)
    return value.denominator == 1 and -(2**63) <= value < 2**63


QUANTITY_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "quantity": _quantity,
    "isQuantity": _is_quantity,
    "add": lambda one, other: _made(_value(one) + _value(other)),
    "sub": lambda one, other: _made(_value(one) - _value(other)),
    "isLessThan": lambda one, other: _compare(one, other) < 0,
    "isGreaterThan": lambda one, other: _compare(one, other) > 0,
    "compareTo": _compare,
    "asInteger": _as_integer,
    "asApproximateFloat": lambda quantity: float(_value(quantity)),
    "isInteger": _is_integer,
    "sign": lambda quantity: _compare(quantity, 0),
}
"""The functions of quantities, by their names in rules."""
