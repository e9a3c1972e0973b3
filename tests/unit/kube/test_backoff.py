"""Backoff: doubling, bounded, never in step."""

from hypothesis import given
from hypothesis import strategies as st

from kdlib.kube import Backoff


def test_delays_double_up_to_the_longest():
    backoff = Backoff(1.0, 10.0)
    assert [backoff.delay_seconds(failures, lambda: 0.0) for failures in (1, 2, 3, 4, 5, 10_000)] == [
        1,
        2,
        4,
        8,
        10,
        10,
    ]


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_and_never_to_nothing(failures, dice):
    backoff = Backoff(0.5, 30.0, jitter=0.4)
    full = backoff.delay_seconds(failures, lambda: 0.0)
    assert 0.6 * full - 1e-9 <= backoff.delay_seconds(failures, lambda: dice) <= full <= 30.0
