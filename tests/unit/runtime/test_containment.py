"""contained(): defects are told and stop nobody else; cancellation passes."""

import asyncio

import pytest

from kdlib.errors import UnreachableError, WorldError
from kdlib.runtime.containment import contained, contained_now


def raising(error):
    async def call():
        raise error

    return call


async def test_a_result_passes():
    async def call():
        return 7

    assert await contained("x", call) == 7


async def test_what_the_world_did_is_returned_without_noise(caplog):
    error = UnreachableError("cut")
    assert await contained("x", raising(error)) is error
    assert caplog.records == []


async def test_a_defect_is_logged_with_its_traceback(caplog):
    result = await contained("Pool ns/a", raising(ZeroDivisionError("by zero")))
    assert isinstance(result, WorldError)
    assert "Pool ns/a: unexpected ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text


async def test_cancellation_passes():
    with pytest.raises(asyncio.CancelledError):
        await contained("x", raising(asyncio.CancelledError()))


def test_a_defect_in_what_does_not_wait_gives_the_other_value(caplog):
    assert contained_now("x", lambda: 7, 0) == 7
    assert contained_now("Pool ns/a", lambda: 7 // 0, 0) == 0
    assert "Pool ns/a: unexpected ZeroDivisionError" in caplog.text
