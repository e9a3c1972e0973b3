"""Virtual time."""

import asyncio

import pytest

from kdlib.testing import VirtualTime


def test_waiting_takes_no_time_and_keeps_its_order():
    time, order = VirtualTime(), []

    async def wait(seconds):
        await asyncio.sleep(seconds)
        order.append((seconds, time.seconds))

    async def main():
        async with asyncio.TaskGroup() as group:
            for seconds in (3600, 60, 86400):
                group.create_task(wait(seconds))

    begun = time.now()
    time.run(main())
    assert order == [(60, 60.0), (3600, 3600.0), (86400, 86400.0)]
    assert (time.now() - begun).days == 1


def test_time_goes_on_in_the_next_run():
    time = VirtualTime()
    for _ in range(2):
        time.run(asyncio.sleep(5))
    assert time.seconds == 10


def test_waiting_for_what_can_never_come_is_an_error():
    async def main():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing is left to happen"):
        VirtualTime().run(main())
