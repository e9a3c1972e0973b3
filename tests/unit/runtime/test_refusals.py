"""W-42: a pod that the API server refuses to make is told in its words until it comes. In virtual time."""

from kdlib.names import LABEL_CLUSTER
from kdlib.runtime.refusals import pruned_refusal
from kdlib.wire import PERSISTENT_VOLUME_CLAIM


def condition(world, kind):
    found = world.status().get("conditions") or ()
    return next((item for item in found if item["type"] == kind), {})


def stored(made):
    wanted = made.cluster(tails=1)
    wanted["spec"]["roles"][1]["storage"] = {"size": "1Gi"}
    return wanted


def terminating(name):
    """A claim that goes away, and is not gone yet: no pod of its name can be made."""
    metadata = {"name": name, "namespace": "default", "finalizers": ["example.org/hold"]}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def test_w42_a_pod_that_cannot_be_made_is_told_in_the_server_s_words_until_it_comes(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), stored(made))
            await world.until(world.configured(head=1, tail=1))
            (tails,) = [role["statefulSet"] for role in world.status()["roles"] if role["id"] == "tail"]
            claim = f"p-{tails}-1"
            world.create(terminating(claim))
            world.registry.delete(PERSISTENT_VOLUME_CLAIM, "default", claim)
            world.change(tail=2)
            await world.until(lambda: condition(world, "Stalled").get("status") == "True")
            detail = world.status()["roles"][1]["members"][1]["stateDetail"]
            assert detail["trouble"] == "pod refused"
            assert detail["progress"] == f"its pod is refused: pvc {claim} is being deleted"
            stalled = condition(world, "Stalled")
            assert stalled["reason"] == "MembersStuck"
            assert f"{tails}-1: its pod is refused: pvc {claim} is being deleted; have it allowed" in stalled["message"]
            assert "trouble" not in world.status()["roles"][1]["members"][0]["stateDetail"]
            live = world.registry.get(PERSISTENT_VOLUME_CLAIM, "default", claim)
            world.registry.update({**live, "metadata": {**live["metadata"], "finalizers": []}})
            await world.until(world.configured(head=1, tail=2), seconds=3600)
            assert "trouble" not in world.status()["roles"][1]["members"][1]["stateDetail"]
            assert condition(world, "Stalled")["status"] == "False"

    play(scenario)


def test_of_an_event_its_subject_its_time_and_its_words_are_kept():
    event = {
        "metadata": {"name": "e", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {LABEL_CLUSTER: "c"}},
        "involvedObject": {"kind": "StatefulSet", "namespace": "n", "name": "s", "uid": "x", "resourceVersion": "3"},
        "message": "no",
        "lastTimestamp": "2030-01-01T00:00:00Z",
        "count": 3,
        "source": {},
    }
    assert pruned_refusal(event) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "n", "uid": "u", "resourceVersion": "7"},
        "involvedObject": {"namespace": "n", "name": "s", "uid": "x"},
        "message": "no",
        "lastTimestamp": "2030-01-01T00:00:00Z",
    }
    newer = {**event, "lastTimestamp": None, "eventTime": "2030-01-01T00:00:01.000000Z"}
    assert pruned_refusal(newer)["lastTimestamp"] == "2030-01-01T00:00:01.000000Z"
    series = {**newer, "series": {"count": 2, "lastObservedTime": "2030-01-01T00:00:02.000000Z"}}
    assert pruned_refusal(series)["lastTimestamp"] == "2030-01-01T00:00:02.000000Z"
