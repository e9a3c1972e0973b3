"""Frames arrive whole or are refused; answers say the same on both sides."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlib.guest.answers import Absent, Accepted, Refused, Running, Unreadable, Unwritable, decode_answer, encode_answer
from kdlib.guest.frames import BEGIN, Frame, FrameError, decode, encode, tell_command
from kdlib.model import Finished

words = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
names = st.from_regex(r"[a-z_]{1,9}", fullmatch=True).filter(lambda name: not name.startswith("blob_"))
lines = words.filter(lambda text: "\n" not in text and "\ufffd" not in text)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(names, words), st.dictionaries(names, st.binary()), st.binary())
def test_a_frame_is_read_back_as_it_was_written(variables, blobs, script):
    assert decode(encode(Frame(variables, blobs), script)) == Frame(variables, blobs)


@given(st.data())
def test_a_frame_that_was_cut_or_changed_is_refused(data):
    whole = encode(Frame({"a": "b"}, {"c": b"d" * 50}), b"script")
    place = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises((FrameError, ValueError)):
        decode(whole[:place])
    changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    with contextlib.suppress(ValueError):
        assert decode(changed) == decode(whole)


@given(
    st.builds(
        Finished,
        exit_code=st.integers(0, 255),
        stdout_tail=words.filter(lambda text: "\ufffd" not in text),
        stderr_tail=words.filter(lambda text: "\ufffd" not in text),
        detail=lines,
        generation=st.integers(0, 10**9),
        resumed=st.booleans(),
    )
    | st.builds(Refused, lines)
    | st.sampled_from([Absent(), Accepted(), Running(), Running(95, "half done"), Unwritable()])
)
def test_an_answer_is_read_back_as_it_was_written(answer):
    assert decode_answer(*encode_answer(answer)) == answer


@pytest.mark.parametrize("output", [b"", b"hello\n", b"KD1 finished x\n", b"KD2 accepted\n", b"\xff\xfe"])
def test_what_is_no_answer_is_shown_as_such(output):
    assert isinstance(decode_answer(output), Unreadable)


def test_the_commands_fit_into_a_url():
    assert len(BEGIN) < 1000
    command = tell_command("setup-1", wait_seconds=240, tail_bytes=1028, report_seconds=30)
    assert command[-4:] == ("setup-1", "240", "1028", "30")
