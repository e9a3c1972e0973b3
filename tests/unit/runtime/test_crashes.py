"""Whatever happens to one call, also the operator's death, the end is the same and nothing is done twice."""

import asyncio

import pytest
from dying import Dying, killed, operate

from kdlib.errors import UnreachableError, api_error
from kdlib.wire import KD_CLUSTER

PACKAGE = "file:///opt/test/shell.tgz"


class Faulty:
    """A Transport to one of whose calls something happens."""

    def __init__(self, inner, faulty_call, fault):
        self.inner, self.faulty_call, self.fault = inner, faulty_call, fault
        self.calls, self.dead = 0, asyncio.Event()

    async def request(self, request):
        if "/events" in request.path or not self.is_faulty():
            return await self.inner.request(request)
        match self.fault:
            case "lost":
                raise UnreachableError("lost")
            case "unanswered":
                await self.inner.request(request)
                raise UnreachableError("unanswered")
            case "refused":
                raise api_error(500, "InternalError", "refused")
            case "throttled":
                raise api_error(429, "TooManyRequests", "later", details={"retryAfterSeconds": 7})
            case "twice":
                await self.inner.request(request)
            case "delayed":
                await asyncio.sleep(20)
        return await self.inner.request(request)

    def watch(self, request):
        return self.inner.watch(request)

    def exec(self, request):
        return FaultyExec(self.inner.exec(request), self.fault) if self.is_faulty() else self.inner.exec(request)

    def is_faulty(self):
        self.calls += 1
        return self.calls == self.faulty_call

    async def close(self):
        pass


class FaultyExec:
    """An exec that is refused, or whose connection is cut while it runs."""

    def __init__(self, context, fault):
        self.context, self.fault = context, fault

    async def __aenter__(self):
        match self.fault:
            case "lost":
                raise UnreachableError("lost")
            case "refused" | "throttled":
                raise api_error(500, "InternalError", "refused")
            case "delayed":
                await asyncio.sleep(20)
        self.stream = await self.context.__aenter__()
        return self

    async def __aexit__(self, *error):
        return await self.context.__aexit__(*error)

    async def send(self, data):
        if self.fault == "twice":
            await self.stream.send(data[: len(data) // 2])
            raise UnreachableError("cut while sending")
        await self.stream.send(data)

    async def close_stdin(self):
        await self.stream.close_stdin()

    async def __aiter__(self):
        async for item in self.stream:
            if self.fault == "unanswered":
                raise UnreachableError("cut")
            yield item

    async def exit_code(self):
        return await self.stream.exit_code()


def told(value):
    """The status without what differs from one run to another: container IDs and times."""
    hidden = ("lastConfiguredContainer", "configuringContainer", "generationUID", "lastTransitionTime")
    match value:
        case dict():
            return {key: told(item) for key, item in value.items() if key not in hidden}
        case list():
            return [told(item) for item in value]
    return value


async def life(world, made, members, transport):
    """Create, grow, shrink and delete a cluster; return what was there after each step, and the calls made."""
    task = asyncio.create_task(operate(world, transport))
    snapshots = []

    async def settled(**counts):
        await world.until(world.configured(**counts))
        await asyncio.sleep(60)
        assert world.configured(**counts)()
        snapshots.append((told(world.status()), world.left(), sorted((pod, run) for pod, _, run in members.runs)))

    try:
        world.create(made.app("shell", PACKAGE), made.cluster(app="shell", tails=1))
        await settled(head=1, tail=1)
        world.change(tail=2)
        await settled(head=1, tail=2)
        world.change(tail=1)
        await settled(head=1, tail=1)
        world.registry.delete(KD_CLUSTER, "default", "c1")
        await world.until(lambda: not world.left())
    finally:
        await killed(task)
    assert len(members.runs) == len(set(members.runs)), "no script was run twice for one thing"
    return snapshots, transport.calls


def lived(play, made, transport):
    """Live the life over the transport that is made from a world's own; return snapshots and the number of calls."""
    members = made.members()

    async def scenario(world):
        return await life(world, made, members, transport(world.transport()))

    return play(scenario, members)


@pytest.fixture(scope="module")
def known():
    return {}


@pytest.fixture
def undisturbed(play, made, known):
    """What is there after each step of the life without a fault."""
    if not known:
        known["snapshots"], known["calls"] = lived(play, made, lambda inner: Faulty(inner, 0, ""))
        assert CALLS - 10 < known["calls"] < CALLS
    return known["snapshots"]


CALLS = 44
"""A few more calls than the undisturbed life makes."""

FAULTS = ("lost", "unanswered", "refused", "throttled", "twice", "delayed")


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, CALLS, 9))
def test_w29_the_end_is_the_same_wherever_the_operator_died(play, made, undisturbed, call, takes_effect):
    snapshots, _ = lived(play, made, lambda inner: Dying(inner, call, takes_effect=takes_effect))
    assert snapshots == undisturbed


@pytest.mark.parametrize(("call", "fault"), [(call, FAULTS[call // 5 % len(FAULTS)]) for call in range(1, CALLS, 5)])
def test_the_end_is_the_same_whatever_happened_to_one_call(play, made, undisturbed, call, fault):
    snapshots, _ = lived(play, made, lambda inner: Faulty(inner, call, fault))
    assert snapshots == undisturbed
