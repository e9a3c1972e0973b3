"""W-42: a paused cluster is looked at and left alone; resumed, it goes on from where it is. In virtual time."""

import asyncio

from kdlib.wire import KD_CLUSTER, POD, SERVICE, STATEFUL_SET

PACKAGE = "file:///opt/test/shell.tgz"


def pause(world, paused=True):
    world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"paused": paused or None}})


def condition(world, kind):
    found = world.status().get("conditions") or ()
    return next((item for item in found if item["type"] == kind), {})


def beyond_status(transport):
    return [write for write in transport.writes if not write[1].endswith("/status")]


def test_w42_a_paused_cluster_is_left_alone_whatever_happens_to_it(play, made):
    members = made.members()

    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app("shell", PACKAGE), made.cluster(app="shell", tails=2))
            await world.until(world.configured(head=1, tail=2))
            pause(world)
            await world.until(lambda: condition(world, "Paused").get("status") == "True")
            before, execs = beyond_status(transport), len(transport.execs)
            pod = next(item for item in world.registry.list(POD) if "-0" in item["metadata"]["name"])
            world.change(tail=4)
            world.registry.delete(POD, "default", pod["metadata"]["name"])
            await world.until(lambda: condition(world, "Ready").get("reason") in {"MembersDown", "MembersChanging"})
            await world.until(lambda: len(world.registry.list(POD)) == 3)
            assert (beyond_status(transport), len(transport.execs)) == (before, execs)
            assert condition(world, "Reconciling") | {"reason": "Paused", "status": "False"} == condition(
                world, "Reconciling"
            )
            assert world.states() == {"head": ["configured"], "tail": ["configured"] * 2}
            pause(world, paused=False)
            await world.until(world.configured(head=1, tail=4))
            assert condition(world, "Paused") == {}
            # The container that was lost meanwhile was set up again, and once.
            assert members.of(pod["metadata"]["name"]).count("--configure") == 2

    play(scenario, members)


def test_a_cluster_that_is_paused_from_the_start_waits_without_an_object(play, made):
    async def scenario(world):
        async with world.operating():
            wanted = made.cluster()
            wanted["spec"]["paused"] = True
            world.create(made.app(), wanted)
            await world.until(lambda: condition(world, "Paused"))
            assert "kdd resume c1 -n default" in condition(world, "Paused")["message"]
            assert condition(world, "Ready")["status"] == "False"
            assert [item for item in world.registry.list(SERVICE) if item["metadata"]["name"] != "kubernetes"] == []
            assert list(world.registry.list(STATEFUL_SET)) == []
            pause(world, paused=False)
            await world.until(world.configured(head=1, tail=2))

    play(scenario)


def test_a_paused_cluster_can_be_deleted(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            pause(world)
            await world.until(lambda: condition(world, "Paused"))
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not world.left())

    play(scenario)


def test_a_settled_cluster_that_is_paused_sends_nothing(play, made):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app("shell", PACKAGE), made.cluster(app="shell"))
            await world.until(world.configured(head=1, tail=2))
            pause(world)
            await world.until(lambda: condition(world, "Paused"))
            await world.until(lambda: condition(world, "Ready").get("status") == "True")
            sent = len(transport.requests)
            await asyncio.sleep(600)
            assert len(transport.requests) == sent

    play(scenario, made.members())


def test_a_refused_spec_that_is_paused_says_both(play, made):
    async def scenario(world):
        async with world.operating():
            wanted = made.cluster(app="nowhere")
            wanted["spec"]["paused"] = True
            world.create(wanted)
            await world.until(lambda: condition(world, "Stalled").get("reason") == "Refused")
            assert condition(world, "Paused")["status"] == "True"
            pause(world, paused=False)
            await world.until(lambda: not condition(world, "Paused"))
            assert condition(world, "Stalled")["reason"] == "Refused"

    play(scenario)
