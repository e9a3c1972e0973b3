"""Requests by annotations: each new value is one, and who handled it notes all that there was."""

import pytest

from kdlib.lifecycle.requests import news, noted

KEYS = ("a", "b", "c")


@pytest.mark.parametrize(
    ("annotations", "before", "after", "new"),
    [
        ({}, None, None, ()),
        ({"a": "1"}, None, "1", ("a",)),
        ({"c": "1"}, None, "||1", ("c",)),
        ({"a": "2", "b": "1"}, "1", "2|1", ("a", "b")),
        ({"a": "1"}, "1|x", "1|x", ()),
        ({}, "1|x|y", "1|x|y", ()),
        ({"b": "p|q"}, "1", "1|p_q", ("b",)),
        ({"other": "1"}, None, None, ()),
    ],
)
def test_a_value_that_was_noted_is_no_news_and_one_that_is_gone_stays_noted(annotations, before, after, new):
    assert noted(annotations, KEYS, before) == after
    assert news(annotations, KEYS, before) == new
    assert news(annotations, KEYS, after) == ()
