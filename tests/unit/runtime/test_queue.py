"""WorkQueue: each key once, none twice at a time, failures later and later."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.kube import Backoff
from kdlib.runtime import WorkQueue


@pytest.fixture
def queue():
    return WorkQueue(backoff=Backoff(0.01, 0.04), dice=lambda: 0.0)


async def taken(queue):
    return await asyncio.wait_for(queue.get(), 2)


async def nothing(queue):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.005)


async def test_a_key_that_waits_is_not_added_again(queue):
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert [await taken(queue), await taken(queue)] == ["a", "b"]
    await nothing(queue)


async def test_a_key_is_never_given_to_two_workers_at_once(queue):
    queue.add("a")
    assert await taken(queue) == "a"
    queue.add("a")
    await nothing(queue)
    queue.done("a")
    assert await taken(queue) == "a"


async def test_a_key_added_many_times_during_its_work_is_given_once_more(queue):
    queue.add("a")
    await taken(queue)
    for _ in range(5):
        queue.add("a")
    queue.done("a")
    await taken(queue)
    queue.done("a")
    await nothing(queue)


async def test_a_key_is_not_given_again_before_it_had_its_rest(queue):
    queue.add("a")
    await taken(queue)
    queue.add("a")
    queue.done("a", rest_seconds=0.02)
    queue.add("b")
    assert await taken(queue) == "b"
    queue.done("b")
    await nothing(queue)
    assert await taken(queue) == "a"
    queue.done("a")
    assert queue.is_idle


async def test_a_later_key_comes_at_the_earliest_of_its_times(queue):
    queue.add_after("a", 30)
    queue.add_after("a", 0.01)
    queue.add_after("a", 60)
    assert await taken(queue) == "a"
    queue.done("a")
    assert queue.is_idle


async def test_what_a_key_was_due_for_later_is_over_once_it_is_taken(queue):
    queue.add_after("a", 30)
    queue.add("a")
    await taken(queue)
    queue.done("a")
    assert queue.is_idle


async def test_failures_in_a_row_wait_longer_until_a_success(queue):
    assert [queue.retry("a") for _ in range(4)] == [0.01, 0.02, 0.04, 0.04]
    assert queue.retry("b") == 0.01
    queue.succeeded("a")
    assert queue.retry("a") == 0.01
    assert queue.retry("a", at_least_seconds=7) == 7
    queue.close()


async def test_a_change_does_not_wait_for_the_back_off(queue):
    queue.retry("a", at_least_seconds=60)
    queue.add("a")
    assert await taken(queue) == "a"
    queue.done("a")


async def test_a_closed_queue_gives_none_to_every_worker_and_takes_nothing(queue):
    queue.add("a")
    queue.add_after("b", 0.001)
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.close()
    results = await asyncio.gather(*waiting)
    assert results.count(None) >= 2
    queue.add("c")
    queue.add_after("c", 0.001)
    assert await taken(queue) is None
    assert len(queue) == 0


@given(st.lists(st.sampled_from(["add a", "add b", "take", "done a", "done b"]), max_size=40))
def test_no_key_is_lost_and_none_is_worked_on_twice_at_a_time(steps):
    async def play():
        queue, worked, owed = WorkQueue(), set(), set()
        for step in steps:
            match step.split():
                case ["add", key]:
                    queue.add(key)
                    owed.add(key)
                case ["take"] if owed - worked:
                    key = await taken(queue)
                    assert key not in worked
                    worked.add(key)
                    owed.discard(key)
                case ["done", key] if key in worked:
                    worked.discard(key)
                    queue.done(key)
        for key in sorted(worked):
            queue.done(key)
        given = set()
        while owed - given:
            given.add(await taken(queue))
        assert given == owed
        assert len(queue) == 0

    asyncio.run(play())
