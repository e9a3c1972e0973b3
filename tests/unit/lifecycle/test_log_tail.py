"""Status keeps the last lines of a start script's output (specification 5.8, rule IC-10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib import lifecycle


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [
        ("short", 256, "short"),
        ("", 5, ""),
        ("text", 0, ""),
        ("one\ntwo\nthree\n", 8, "three\n"),
        ("one\ntwo", 3, "two"),
        ("abcdef", 3, "def"),
        ("abcdef\n", 3, "ef\n"),
    ],
)
def test_the_tail_starts_at_a_line_where_it_can(text, limit, kept):
    assert lifecycle.log_tail(text, limit) == kept


@given(st.text(alphabet="ab\n"), st.integers(0, 10))
def test_w46_the_tail_ends_the_text_and_keeps_the_limit(text, limit):
    tail = lifecycle.log_tail(text, limit)
    assert text.endswith(tail)
    assert len(tail) <= limit
    assert bool(tail) == bool(text and limit)
