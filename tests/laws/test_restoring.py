"""Laws: a cluster comes back whole, with a status backup or without, whatever of it comes back first (OP-02, RC-42)."""

import asyncio
import itertools
import random

import pytest
from keeping import ANNOTATION, RESTORING, SAVED, brought_back, is_made_by_kubernetes, lost, saved
from troubles import Late

from kdlib.errors import api_error
from kdlib.frozen import dig
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SERVICE,
    STATEFUL_SET,
)

PACKAGE = "file:///opt/test/shell.tgz"
PARTS = {
    "cluster": (KD_CLUSTER,),
    "app": (KD_APP,),
    "backup": (KD_STATUS_BACKUP,),
    "services": (SERVICE,),
    "sets": (STATEFUL_SET, PERSISTENT_VOLUME_CLAIM),
}


def config(**spec):
    metadata = {"namespace": "kd", "name": "kd-global-config"}
    return {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata, "spec": spec}


def stored(made, tails=2):
    wanted = made.cluster(app="shell", tails=tails)
    wanted["spec"]["roles"][1] |= {"storage": {"size": "1Gi"}}
    return wanted


def facts(world):
    """Return what has to be as it was: names, places and node ids of all members."""
    return [
        [role["id"], role["statefulSet"], [(m["pod"], m["nodeID"], m["service"]) for m in role["members"]]]
        for role in world.status()["roles"]
    ]


def owners(world):
    """Return the owners of all that belongs to the cluster."""
    kinds = (SERVICE, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM, KD_STATUS_BACKUP)
    found = [item for kind in kinds for item in world.registry.list(kind) if item["metadata"]["name"] != "kubernetes"]
    return {owner["uid"] for item in found for owner in item["metadata"].get("ownerReferences", [{"uid": "nobody"}])}


async def settled(world, made):
    """Have a cluster whose status is backed up."""
    world.create(config(backupClusterStatus=True), made.app("shell", PACKAGE), stored(made))
    await world.until(world.configured(head=1, tail=2))
    await world.until(lambda: world.cluster()["metadata"]["annotations"][ANNOTATION] == "true")
    await asyncio.sleep(5)


def restored_in(play, made, order, *, pause=3.0):
    """Save a settled cluster, lose it, and bring it back part by part; return what it was before and after."""
    members = made.members()

    async def scenario(world):
        async with world.operating():
            await settled(world, made)
            before, kept = facts(world), saved(world)
            uids = {item["metadata"]["uid"] for item in world.registry.list(STATEFUL_SET)}
            await lost(world)
            for part in order:
                brought_back(world, kept, *PARTS[part])
                await asyncio.sleep(pause)
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(60)
            assert RESTORING not in world.cluster()["metadata"].get("labels", {})
            assert "restoreProgress" not in world.status()
            assert owners(world) == {world.cluster()["metadata"]["uid"]}
            assert not uids & {item["metadata"]["uid"] for item in world.registry.list(STATEFUL_SET)}
            return before, facts(world)

    return play(scenario, members)


ORDERS = list(itertools.permutations(PARTS))
CHOSEN = [ORDERS[0], ORDERS[-1], *random.Random(5).sample(ORDERS[1:-1], 6)]


@pytest.mark.parametrize("order", CHOSEN, ids="-".join)
def test_rc42_a_restore_ends_alike_in_whatever_order_its_parts_come(play, made, order):
    """OP-02, OP-04, RC-41."""
    before, after = restored_in(play, made, order)
    assert after == before


def progress(world):
    return world.status().get("restoreProgress")


def test_op03_whoever_takes_the_label_away_goes_on_with_what_is_there(play, made):
    """The wait is told, costs nothing, and ends by hand."""

    async def scenario(world):
        async with world.operating() as transport:
            await settled(world, made)
            kept = saved(world)
            await lost(world)
            brought_back(world, kept, KD_CLUSTER, KD_APP)
            await world.until(lambda: progress(world) and not progress(world)["awaitingApp"])
            assert progress(world) == {
                "awaitingApp": False,
                "awaitingStatus": True,
                "awaitingResources": True,
                "error": "",
            }
            (ready,) = [item for item in world.status()["conditions"] if item["type"] == "Ready"]
            assert (ready["status"], ready["reason"]) == ("False", "Restoring")
            assert "KubeDirectorStatusBackup default/c1" in ready["message"]
            sent = len(transport.requests)
            await asyncio.sleep(3600)
            assert len(transport.requests) == sent
            world.registry.patch(KD_CLUSTER, "default", "c1", {"metadata": {"labels": {RESTORING: None}}})
            await world.until(world.configured(head=1, tail=2))
            assert progress(world) is None

    play(scenario, made.members())


@pytest.mark.parametrize(
    ("code", "words"),
    [(403, "no such app"), (500, "while a webhook cannot be reached")],
    ids=["refused", "unreachable"],
)
def test_w24_a_refusal_to_resume_is_told_and_another_try_follows(play, made, code, words):
    async def scenario(world):
        transport, refusing = world.transport(), [True]

        def refused(request):
            body = getattr(request, "body", None)
            labels = dig(body, "metadata", "labels") if isinstance(body, dict) else None
            if refusing and labels == {RESTORING: None}:
                reason = f"denied the request, try {len(transport.requests)}: " if code >= 500 else ""
                raise api_error(code, "InternalError", f"{reason}spec.app: no such app")

        transport.before = refused
        async with world.operating(transport):
            await settled(world, made)
            kept = saved(world)
            await lost(world)
            brought_back(world, kept, *SAVED, KD_CLUSTER)
            await world.until(lambda: progress(world) and progress(world)["error"])
            assert words in progress(world)["error"]
            (stalled,) = [item for item in world.status()["conditions"] if item["type"] == "Stalled"]
            assert (stalled["status"], stalled["reason"]) == ("True", "RestoreRefused")
            sent = len(transport.requests)
            await asyncio.sleep(600)
            assert len(transport.requests) - sent < 30
            refusing.clear()
            await world.until(world.configured(head=1, tail=2))

    play(scenario, made.members())


