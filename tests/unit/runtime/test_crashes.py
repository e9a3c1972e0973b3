"""The operator dies at any call it makes, and a fresh one reaches the same end."""

import asyncio

import pytest

from kdlib.wire import KD_CLUSTER


class Dying:
    """A Transport whose process dies at one of its calls: just before it takes effect, or just after."""

    def __init__(self, inner, last_call, *, takes_effect):
        self.inner, self.last_call, self.takes_effect = inner, last_call, takes_effect
        self.calls, self.dead = 0, asyncio.Event()

    async def request(self, request):
        if request.method == "GET" and not request.path.rpartition("/")[2].startswith("c1"):
            return await self.inner.request(request)
        return await self.passing(lambda: self.inner.request(request))

    async def passing(self, call):
        self.calls += 1
        if self.calls == self.last_call and self.takes_effect:
            await call()
        if self.calls >= self.last_call:
            self.dead.set()
            await asyncio.Event().wait()
        return await call()

    def watch(self, request):
        return self.inner.watch(request)

    def exec(self, request):
        self.calls += 1
        if self.calls >= self.last_call:
            self.dead.set()
            return Never()
        return self.inner.exec(request)

    async def close(self):
        pass


class Never:
    async def __aenter__(self):
        await asyncio.Event().wait()

    async def __aexit__(self, *_):
        pass


async def killed(task):
    task.cancel()
    await asyncio.wait({task})


async def operate(world, transport):
    """Run an operator until it dies, then a fresh one."""
    task = asyncio.create_task(world.controller(transport, grace_seconds=0.0).run())
    try:
        await transport.dead.wait()
        await killed(task)
        task = asyncio.create_task(world.controller(world.transport()).run())
        await asyncio.Event().wait()
    finally:
        await killed(task)


def told(value):
    """The status without what differs from one run to another: container IDs and times."""
    hidden = ("lastConfiguredContainer", "configuringContainer", "generationUID", "lastTransitionTime")
    match value:
        case dict():
            return {key: told(item) for key, item in value.items() if key not in hidden}
        case list():
            return [told(item) for item in value]
    return value


async def life(world, made, transport):
    """Create, grow, shrink and delete a cluster; return what was there after each step, and the calls made."""
    task = asyncio.create_task(operate(world, transport))
    snapshots = []

    async def settled(**members):
        await world.until(world.configured(**members))
        await asyncio.sleep(20)
        snapshots.append((told(world.status()), world.left()))

    try:
        world.create(made.app(), made.cluster(tails=1))
        await settled(head=1, tail=1)
        world.change(tail=2)
        await settled(head=1, tail=2)
        world.change(tail=0)
        await settled(head=1)
        world.registry.delete(KD_CLUSTER, "default", "c1")
        await world.until(lambda: not world.left())
    finally:
        await killed(task)
    return snapshots, transport.calls


def lived(play, made, last_call, *, takes_effect):
    async def scenario(world):
        return await life(world, made, Dying(world.transport(), last_call, takes_effect=takes_effect))

    return play(scenario)


@pytest.fixture(scope="module")
def undisturbed():
    return {}


CALLS = 48
"""More calls than the undisturbed life makes."""


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last_call", range(1, CALLS, 7))
def test_the_end_is_the_same_wherever_the_operator_died(play, made, undisturbed, last_call, takes_effect):
    if not undisturbed:
        snapshots, calls = lived(play, made, 10_000, takes_effect=True)
        assert calls < CALLS
        undisturbed["snapshots"] = snapshots
    snapshots, _ = lived(play, made, last_call, takes_effect=takes_effect)
    assert snapshots == undisturbed["snapshots"]
