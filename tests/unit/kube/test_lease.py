"""A lease is held by one process at a time: whoever dies, stands still, is cut off, or has another clock."""

import asyncio
import itertools
import random
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import pytest

from kdlib.errors import UnreachableError, WorldError, api_error
from kdlib.kube import Api, Lease, LeaseSettings
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.testing import VirtualTime
from kdlib.wire import CONFIG_MAP, LEASE, Ref

REF = Ref(LEASE, "kd", "kubedirector")
MINUTE = 60.0


class Line:
    """A transport that can be cut, hang, lose the answers to writes, or refuse a verb; counts what was sent."""

    def __init__(self, inner):
        self._inner = inner
        self.cut = self.hangs = self.loses = False
        self.refuses = ()
        self.sent = []

    async def request(self, request):
        self._strike(request.method)
        self.sent.append(request.method)
        if self.hangs:
            await anyio.sleep_forever()
        answer = await self._inner.request(request)
        if self.loses and request.method != "GET":
            raise UnreachableError("the answer was lost", cause="cut")
        return answer

    @asynccontextmanager
    async def watch(self, request):
        self._strike("WATCH")
        self.sent.append("WATCH")
        async with self._inner.watch(request) as events:
            yield self._living(events)

    async def _living(self, events):
        async for event in events:
            if self.cut or self.hangs:
                await anyio.sleep_forever()
            yield event

    def _strike(self, verb):
        if self.cut:
            raise UnreachableError("no answer", cause="no answer")
        if verb in self.refuses:
            raise api_error(403, "Forbidden", f"leases is forbidden: User cannot {verb} resource")