def test_w24_changes_that_nobody_was_told_of_yet_hold_no_restore_up(play, made):
    async def scenario(world):
        async with world.operating():
            await settled(world, made)
            kept = saved(world)
            await lost(world)
            status = kept[KD_STATUS_BACKUP][0]["spec"]["statusBackup"]
            waiting = {"arguments": ["--delnodes", "--role", "tail", "--fqdns", "gone"], "change": "x", "generation": 1}
            for role in status["roles"]:
                for member in role["members"]:
                    member["stateDetail"]["pendingNotifyCmds"] = [waiting]
            brought_back(world, kept, *SAVED, KD_CLUSTER)
            await world.until(lambda: "status" in world.cluster() and progress(world) is None)
            await world.until(world.configured(head=1, tail=2))

    play(scenario, made.members())


def test_w24_a_cluster_that_had_no_backup_is_a_new_one(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made))
            await world.until(world.configured(head=1, tail=2))
            kept = saved(world)
            assert kept[KD_CLUSTER][0]["metadata"]["annotations"] == {ANNOTATION: "false"}
            await lost(world)
            brought_back(world, kept, KD_APP, KD_CLUSTER)
            await world.until(world.configured(head=1, tail=2))
            assert RESTORING not in world.cluster()["metadata"].get("labels", {})

    play(scenario, made.members())


PIECES = {
    "services": (SERVICE,),
    "sets": (STATEFUL_SET,),
    "claims": (PERSISTENT_VOLUME_CLAIM,),
    "copy": (CONTROLLER_REVISION,),
}
SUBSETS = [
    subset
    for size in range(len(PIECES) + 1)
    for subset in itertools.permutations(PIECES, size)
    if subset == tuple(sorted(subset)) or size == 4
]


def names(world, kind):
    found = [item for item in world.registry.list(kind) if not is_made_by_kubernetes(item)]
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in found}


@pytest.mark.parametrize("pieces", [*SUBSETS[:16], *random.Random(7).sample(SUBSETS[16:], 4)], ids="-".join)
def test_w29_a_cluster_without_any_status_takes_up_what_is_there(play, made, pieces):
    """RC-41: whatever of its objects a tool brought back, under the names that they have, and no claim is lost."""

    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made))
            await world.until(world.configured(head=1, tail=2))
            before, kept = facts(world), saved(world)
            shape = {kind: len(names(world, kind)) for kind in SAVED}
            await lost(world)
            world.create(*kept[KD_APP])
            for piece in pieces:
                brought_back(world, kept, *PIECES[piece])
                await asyncio.sleep(2)
            brought = {kind: names(world, kind) for kind in (SERVICE, STATEFUL_SET, PERSISTENT_VOLUME_CLAIM)}
            world.create(*kept[KD_CLUSTER])
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(60)
            for kind, found in brought.items():
                assert found.items() <= names(world, kind).items(), "what was there is there, the very same"
            assert {kind: len(names(world, kind)) for kind in SAVED} == shape, "and nothing besides"
            assert owners(world) == {world.cluster()["metadata"]["uid"]}
            if "sets" in pieces:
                assert facts(world) == before

    play(scenario, made.members())


@pytest.mark.parametrize("late", ["services", "statefulsets", "persistentvolumeclaims", "controllerrevisions"])
def test_w29_a_cluster_that_is_seen_before_its_objects_takes_them_up(play, made, late):
    """RC-41: each kind is watched by itself, so what came back first may be told last."""

    async def scenario(world):
        async with world.operating(Late(world.transport().inner, {late: 2.0})):
            world.create(made.app("shell", PACKAGE), stored(made))
            await world.until(world.configured(head=1, tail=2))
            before, kept = facts(world), saved(world)
            shape = {kind: names(world, kind).keys() for kind in SAVED}
            await lost(world)
            brought_back(world, kept, *SAVED, KD_CLUSTER)
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(120)
            assert facts(world) == before
            assert {kind: names(world, kind).keys() for kind in SAVED} == shape
            assert owners(world) == {world.cluster()["metadata"]["uid"]}

    play(scenario, made.members())


def test_a_cluster_whose_objects_were_orphaned_goes_on_without_running_anything_again(play, made):
    """RC-40, RC-41: what its containers say is true, whoever counts anew."""
    members = made.members()

    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), stored(made))
            await world.until(world.configured(head=1, tail=2))
            runs, kept, before = list(members.runs), saved(world), facts(world)
            pods = {item["metadata"]["uid"] for item in world.registry.list(POD)}
            world.registry.delete(KD_CLUSTER, "default", "c1", propagation="Orphan")
            await world.until(lambda: not world.registry.list(KD_CLUSTER))
            world.create(*kept[KD_CLUSTER])
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(60)
            assert facts(world) == before
            assert {item["metadata"]["uid"] for item in world.registry.list(POD)} == pods
            assert [run for run in members.runs if run[2] == "--configure"] == runs
            assert owners(world) == {world.cluster()["metadata"]["uid"]}

    play(scenario, members)
