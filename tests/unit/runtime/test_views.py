"""What watches show may be late, cut, doubled or told to two operators: the end is the same, nothing is done twice."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from kdlib.errors import UnreachableError, api_error
from kdlib.wire import KD_CLUSTER, WatchEvent

PACKAGE = "file:///opt/test/shell.tgz"
GONE = WatchEvent("ERROR", api_error(410, "Expired", "too old resource version").status)


class Watched:
    """A Transport whose watches pass through `through(path, events)`."""

    def __init__(self, inner, through):
        self.inner, self.through = inner, through

    async def request(self, request):
        return await self.inner.request(request)

    @asynccontextmanager
    async def watch(self, request):
        async with self.inner.watch(request) as events:
            yield self.through(request.path, events)

    def exec(self, request):
        return self.inner.exec(request)

    async def close(self):
        await self.inner.close()


async def late(path, events):
    """Children are shown three seconds late, roots at once."""
    async for event in events:
        if "kubedirector" not in path:
            await asyncio.sleep(3)
        yield event


async def late_roots(path, events):
    async for event in events:
        if "kubedirector" in path:
            await asyncio.sleep(3)
        yield event


async def cut(path, events):
    count = 0
    async for event in events:
        yield event
        count += 1
        if count == 3:
            raise UnreachableError("cut")


async def forgotten(path, events):
    count = 0
    async for event in events:
        count += 1
        if count == 3:
            yield GONE
        yield event


async def doubled(path, events):
    async for event in events:
        yield event
        yield event


async def bookmarked(path, events):
    async for event in events:
        yield event
        version = event.object["metadata"]["resourceVersion"]
        yield WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": version}})


async def life(world, made, members):
    async def settled(**counts):
        await world.until(world.configured(**counts))
        await asyncio.sleep(120)
        assert world.configured(**counts)()

    world.create(made.app("shell", PACKAGE), made.cluster(app="shell", tails=1))
    await settled(head=1, tail=1)
    world.change(tail=3)
    await settled(head=1, tail=3)
    world.change(tail=1)
    await settled(head=1, tail=1)
    world.registry.delete(KD_CLUSTER, "default", "c1")
    await world.until(lambda: not world.left())
    assert len(members.runs) == len(set(members.runs)), "no script was run twice for one thing"


@pytest.mark.parametrize("through", [late, late_roots, cut, forgotten, doubled, bookmarked])
def test_a_cluster_lives_its_life_whatever_its_watches_do(play, made, through):
    members = made.members()

    async def scenario(world):
        transport = world.transport()
        async with world.operating(Watched(transport, through)):
            await life(world, made, members)
        return transport.writes

    writes = play(scenario, members)
    assert len(writes) < 45, "a late view makes nobody write again"


def test_two_operators_at_once_do_nothing_twice_and_then_are_silent(play, made):
    members = made.members()

    async def scenario(world):
        async with world.operating() as first, world.operating() as second:
            await life(world, made, members)
            world.create(made.cluster(app="shell", tails=1))
            await world.until(world.configured(head=1, tail=1))
            await asyncio.sleep(60)
            sent = len(first.requests), len(second.requests)
            await asyncio.sleep(3600)
            assert (len(first.requests), len(second.requests)) == sent

    play(scenario, members)
