"""Claims through growth, shrinkage, deletion and restoration of a cluster, in virtual time."""

import asyncio

import pytest
from troubles import Late

from kdlib.wire import KD_CLUSTER, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET

PACKAGE = "file:///opt/test/shell.tgz"


def stored(made, tails=2, **policy):
    """A cluster whose tails have a file claim and a block claim each."""
    wanted = made.cluster(app="shell", tails=tails)
    wanted["spec"]["roles"][1] |= {
        "storage": {"size": "1Gi"},
        "blockStorage": {"pathPrefix": "/dev/d", "numDevices": 1, "storageClassName": "standard"},
    }
    if policy:
        wanted["spec"]["persistentVolumeClaimRetentionPolicy"] = policy
    return wanted


def claims(world):
    """UIDs of the claims by name."""
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in world.registry.list(PERSISTENT_VOLUME_CLAIM)}


def uids(world, kind):
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in world.registry.list(kind)}


def policy(world, **values):
    world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"persistentVolumeClaimRetentionPolicy": values}})


@pytest.mark.parametrize(("policy", "again"), [({}, False), ({"whenScaled": "Retain"}, True)], ids=["Delete", "Retain"])
@pytest.mark.parametrize("way", ["role shrinks", "role is removed"])
def test_w11_a_role_that_grows_again_finds_what_it_kept(play, made, policy, again, way):
    """W-11: no old data come back unless they were to be kept, from block devices neither."""

    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made, **policy))
            await world.until(world.configured(head=1, tail=2))
            before, roles = claims(world), world.cluster()["spec"]["roles"]
            assert len(before) == 4
            if way == "role shrinks":
                world.change(tail=0)
            else:
                world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"roles": roles[:1]}})
            await world.until(world.configured(head=1))
            assert claims(world) == (before if again else {})
            world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"roles": roles}})
            await world.until(world.configured(head=1, tail=2))
            assert set(claims(world)) == set(before)
            assert (claims(world) == before) is again

    play(scenario, made.members())


def test_claims_outlive_their_cluster_and_the_next_one_of_its_name_takes_them_up(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made))
            await world.until(world.configured(head=1, tail=2))
            before = claims(world)
            # The daemon has no time to act on the new policy before the deletion.
            policy(world, whenDeleted="Retain")
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: world.left() == [f"PersistentVolumeClaim {name}" for name in sorted(before)])
            world.create(stored(made, whenDeleted="Retain"))
            await world.until(world.configured(head=1, tail=2))
            assert claims(world) == before

    play(scenario, made.members())


@pytest.mark.parametrize("kept", [False, True], ids=["Delete", "Retain"])
def test_claims_that_nobody_was_told_of_yet_go_with_their_cluster_or_outlive_it_as_it_says(play, made, kept):
    """Without a webhook a claim has no owner until the operator has seen it; the cluster may be deleted before."""

    async def scenario(world):
        async with world.operating(Late(world.transport().inner, {"persistentvolumeclaims": 3600.0})):
            world.create(made.app("shell", PACKAGE), stored(made, **({"whenDeleted": "Retain"} if kept else {})))
            await world.until(world.configured(head=1, tail=2))
            before, found = claims(world), world.registry.list(PERSISTENT_VOLUME_CLAIM)
            assert [item["metadata"].get("ownerReferences") for item in found] == [None] * 4
            foreign = world.registry.create(claim_of_somebody())
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await asyncio.sleep(300)
            others = {foreign["metadata"]["name"]: foreign["metadata"]["uid"]}
            assert claims(world) == ({**before, **others} if kept else others)

    play(scenario, made.members())


@pytest.mark.parametrize("kept", [False, True], ids=["Delete", "Retain"])
def test_claims_that_a_set_is_yet_to_make_go_with_their_cluster_or_outlive_it_as_it_says(play, made, kept):
    """A set that was told to grow right before the deletion makes claims until it is collected."""

    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made, **({"whenDeleted": "Retain"} if kept else {})))
            await world.until(world.configured(head=1, tail=2))
            before = claims(world)
            world.controllers.delay("statefulset", 30.0)
            world.controllers.delay("garbage", 60.0)
            world.change(tail=4)
            await world.until(lambda: 4 in [item["spec"]["replicas"] for item in world.registry.list(STATEFUL_SET)])
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not world.registry.list(KD_CLUSTER))
            await asyncio.sleep(300)
            assert set(before) <= set(claims(world)) if kept else not claims(world)
            assert not [name for name in world.left() if "StatefulSet" in name]

    play(scenario, made.members())


def claim_of_somebody():
    """Return a claim with the cluster's labels that no set of the cluster made: that of a former one of its name."""
    labels = {"kubedirector.hpe.com/kdcluster": "c1", "kubedirector.hpe.com/role": "tail"}
    metadata = {"namespace": "default", "name": "p-kdss-former-0", "labels": labels}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": PERSISTENT_VOLUME_CLAIM.name, "metadata": metadata, "spec": spec}


def test_a_policy_that_changes_costs_no_data_and_is_followed_from_then_on(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made, whenDeleted="Retain", whenScaled="Retain"))
            await world.until(world.configured(head=1, tail=2))
            before = claims(world)
            assert not [
                item["metadata"]
                for item in world.registry.list(PERSISTENT_VOLUME_CLAIM)
                if "ownerReferences" in item["metadata"]
            ]
            assert not any(
                "ownerReferences" in item["metadata"] for item in world.registry.list(PERSISTENT_VOLUME_CLAIM)
            )
            world.change(tail=1)
            await world.until(world.configured(head=1, tail=1))
            policy(world, whenDeleted="Delete", whenScaled="Delete")

            def owned():
                found = world.registry.list(PERSISTENT_VOLUME_CLAIM)
                return all(item["metadata"].get("ownerReferences") for item in found)

            await world.until(owned)
            assert claims(world) == before
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: world.left() == [])

    play(scenario, made.members())


@pytest.mark.parametrize("propagation", ["Background", "Orphan"])
def test_w30_a_set_that_is_deleted_by_hand_costs_no_claim_and_no_member_its_place(play, made, propagation):
    """W-30: the original made all members anew, on empty volumes, after telling the others that they were gone."""
    members = made.members()

    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made))
            await world.until(world.configured(head=1, tail=2))
            before, pods, sets = claims(world), uids(world, POD), uids(world, STATEFUL_SET)
            nodes = [member["nodeID"] for role in world.status()["roles"] for member in role["members"]]
            runs = list(members.runs)
            for name in sets:
                world.registry.delete(STATEFUL_SET, "default", name, propagation=propagation)

            def made_anew():
                found = uids(world, STATEFUL_SET)
                return set(found) == set(sets) and not set(found.values()) & set(sets.values())

            await world.until(made_anew)
            await world.until(world.configured(head=1, tail=2))
            assert claims(world) == before
            assert [member["nodeID"] for role in world.status()["roles"] for member in role["members"]] == nodes
            assert not [arguments for _, _, arguments in members.runs if "delnodes" in arguments]
            if propagation == "Orphan":
                assert uids(world, POD) == pods
                assert members.runs == runs

    play(scenario, members)
