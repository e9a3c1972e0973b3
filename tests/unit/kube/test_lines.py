"""LineSplitter: however a stream is cut, the same lines come out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.kube.lines import LineSplitter


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_lines_do_not_depend_on_the_cuts(data, cuts):
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    splitter = LineSplitter()
    chunks = [data[start:end] for start, end in itertools.pairwise(borders)]
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    assert lines == [line for line in data.split(b"\n")[:-1] if line.strip()]


def test_a_line_without_end_is_refused():
    splitter = LineSplitter(longest=10)
    assert list(splitter.feed(b"123456789\n12345678")) == [b"123456789"]
    with pytest.raises(ValueError, match="longer than 10 bytes"):
        list(splitter.feed(b"9012"))
