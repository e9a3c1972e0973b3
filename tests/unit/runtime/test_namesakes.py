"""A cluster that is made under the name of one just deleted takes up nothing that is about to be collected."""

import asyncio

import pytest

from kdlib.frozen import dig
from kdlib.wire import KD_CLUSTER, PERSISTENT_VOLUME_CLAIM, SERVICE, STATEFUL_SET

PACKAGE = "file:///opt/test/shell.tgz"
ANNOTATION = "kubedirector.hpe.com/status-backup-exists"
SLOW_SECONDS = 60.0


def stored(made, size="1Gi"):
    """A cluster whose tails have a claim each; without a size they have none."""
    wanted = made.cluster(app="shell", tails=2)
    wanted["spec"]["roles"][1] |= {"storage": {"size": size}} if size else {}
    return wanted


def uids(world, *kinds):
    found = [item for kind in kinds for item in world.registry.list(kind)]
    return {item["metadata"]["uid"] for item in found if item["metadata"]["name"] != "kubernetes"}


def condition(world, kind):
    found = {item["type"]: item for item in world.status().get("conditions") or ()}
    return found.get(kind, {})


def ready(world):
    return condition(world, "Ready")


async def settled(world, made):
    world.create(made.app("shell", PACKAGE), stored(made))
    await world.until(world.configured(head=1, tail=2))


async def goes_on(world, before):
    """Hold that the cluster stands on what was there, however late the collector comes."""
    await world.until(world.configured(head=1, tail=2))
    await asyncio.sleep(2 * SLOW_SECONDS)
    assert uids(world, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM) == before
    assert world.configured(head=1, tail=2)()


async def deleted_while_the_collector_is_slow(world):
    world.controllers.delay("garbage", SLOW_SECONDS)
    world.registry.delete(KD_CLUSTER, "default", "c1")
    await world.until(lambda: not world.registry.list(KD_CLUSTER))


def test_a_namesake_waits_visibly_until_what_the_former_left_is_collected(play, made):
    """Whatever of its spec is another one; and it sends nothing while it waits."""

    async def scenario(world):
        async with world.operating() as transport:
            await settled(world, made)
            former = uids(world, STATEFUL_SET, SERVICE, PERSISTENT_VOLUME_CLAIM)
            left = min(item["metadata"]["name"] for item in world.registry.list(STATEFUL_SET))
            await deleted_while_the_collector_is_slow(world)
            world.create(stored(made, size=None))
            await world.until(lambda: ready(world))
            assert (ready(world)["status"], ready(world)["reason"]) == ("False", "NamesakeLeaving")
            assert left in ready(world)["message"]
            assert f"kubectl annotate kdcluster c1 {ANNOTATION}=false -n default" in ready(world)["message"]
            sent = len(transport.requests)
            await asyncio.sleep(SLOW_SECONDS / 2)
            assert len(transport.requests) == sent
            assert uids(world, STATEFUL_SET, SERVICE, PERSISTENT_VOLUME_CLAIM) == former
            await world.until(world.configured(head=1, tail=2))
            assert not former & uids(world, STATEFUL_SET, SERVICE, PERSISTENT_VOLUME_CLAIM)
            assert not world.registry.list(PERSISTENT_VOLUME_CLAIM)
            owners = {dig(item, "metadata", "ownerReferences")[0]["uid"] for item in world.registry.list(STATEFUL_SET)}
            assert owners == {world.cluster()["metadata"]["uid"]}

    play(scenario, made.members())


def test_an_operator_that_starts_anew_while_a_namesake_waits_waits_on(play, made):
    async def scenario(world):
        async with world.operating():
            await settled(world, made)
            former = uids(world, STATEFUL_SET)
            await deleted_while_the_collector_is_slow(world)
            world.create(stored(made, size="2Gi"))
            await world.until(lambda: ready(world))
        async with world.operating():
            await world.until(world.configured(head=1, tail=2))
            assert not former & uids(world, STATEFUL_SET)
            sizes = [
                dig(item, "spec", "resources", "requests") for item in world.registry.list(PERSISTENT_VOLUME_CLAIM)
            ]
            assert sizes == [{"storage": "2Gi"}] * 2

    play(scenario, made.members())


def test_a_cluster_that_comes_from_a_backup_takes_up_what_still_names_its_former_self(play, made):
    """RC-41: its annotation tells it from a namesake, and what the tool brought back keeps its data."""

    async def scenario(world):
        async with world.operating():
            await settled(world, made)
            before = uids(world, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM)
            await deleted_while_the_collector_is_slow(world)
            again = stored(made)
            again["metadata"]["annotations"] = {ANNOTATION: "false"}
            world.create(again)
            await goes_on(world, before)

    play(scenario, made.members())


def test_whoever_says_that_a_waiting_cluster_is_the_former_one_has_it_take_up_what_is_there(play, made):
    async def scenario(world):
        async with world.operating():
            await settled(world, made)
            before = uids(world, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM)
            await deleted_while_the_collector_is_slow(world)
            world.create(stored(made))
            await world.until(lambda: ready(world))
            world.registry.patch(KD_CLUSTER, "default", "c1", {"metadata": {"annotations": {ANNOTATION: "false"}}})
            await goes_on(world, before)

    play(scenario, made.members())


@pytest.mark.parametrize(("first", "then"), [("1Gi", None), ("1Gi", "2Gi")], ids=["no claims", "other claims"])
def test_a_set_that_was_taken_up_keeps_what_nobody_can_change_and_says_how_it_is_made_anew(play, made, first, then):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app("shell", PACKAGE), stored(made, size=first))
            await world.until(world.configured(head=1, tail=2))
            before = templates(world)
            world.registry.delete(KD_CLUSTER, "default", "c1", propagation="Orphan")
            await world.until(lambda: not world.registry.list(KD_CLUSTER))
            world.create(stored(made, size=then))
            await world.until(world.configured(head=1, tail=2))
            await world.until(lambda: condition(world, "SetsKept"))
            assert templates(world) == before
            name = world.status()["roles"][1]["statefulSet"]
            assert "keeps its volumeClaimTemplates" in condition(world, "SetsKept")["message"]
            remedy = f"kubectl delete statefulset {name} --cascade=orphan -n default"
            assert remedy in condition(world, "SetsKept")["message"]
            assert (ready(world)["status"], condition(world, "Stalled")["status"]) == ("True", "False")
            await asyncio.sleep(60)
            sent = len(transport.requests)
            await asyncio.sleep(600)
            assert len(transport.requests) == sent
            world.registry.delete(STATEFUL_SET, "default", name, propagation="Orphan")
            await world.until(lambda: not condition(world, "SetsKept"))
            assert templates(world) == ([then] if then else [])

    play(scenario, made.members())


def templates(world):
    """Sizes that the sets of the cluster ask for."""
    found = [item["spec"].get("volumeClaimTemplates") or [] for item in world.registry.list(STATEFUL_SET)]
    return [dig(claim, "spec", "resources", "requests", "storage") for claims in found for claim in claims]
