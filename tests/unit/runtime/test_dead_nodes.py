"""W-42: members on nodes that do not answer wait, or are made elsewhere, as the cluster says. In virtual time."""

import asyncio

import pytest

from kdlib.wire import KD_CLUSTER, POD

GRACE_SECONDS = 30
EVICTED = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}


def pods(world):
    return {item["metadata"]["name"]: item for item in world.registry.list(POD)}


def policy(world, **values):
    world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"deadNodes": values}})


def lose(world, *, evicted=True):
    """Let the node fall silent, and evict a member's pod from it, as the controllers of nodes do; return its UID."""
    name = next(name for name in pods(world) if name.endswith("-1"))
    pod = pods(world)[name]
    if evicted:
        conditions = [*pod["status"]["conditions"], EVICTED]
        pod = world.registry.update({**pod, "status": {**pod["status"], "conditions": conditions}}, "status")
    world.registry.delete(POD, "default", name, grace_seconds=GRACE_SECONDS)
    return name, pod["metadata"]["uid"]


def stalled(world):
    found = world.status().get("conditions") or ()
    return next((item["message"] for item in found if item["type"] == "Stalled" and item["status"] == "True"), "")


@pytest.fixture
def silent(play, made):
    """Play a scenario on a cluster that is configured, and whose only node does not answer any more."""

    def played(scenario):
        async def with_silent_node(world):
            async with world.operating() as transport:
                world.create(made.app(), made.cluster())
                await world.until(world.configured(head=1, tail=2))
                await world.node.__aexit__(None, None, None)
                await scenario(world, transport)

        play(with_silent_node)

    return played


def test_w42_a_member_on_a_dead_node_waits_and_says_what_helps(silent):
    async def scenario(world, transport):
        name, uid = lose(world)
        await asyncio.sleep(GRACE_SECONDS + 10)
        assert stalled(world) == ""
        await world.until(lambda: stalled(world), seconds=30)
        assert f"{name}: its node 'hollow' does not answer, and its pod does not end" in stalled(world)
        assert f"kubectl delete pod {name} -n default --grace-period=0 --force" in stalled(world)
        await asyncio.sleep(7200)
        assert pods(world)[name]["metadata"]["uid"] == uid

    silent(scenario)


def test_w42_a_member_on_a_dead_node_is_replaced_after_its_time_and_not_before(silent):
    async def scenario(world, transport):
        policy(world, action="Replace", afterSeconds=120)
        name, uid = lose(world)
        await asyncio.sleep(GRACE_SECONDS + 100)
        assert pods(world)[name]["metadata"]["uid"] == uid
        assert "it is replaced 120 s after it should have ended" in stalled(world)
        await world.until(lambda: name in pods(world) and pods(world)[name]["metadata"]["uid"] != uid, seconds=60)
        deletes = [write for write in transport.writes if write[0] == "DELETE"]
        assert deletes == [("DELETE", f"/api/v1/namespaces/default/pods/{name}")]
        assert "does not answer" not in stalled(world)

    silent(scenario)


def test_a_pod_that_somebody_else_deleted_is_never_ended_by_force(silent):
    """Its kubelet may be slow; that its node is dead nobody said."""

    async def scenario(world, transport):
        policy(world, action="Replace", afterSeconds=0)
        name, uid = lose(world, evicted=False)
        await asyncio.sleep(7200)
        assert pods(world)[name]["metadata"]["uid"] == uid
        assert not [write for write in transport.writes if write[0] == "DELETE"]

    silent(scenario)


def test_a_paused_cluster_ends_no_pod_by_force(silent):
    async def scenario(world, transport):
        policy(world, action="Replace", afterSeconds=0)
        world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"paused": True}})
        name, uid = lose(world)
        await asyncio.sleep(7200)
        assert pods(world)[name]["metadata"]["uid"] == uid

    silent(scenario)
