"""TaskSupervisor: work inside members is bounded, once at a time, taken up again, and cancelled when unwanted."""

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import anyio
import pytest
from waiting import until

from kdlib.errors import UnreachableError
from kdlib.kube import Backoff
from kdlib.model import Finished, GuestFact, Stalled, UnderWay
from kdlib.reconcile import Work, WorkId
from kdlib.runtime import SupervisorSettings, TaskSupervisor

QUICK = Backoff(0.001, 0.002)


def operation_is_slow(work_id):
    return work_id.operation == "notify-slow"


class Member:
    """Operations that end when they are told to, and remember how often they were begun."""

    def __init__(self):
        self.begun, self.running, self.most = [], set(), 0
        self.gates: dict[WorkId, asyncio.Event] = {}
        self.results: dict[WorkId, list] = {}

    def work(self, operation="setup-1", pod="p-0", container="c1"):
        work_id = WorkId(pod, container, operation)
        self.gates.setdefault(work_id, asyncio.Event())
        return Work(work_id, lambda progress: self.run(work_id, progress))

    async def run(self, work_id, progress):
        self.begun.append(work_id)
        self.running.add(work_id)
        self.most = max(self.most, len(self.running))
        try:
            script = self.results.get(work_id)
            if script:
                result = script.pop(0)
                if isinstance(result, Exception):
                    raise result
                return GuestFact(*work_id, result)
            if operation_is_slow(work_id):
                progress(GuestFact(*work_id, Stalled("slow")))
            await self.gates[work_id].wait()
            return GuestFact(*work_id, Finished(0))
        finally:
            self.running.discard(work_id)

    def end(self, work):
        self.gates[work.id].set()


@pytest.fixture
def member():
    return Member()


@asynccontextmanager
async def supervising(**options):
    woken: asyncio.Queue = asyncio.Queue()
    async with anyio.create_task_group() as group:
        settings = SupervisorSettings(**{"backoff": QUICK, "dice": lambda: 0.0, **options})
        yield TaskSupervisor(group, woken.put_nowait, settings=settings), woken
        group.cancel_scope.cancel()


async def test_a_result_wakes_its_cluster_and_is_kept_for_the_next_pass(member):
    async with supervising() as (supervisor, woken):
        work = member.work()
        supervisor.want("k", [work], recorded=True)
        assert supervisor.facts("k") == ()
        member.end(work)
        assert await woken.get() == "k"
        assert supervisor.facts("k") == (GuestFact(*work.id, Finished(0)),)
        assert supervisor.facts("other") == ()


async def test_an_operation_wanted_again_and_again_is_done_once(member):
    async with supervising() as (supervisor, woken):
        work = member.work()
        for _ in range(3):
            supervisor.want("k", [member.work()], recorded=True)
            await asyncio.sleep(0)
        member.end(work)
        await woken.get()
        supervisor.want("k", [member.work()], recorded=True)
        await asyncio.sleep(0.01)
        assert member.begun == [work.id]


async def test_what_is_wanted_no_more_is_cancelled_and_forgotten(member):
    async with supervising() as (supervisor, _):
        old, new = member.work("setup-1", container="c1"), member.work("setup-2", container="c2")
        supervisor.want("k", [old], recorded=True)
        await until(lambda: member.running == {old.id})
        supervisor.want("k", [new], recorded=False)
        await until(lambda: member.running == {new.id})
        assert supervisor.facts("k") == ()
        assert len(supervisor) == 1


async def test_a_result_is_kept_until_what_it_led_to_is_recorded(member):
    async with supervising() as (supervisor, woken):
        work = member.work()
        supervisor.want("k", [work], recorded=True)
        member.end(work)
        await woken.get()
        supervisor.want("k", [], recorded=False)
        assert len(supervisor.facts("k")) == 1
        supervisor.want("k", [], recorded=True)
        assert supervisor.facts("k") == ()


async def test_a_stalled_operation_is_taken_up_again_while_it_is_wanted(member):
    async with supervising() as (supervisor, woken):
        work = member.work()
        member.results[work.id] = [Stalled("a"), Stalled("a"), UnreachableError("b"), Finished(3)]
        supervisor.want("k", [work], recorded=True)
        results = []
        while not results or not isinstance(results[-1], Finished):
            await woken.get()
            results.append(supervisor.facts("k")[0].result)
        assert results[-1] == Finished(3)
        assert len(member.begun) == 4


async def test_what_is_known_before_the_end_is_told_at_once(member):
    async with supervising() as (supervisor, woken):
        work = member.work("notify-slow")
        supervisor.want("k", [work], recorded=True)
        await woken.get()
        assert supervisor.facts("k")[0].result == Stalled("slow")
        assert member.running == {work.id}
        member.end(work)
        await woken.get()
        assert supervisor.facts("k")[0].result == Finished(0)
        assert member.begun == [work.id]


async def test_the_same_stall_wakes_nobody_twice(member):
    async with supervising() as (supervisor, woken):
        work = member.work()
        member.results[work.id] = [Stalled("a")] * 5
        supervisor.want("k", [work], recorded=True)
        await until(lambda: len(member.begun) >= 6)
        assert woken.qsize() == 1


async def test_a_stalled_operation_that_is_unwanted_is_not_taken_up_again(member):
    async with supervising(backoff=Backoff(0.02, 0.02)) as (supervisor, woken):
        work = member.work()
        member.results[work.id] = [Stalled("a"), Stalled("b")]
        supervisor.want("k", [work], recorded=True)
        await woken.get()
        supervisor.want("k", [], recorded=False)
        await asyncio.sleep(0.04)
        assert len(member.begun) == 1
        assert supervisor.facts("k") == ()


