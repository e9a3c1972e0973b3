"""Deletions: preconditions, the grace of pods, finalizers, and what the collector is asked for."""

import pytest

from kdlib.errors import ApiError, ConflictError, NotFoundError
from kdlib.wire import CONFIG_MAP, NAMESPACE, POD, STATEFUL_SET

MAPS = "/api/v1/namespaces/default/configmaps"


def events(world, name):
    return [event for event, obj, _ in world.commits if obj["metadata"]["name"] == name]


def test_an_object_without_finalizers_goes_at_once(world, make):
    world.registry.create(make.config_map())

    gone = world.registry.delete(CONFIG_MAP, "default", "a")

    assert gone["metadata"]["resourceVersion"] == str(world.registry.version)
    assert world.registry.find(CONFIG_MAP, "default", "a") is None
    with pytest.raises(NotFoundError):
        world.registry.delete(CONFIG_MAP, "default", "a")


def test_a_finalizer_holds_an_object_until_it_is_removed(world, make):
    world.registry.create(make.config_map(finalizers=["x.org/a"]))

    dying = world.registry.delete(CONFIG_MAP, "default", "a")
    with pytest.raises(ApiError, match="no new finalizers can be added if the object is being deleted"):
        world.registry.patch(CONFIG_MAP, "default", "a", {"metadata": {"finalizers": ["x.org/a", "x.org/b"]}})
    world.registry.patch(CONFIG_MAP, "default", "a", {"metadata": {"finalizers": None}})

    assert dying["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert dying["metadata"]["deletionGracePeriodSeconds"] == 0
    assert world.registry.find(CONFIG_MAP, "default", "a") is None
    assert events(world, "a") == ["ADDED", "MODIFIED", "DELETED"]


def test_the_beginning_of_a_deletion_is_a_new_generation(world, make):
    body = make.stateful_set()
    body["metadata"]["finalizers"] = ["x.org/a"]
    world.registry.create(body)

    assert world.registry.delete(STATEFUL_SET, "default", "a")["metadata"]["generation"] == 2


def test_a_deletion_timestamp_cannot_be_taken_back(world, make):
    world.registry.create(make.config_map(finalizers=["x.org/a"]))
    dying = world.registry.delete(CONFIG_MAP, "default", "a")
    alive = {key: value for key, value in dying["metadata"].items() if not key.startswith("deletion")}

    after = world.registry.update({**dying, "metadata": alive})

    assert after["metadata"]["deletionTimestamp"] == dying["metadata"]["deletionTimestamp"]


@pytest.mark.parametrize(
    ("policy", "finalizers"), [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"]), ("Background", None)]
)
def test_the_propagation_policy_becomes_a_finalizer(world, make, policy, finalizers):
    world.registry.create(make.stateful_set())

    world.registry.delete(STATEFUL_SET, "default", "a", propagation=policy)

    left = world.registry.find(STATEFUL_SET, "default", "a")
    assert (left["metadata"]["finalizers"] if left else None) == finalizers


async def test_preconditions_must_hold(world, make):
    stored = world.registry.create(make.config_map())

    uid = await world.refused("DELETE", f"{MAPS}/a", {"preconditions": {"uid": "x"}})
    version = await world.refused("DELETE", f"{MAPS}/a", {"preconditions": {"resourceVersion": "1"}})
    right = {"uid": stored["metadata"]["uid"], "resourceVersion": stored["metadata"]["resourceVersion"]}
    done = await world.send("DELETE", f"{MAPS}/a", {"preconditions": right})

    assert isinstance(uid, ConflictError)
    assert str(version).startswith('Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precond')
    assert (done["status"], done["details"]) == (
        "Success",
        {"name": "a", "kind": "configmaps", "uid": stored["metadata"]["uid"]},
    )


async def test_options_of_a_deletion_are_checked(world, make):
    world.registry.create(make.config_map())

    errors = [
        await world.refused("DELETE", f"{MAPS}/a", propagationPolicy="Nonsense"),
        await world.refused("DELETE", f"{MAPS}/a", {"propagationPolicy": "Orphan", "orphanDependents": True}),
        await world.refused("DELETE", f"{MAPS}/a", dryRun="Some"),
        await world.refused("DELETE", f"{MAPS}/a", gracePeriodSeconds="x"),
    ]

    assert [error.code for error in errors] == [422, 422, 422, 400]


async def test_a_dry_deletion_deletes_nothing(world, make):
    world.registry.create(make.config_map())

    await world.send("DELETE", f"{MAPS}/a", dryRun="All")

    assert world.registry.find(CONFIG_MAP, "default", "a") is not None


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_some_namespaces_stay(world, name):
    with pytest.raises(ApiError, match="this namespace may not be deleted"):
        world.registry.delete(NAMESPACE, "", name)


async def test_a_collection_is_deleted_by_selector(world, make):
    for name, label in (("a", "x"), ("b", "y"), ("c", "x")):
        world.registry.create(make.config_map(name, labels={"l": label}))

    done = await world.send("DELETE", MAPS, labelSelector="l=x")

    assert [item["metadata"]["name"] for item in done["items"]] == ["a", "c"]
    assert [item["metadata"]["name"] for item in world.registry.list(CONFIG_MAP)] == ["b"]


# --- pods -----------------------------------------------------------------------------------------------------------


def test_a_pod_on_a_node_is_given_time(world, make):
    world.registry.create(make.pod(terminationGracePeriodSeconds=20))

    dying = world.registry.delete(POD, "default", "a")
    world.later(3)
    again = world.registry.delete(POD, "default", "a")

    assert dying["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:20Z"
    assert dying["metadata"]["deletionGracePeriodSeconds"] == 20
    assert again == dying


def test_the_time_of_a_pod_can_be_cut_but_not_prolonged(world, make):
    world.registry.create(make.pod())
    world.registry.delete(POD, "default", "a")

    shorter = world.registry.delete(POD, "default", "a", grace_seconds=5)
    longer = world.registry.delete(POD, "default", "a", grace_seconds=60)

    assert shorter["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:05Z"
    assert longer == shorter


def test_a_pod_without_time_left_is_seen_to_end_and_goes(world, make):
    world.registry.create(make.pod())
    world.registry.delete(POD, "default", "a")

    world.registry.delete(POD, "default", "a", grace_seconds=0)

    assert world.registry.find(POD, "default", "a") is None
    assert events(world, "a") == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]


def test_a_pod_without_a_node_goes_at_once(world, make):
    world.registry.create(make.pod(nodeName=""))

    world.registry.delete(POD, "default", "a")

    assert world.registry.find(POD, "default", "a") is None


def test_a_pod_with_a_finalizer_stays_when_its_time_is_over(world, make):
    body = make.pod()
    body["metadata"]["finalizers"] = ["x.org/a"]
    world.registry.create(body)

    world.registry.delete(POD, "default", "a", grace_seconds=0)
    held = world.registry.find(POD, "default", "a")
    world.registry.patch(POD, "default", "a", {"metadata": {"finalizers": None}})

    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    assert world.registry.find(POD, "default", "a") is None


async def test_an_eviction_is_a_deletion(world, make):
    world.registry.create(make.pod())

    body = {"kind": "Eviction", "metadata": {"name": "a"}}
    answer = await world.send("POST", "/api/v1/namespaces/default/pods/a/eviction", body)

    assert answer["status"] == "Success"
    assert "deletionTimestamp" in world.registry.get(POD, "default", "a")["metadata"]
