"""Quantities: exact, one way to write each, compared as numbers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.wire import Quantity, QuantityError


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1e3", "1e3"),
        ("1000", "1k"),
        ("0.1Gi", "107374182400m"),
        ("1000Ki", "1000Ki"),
        ("100000k", "100M"),
        ("12e6", "12e6"),
        ("1E", "1E"),
        ("0", "0"),
        ("-3k", "-3k"),
        ("1.0001m", "1000100n"),
        (".5", "500m"),
        ("1024", "1024"),
        ("2048Ki", "2Mi"),
        ("1Ei", "1Ei"),
        ("0.0000000001", "1n"),
        ("1.0", "1"),
        ("0Mi", "0"),
        ("+5", "5"),
    ],
)
def test_each_quantity_has_one_way_to_be_written(text, canonical):
    # The canonical forms are those that a real API server gave back.
    assert Quantity.parse(text).canonical == canonical


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1Gib", "--1", "1e", "Mi", "1.2.3", "0x10"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(QuantityError, match="quantities must match the regular expression"):
        Quantity.parse(text)


def test_quantities_compare_as_numbers_whatever_their_suffix():
    assert Quantity.parse("1Gi") == Quantity.parse("1024Mi")
    assert Quantity.parse("1G") < Quantity.parse("1Gi")
    assert Quantity.parse("999m") < Quantity.parse("1")
    assert len({Quantity.parse("1000m"), Quantity.parse("1")}) == 1


AMOUNTS = st.tuples(st.integers(-(10**6), 10**6), st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))


@given(AMOUNTS)
def test_the_canonical_form_means_the_same_and_is_its_own(amount):
    quantity = Quantity.parse(f"{amount[0]}{amount[1]}")

    again = Quantity.parse(quantity.canonical)

    assert again == quantity
    assert again.canonical == quantity.canonical


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_fractions_are_exact_down_to_a_billionth(whole, nanos):
    assert Quantity.parse(f"{whole}.{nanos % 10**9:09d}").value == whole + Fraction(nanos % 10**9, 10**9)