async def test_an_operation_that_never_ends_is_stalled_after_its_time_limit(member):
    async with supervising(limit_seconds=0.01) as (supervisor, woken):
        work = member.work()
        supervisor.want("k", [work], recorded=True)
        await woken.get()
        assert supervisor.facts("k")[0].result == Stalled("did not end within 0.01 s")


async def test_a_defect_in_one_operation_stops_no_other(member, caplog):
    async with supervising() as (supervisor, woken):
        bad, good = member.work("setup-1", pod="p-0"), member.work("setup-1", pod="p-1")
        member.results[bad.id] = [KeyError("oops")]
        supervisor.want("k", [bad, good], recorded=True)
        await woken.get()
        member.end(good)
        await until(lambda: any(isinstance(fact.result, Finished) for fact in supervisor.facts("k")))
        assert "unexpected KeyError" in caplog.text


async def test_begin_and_end_of_an_operation_are_one_line_each_whatever_it_stalls(member, caplog):
    caplog.set_level(logging.INFO)
    async with supervising() as (supervisor, woken):
        work = replace(member.work(), logged={"cluster": "ns/a", "correlation": "7"})
        member.results[work.id] = [Stalled("a"), Stalled("b"), Finished(3, detail="no such package")]
        supervisor.want("k", [work], recorded=True)
        while not any(isinstance(fact.result, Finished) for fact in supervisor.facts("k")):
            await woken.get()
    begun, ended = caplog.records
    assert [begun.getMessage(), ended.getMessage()] == ["operation started", "operation finished"]
    for record in (begun, ended):
        assert (record.cluster, record.member, record.operation) == ("ns/a", "p-0", "setup-1")
        assert record.correlation == "7"
    assert (ended.levelname, ended.exit_code, ended.detail) == ("WARNING", 3, "no such package")
    assert ended.seconds >= 0


async def test_w45_work_is_bounded_in_each_cluster_and_in_all(member):
    async with supervising(tasks=5, tasks_per_cluster=2) as (supervisor, _):
        works = {key: [member.work(pod=f"{key}-{index}") for index in range(4)] for key in "abc"}
        supervisor.want("a", works["a"], recorded=True)
        await until(lambda: len(member.running) == 2)
        for key in "bc":
            supervisor.want(key, works[key], recorded=True)
        await until(lambda: len(member.running) == 5)
        assert len(supervisor) == 12
        for work in [work for group in works.values() for work in group]:
            member.end(work)
        await until(lambda: len(member.begun) == 12 and not member.running)
        assert member.most == 5


async def test_a_cluster_that_is_gone_leaves_nothing(member):
    async with supervising() as (supervisor, _):
        supervisor.want("k", [member.work(pod="p-0"), member.work(pod="p-1")], recorded=False)
        await until(lambda: len(member.running) == 2)
        supervisor.forget("k")
        await until(lambda: not member.running)
        assert len(supervisor) == 0
        assert supervisor.facts("k") == ()


async def test_what_merely_goes_on_wakes_its_cluster_once_for_all_of_it(member):
    """A thousand scripts that run an hour cost one pass, and one status, each so many seconds."""
    async with supervising(progress_seconds=0.05) as (supervisor, woken):
        ids = [WorkId(f"p-{number}", "c1", "setup-1") for number in range(20)]

        async def talk(progress, work_id):
            for second in range(50):
                progress(GuestFact(*work_id, UnderWay(second, "still here")))
                await asyncio.sleep(0)
            await anyio.sleep_forever()

        works = [Work(work_id, partial(lambda work_id, progress: talk(progress, work_id), work_id)) for work_id in ids]
        supervisor.want("a", works, recorded=True)
        assert await asyncio.wait_for(woken.get(), 2) == "a"
        assert [fact.result.seconds for fact in supervisor.facts("a")] == [49] * 20
        assert len(supervisor) == 20
        await asyncio.sleep(0.1)
        assert woken.empty()


async def test_what_goes_on_and_is_wanted_no_more_is_cancelled_though_nothing_is_recorded(member):
    async with supervising(progress_seconds=0.01) as (supervisor, woken):
        copy = member.work("storage-init")
        member.results[copy.id] = [UnderWay(words="42%")] * 1000
        supervisor.want("a", [copy], recorded=True)
        await asyncio.wait_for(woken.get(), 2)
        supervisor.want("a", [], recorded=False)
        assert len(supervisor) == 0
        assert supervisor.facts("a") == ()


async def test_while_a_cluster_is_held_what_runs_ends_and_nothing_further_begins(member):
    async with supervising(tasks_per_cluster=1, backoff=Backoff(0.05, 0.05)) as (supervisor, woken):
        running, waiting = member.work("setup-1"), member.work("setup-2")
        supervisor.want("k", [running, waiting], recorded=True)
        await until(lambda: member.running == {running.id})
        supervisor.hold("k")
        member.end(running)
        assert await woken.get() == "k"
        supervisor.hold("k")
        await asyncio.sleep(0.1)
        assert member.begun == [running.id]
        assert supervisor.facts("k") == (GuestFact(*running.id, Finished(0)),)


async def test_while_a_cluster_is_held_what_stalled_is_not_taken_up_again(member):
    async with supervising(backoff=Backoff(0.05, 0.05)) as (supervisor, woken):
        work = member.work()
        member.results[work.id] = [Stalled("a"), Finished(0)]
        supervisor.want("k", [work], recorded=True)
        await woken.get()
        supervisor.hold("k")
        await asyncio.sleep(0.1)
        assert member.begun == [work.id]
        supervisor.want("k", [member.work()], recorded=True)
        await woken.get()
        assert [fact.result for fact in supervisor.facts("k")] == [Finished(0)]