class Daemon:
    """One process with its lease, its line to the server, and its clocks."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.line = Line(LocalTransport(world.registry))
        self.asleep_seconds = 0.0
        self.skew = timedelta()
        self.terms = []
        self.api = Api(self.line, name=name)
        settings = LeaseSettings(
            clock=self.uptime, now=lambda: world.time.now() + self.skew, remedy="ask for the right"
        )
        self.lease = Lease(self.api, REF, name, settings=settings)
        self.scope = anyio.CancelScope()

    def uptime(self):
        return self.world.time.seconds + self.asleep_seconds

    async def run(self):
        with self.scope:
            async with anyio.create_task_group() as group:
                group.start_soon(self._follow)
                await self.lease.run()

    async def _follow(self):
        while True:
            await self.lease.opened()
            begun = self.world.time.seconds
            await self.lease.closed()
            self.terms.append((begun, self.world.time.seconds))

    def kill(self):
        """End it so that nothing is sent any more."""
        self.line.cut = True
        self.scope.cancel()


class World:
    def __init__(self, time, group):
        self.time = time
        self.registry = Registry(time.now, map("uid-{}".format, itertools.count()).__next__)
        self.registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kd"}})
        self._group = group

    def start(self, name):
        daemon = Daemon(self, name)
        self._group.start_soon(daemon.run)
        return daemon

    def spec(self):
        return self.registry.get(LEASE, "kd", "kubedirector")["spec"]

    async def after(self, seconds):
        await anyio.sleep(seconds)

    async def until_held(self, daemon, seconds):
        """Wait until the daemon holds the lease; return how long that took."""
        begun = self.time.seconds
        with anyio.fail_after(seconds):
            await daemon.lease.opened()
        return self.time.seconds - begun


@pytest.fixture
def play():
    """Play a scenario in virtual time."""

    def played(scenario):
        time = VirtualTime()

        async def run():
            async with anyio.create_task_group() as group:
                await scenario(World(time, group))
                group.cancel_scope.cancel()

        time.run(run())

    return played


async def two(world):
    """Start a leader and then a standby."""
    first = world.start("first")
    await world.until_held(first, 1)
    second = world.start("second")
    await world.after(5)
    assert (first.lease.is_held, second.lease.is_held) == (True, False)
    return first, second


def test_w39_a_free_lease_is_taken_at_once_and_tells_who_has_it(play):
    async def scenario(world):
        first = world.start("first")
        assert await world.until_held(first, 0.5) < 0.1
        spec = world.spec()
        assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("first", 10, 0)
        first.lease.check()

    play(scenario)


def test_a_standby_never_acts_while_the_leader_renews_and_asks_for_nothing(play):
    async def scenario(world):
        first, second = await two(world)
        second.line.sent.clear()
        await world.after(10 * MINUTE)
        assert (len(first.terms), first.lease.is_held, second.terms, second.lease.is_held) == (0, True, [], False)
        assert set(second.line.sent) <= {"WATCH"}
        assert len(second.line.sent) <= 4
        with pytest.raises(WorldError, match="does not hold"):
            second.lease.check()

    play(scenario)


def test_a_leader_sends_one_request_each_two_seconds_and_nothing_else(play):
    async def scenario(world):
        first = world.start("first")
        await world.after(1)
        first.line.sent.clear()
        await world.after(10 * MINUTE)
        assert set(first.line.sent) == {"PATCH"}
        assert len(first.line.sent) <= 301

    play(scenario)


def test_after_a_hard_kill_another_acts_within_15_seconds(play):
    async def scenario(world):
        first, second = await two(world)
        first.kill()
        assert await world.until_held(second, 15) <= 11
        assert world.spec()["leaseTransitions"] == 1

    play(scenario)


def test_after_a_graceful_stop_another_acts_within_2_seconds(play):
    async def scenario(world):
        first, second = await two(world)
        first.scope.cancel()
        assert await world.until_held(second, 2) < 0.5

    play(scenario)


def test_a_lease_is_given_back_though_the_end_comes_in_the_middle_of_a_renewal(play):
    async def scenario(world):
        first, second = await two(world)
        first.line.loses = True
        await world.after(2.5)
        first.line.loses = False
        first.scope.cancel()
        assert await world.until_held(second, 2) < 0.5

    play(scenario)


@pytest.mark.parametrize("trouble", ["cut", "hangs"])
def test_a_leader_that_is_cut_off_stops_before_another_begins(play, trouble):
    async def scenario(world):
        first, second = await two(world)
        begun = world.time.seconds
        setattr(first.line, trouble, True)
        await world.until_held(second, 15)
        (term,) = first.terms
        assert term[1] - begun <= 6.0
        assert world.time.seconds - term[1] >= 3.0

    play(scenario)


def test_a_leader_that_stood_still_changes_nothing_from_its_first_moment_on(play):
    async def scenario(world):
        first, second = await two(world)
        # The machine slept: its event loop notices nothing, its uptime went on.
        first.asleep_seconds += MINUTE
        with pytest.raises(WorldError, match="changes nothing"):
            first.lease.check()
        await world.after(3)
        assert len(first.terms) == 1
        # Nobody took it meanwhile, so it may go on, in a new term.
        assert first.lease.is_held != second.lease.is_held

    play(scenario)


@pytest.mark.parametrize("hours", [-5, 5])
def test_expiry_does_not_depend_on_what_time_others_have(play, hours):
    async def scenario(world):
        first = world.start("first")
        first.skew = timedelta(hours=hours)
        await world.until_held(first, 1)
        second = world.start("second")
        await world.after(2 * MINUTE)
        assert (first.terms, second.terms, second.lease.is_held) == ([], [], False)
        first.kill()
        await world.until_held(second, 15)

    play(scenario)


def test_a_renewal_whose_answer_is_lost_is_read_back(play):
    async def scenario(world):
        first, _ = await two(world)
        first.line.loses = True
        await world.after(3)
        first.line.loses = False
        await world.after(MINUTE)
        assert (first.terms, first.lease.is_held) == ([], True)

    play(scenario)


def test_a_lease_that_somebody_deletes_changes_no_leader(play):
    async def scenario(world):
        first, second = await two(world)
        world.registry.delete(LEASE, "kd", "kubedirector")
        await world.after(MINUTE)
        assert (first.terms, first.lease.is_held, second.terms, second.lease.is_held) == ([], True, [], False)
        assert world.spec()["holderIdentity"] == "first"

    play(scenario)


def test_a_leader_gives_way_to_whoever_is_named_in_the_lease(play):
    async def scenario(world):
        first, second = await two(world)
        await Api(LocalTransport(world.registry)).merge_patch(REF, {"spec": {"holderIdentity": "stranger"}})
        await world.after(4)
        assert (len(first.terms), first.lease.is_held, second.lease.is_held) == (1, False, False)
        await world.after(10)
        assert first.lease.is_held != second.lease.is_held

    play(scenario)


def test_missing_rights_are_told_once_with_what_to_do_and_waited_for(play, caplog):
    async def scenario(world):
        first = Daemon(world, "first")
        first.line.refuses = ("GET",)
        world._group.start_soon(first.run)
        await world.after(MINUTE)
        told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        refusal = "leases is forbidden: User cannot GET resource"
        assert told == [f"first: Lease kd/kubedirector: {refusal}; ask for the right; tried again"]
        first.line.refuses = ()
        await world.until_held(first, 15)

    play(scenario)


def test_a_missing_namespace_is_told_and_waited_for(play, caplog):
    async def scenario(world):
        registry = Registry(world.time.now, lambda: "uid")
        daemon = Daemon(world, "first")
        daemon.line._inner = LocalTransport(registry)
        world._group.start_soon(daemon.run)
        await world.after(MINUTE)
        (told,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert 'namespaces "kd" not found; ask for the right' in told
        registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kd"}})
        await world.until_held(daemon, 15)

    play(scenario)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_strikes_never_two_act_and_in_the_end_one_does(play, seed):
    async def scenario(world):
        dice = random.Random(seed)
        daemons = [world.start(name) for name in ("a", "b", "c")]
        most = 0
        for _ in range(600):
            victim = dice.choice(daemons)
            match dice.randrange(12):
                case 0:
                    victim.line.cut = not victim.line.cut
                case 1:
                    victim.line.hangs = not victim.line.hangs
                case 2:
                    victim.line.loses = not victim.line.loses
                case 3:
                    victim.asleep_seconds += dice.uniform(0, 20)
            most = max(most, sum(daemon.lease.is_held for daemon in daemons))
            await world.after(dice.uniform(0, 2))
            most = max(most, sum(daemon.lease.is_held for daemon in daemons))
        assert most == 1
        for daemon in daemons:
            daemon.line.cut = daemon.line.hangs = daemon.line.loses = False
        await world.after(MINUTE)
        assert sum(daemon.lease.is_held for daemon in daemons) == 1

    play(scenario)


def test_what_was_begun_in_a_term_changes_nothing_in_a_later_one(play):
    async def scenario(world):
        first = world.start("first")
        term, later = first.lease.term(), first.lease.term()
        with pytest.raises(WorldError, match="does not hold"):
            term.check()
        await term.opened()
        term.check()
        first.asleep_seconds += MINUTE
        await world.after(5)
        assert (first.lease.is_held, first.lease.terms) == (True, 2)
        with pytest.raises(WorldError, match="is over"):
            term.check()
        await term.opened()
        with pytest.raises(WorldError, match="is over"):
            term.check()
        await later.opened()
        later.check()

    play(scenario)


async def test_through_a_closed_gate_nothing_is_changed_and_everything_is_read():
    registry = Registry(VirtualTime().now, lambda: "uid")
    lease = Lease(Api(LocalTransport(registry)), REF, "me")
    line = Line(LocalTransport(registry))
    guarded = Api(line, name="east").guarded(lease)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "default"}}
    with pytest.raises(WorldError, match="does not hold"):
        await guarded.create(config)
    with pytest.raises(WorldError, match="does not hold"):
        await guarded.delete(Ref(CONFIG_MAP, "default", "c"))
    assert line.sent == []
    assert (await guarded.list(CONFIG_MAP)).items == ()
    assert guarded.name == "east"
    assert not guarded.gate.is_held
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await guarded.gate.opened()
