"""A fleet whose sites come, change and go: of one name one runs at a time, and no other notices."""

import asyncio
import contextlib
import itertools
from contextlib import asynccontextmanager

import anyio
import pytest

from kdlib.errors import RefusedError, WorldError
from kdlib.kube import Api, Backoff, Lease, LeaseSettings
from kdlib.runtime import Crew, Fleet, Site, run_fleet
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.testing import VirtualTime
from kdlib.wire import CONFIG_MAP, LEASE, Ref


class Worked:
    """Sites whose work takes a while to end; remembers what began and ended."""

    def __init__(self):
        self.told = []
        self.running = []
        self.slow = 0.0

    def site(self, name, kind="a", error=None):
        @asynccontextmanager
        async def connect():
            if error is not None:
                raise error
            yield f"{name}/{kind}"

        return Site(name, connect)

    def crew(self):
        return Crew(lambda api: (self.service(api),))

    def service(self, api):
        worked = self

        class Service:
            async def run(self):
                worked.told.append(f"+{api}")
                worked.running.append(api)
                try:
                    await anyio.sleep_forever()
                finally:
                    with anyio.CancelScope(shield=True):
                        await anyio.sleep(worked.slow)
                    worked.running.remove(api)
                    worked.told.append(f"-{api}")

        return Service()


@pytest.fixture
def play():
    def played(scenario):
        async def run():
            worked = Worked()
            fleet = Fleet(worked.crew(), backoff=Backoff(1.0, 2.0, jitter=0.0))
            task = asyncio.ensure_future(fleet.run())
            try:
                await scenario(worked, fleet)
            finally:
                task.cancel()
                await asyncio.wait({task})
            assert worked.running == []

        VirtualTime().run(run())

    return played


def test_sites_come_and_go_while_others_go_on(play):
    async def scenario(worked, fleet):
        fleet.put(worked.site("east"))
        await asyncio.sleep(1)
        fleet.put(worked.site("west"))
        await asyncio.sleep(1)
        fleet.drop("west")
        fleet.drop("nobody")
        await asyncio.sleep(1)
        fleet.put(worked.site("west"))
        await asyncio.sleep(1)
        assert worked.told == ["+east/a", "+west/a", "-west/a", "+west/a"]

    play(scenario)


def test_a_changed_site_begins_when_the_former_one_has_ended(play):
    async def scenario(worked, fleet):
        worked.slow = 5.0
        for kind in ("a", "b", "c"):
            fleet.put(worked.site("east", kind))
            await asyncio.sleep(1)
        await asyncio.sleep(30)
        # The second one was told to go before its turn came.
        assert worked.told == ["+east/a", "-east/a", "+east/c"]
        fleet.drop("east")
        fleet.put(worked.site("east", "d"))
        await asyncio.sleep(1)
        assert worked.running == ["east/c"]
        await asyncio.sleep(30)
        assert worked.running == ["east/d"]

    play(scenario)


def test_a_site_without_credentials_is_told_once_and_keeps_nobody_waiting(play, caplog):
    async def scenario(worked, fleet):
        fleet.put(worked.site("west", error=RefusedError("Secret kd/west", [])))
        fleet.put(worked.site("east"))
        await asyncio.sleep(60)
        assert worked.running == ["east/a"]
        assert len([record for record in caplog.records if "west" in record.getMessage()]) == 1
        fleet.put(worked.site("west"))
        await asyncio.sleep(5)
        assert sorted(worked.running) == ["east/a", "west/a"]

    play(scenario)


def test_work_that_ends_slowly_changes_nothing_once_its_term_is_over_and_the_lease_is_given_back_last():
    time, registry = VirtualTime(), Registry(VirtualTime().now, map("uid-{}".format, itertools.count()).__next__)
    registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kd"}})
    asleep, told, at_the_end = [0.0], [], []

    def lease(api):
        clock = LeaseSettings(clock=lambda: time.seconds + asleep[0])
        return Lease(api, Ref(LEASE, "kd", "l"), "me", settings=clock)

    def holder():
        return registry.get(LEASE, "kd", "l")["spec"]["holderIdentity"]

    class Service:
        def __init__(self, api):
            self._api, self._name = api, f"c{len(told)}"
            told.append(self._name)

        async def write(self, name):
            await self._api.create(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kd"}}
            )

        async def run(self):
            await self._api.gate.opened()
            await self.write(f"{self._name}-begin")
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    # By then the lease is held again, by the same process.
                    await anyio.sleep(3)
                    at_the_end.append(holder())
                    with contextlib.suppress(WorldError):
                        await self.write(f"{self._name}-end")

    @asynccontextmanager
    async def connect():
        yield Api(LocalTransport(registry), name="east")

    async def run():
        crew = Crew(lambda api: (Service(api),), lease=lease)
        task = asyncio.ensure_future(run_fleet([Site("east", connect)], crew))
        await asyncio.sleep(5)
        asleep[0] += 60.0
        await asyncio.sleep(20)
        task.cancel()
        await asyncio.wait({task})

    time.run(run())
    made = [item["metadata"]["name"] for item in registry.list(CONFIG_MAP, "kd") if item["metadata"]["name"][0] == "c"]
    assert sorted(made) == ["c0-begin", "c1-begin", "c1-end"]
    assert at_the_end == ["me", "me"]
    assert holder() == ""
