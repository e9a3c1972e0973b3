"""What keeps a pod from running is told in one word and in words, at once or after a while, until it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from kdlib.lifecycle.troubles import SCHEDULING_SECONDS, trouble_of

BEGAN = "2026-01-01T00:00:00Z"
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": BEGAN}


def waiting(reason, message="", part="containerStatuses", **more):
    state = {"waiting": {"reason": reason, "message": message}}
    return {"status": {part: [{"name": "app", "image": "a/b:1", "state": state, **more}]}}


def unschedulable(message):
    return {"status": {"phase": "Pending", "conditions": [{**UNSCHEDULABLE, "message": message}]}}


CRASHED = {"lastState": {"terminated": {"exitCode": 7, "reason": "Error"}}}


@pytest.mark.parametrize(
    ("pod", "kind", "words"),
    [
        (waiting("ErrImagePull", "not\nfound"), "image not pulled", "image 'a/b:1' cannot be pulled: not found"),
        (
            waiting("ImagePullBackOff", 'Back-off pulling image "a/b:1"'),
            "image not pulled",
            "image 'a/b:1' cannot be pulled",
        ),
        (
            waiting("ImagePullBackOff", 'Back-off pulling image "a/b:1": ErrImagePull: not found'),
            "image not pulled",
            "image 'a/b:1' cannot be pulled: not found",
        ),
        (
            waiting("CreateContainerConfigError", 'secret "s" not found'),
            "container not made",
            'its container cannot be made: secret "s" not found',
        ),
        (
            waiting("CreateContainerError", "no", part="initContainerStatuses"),
            "container not made",
            "its init container cannot be made: no",
        ),
        (
            waiting("CrashLoopBackOff", "back-off 10s restarting", **CRASHED),
            "container ends",
            "its container ends again and again, last with exit status 7",
        ),
        (unschedulable("no nodes"), "unschedulable", "its pod cannot be scheduled: no nodes"),
        (
            unschedulable("pod has unbound immediate PersistentVolumeClaims."),
            "claim unbound",
            "its pod cannot be scheduled: pod has unbound immediate PersistentVolumeClaims",
        ),
    ],
)
def test_each_trouble_has_its_word(pod, kind, words):
    trouble = trouble_of(pod)
    assert (trouble.kind, trouble.words) == (kind, words)


@pytest.mark.parametrize(
    "pod",
    [
        {},
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        {"status": {"containerStatuses": [{"name": "app", "state": {"running": {}}}]}},
        {"status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}},
        {**waiting("ErrImagePull"), "metadata": {"deletionTimestamp": BEGAN}},
    ],
)
def test_what_is_on_its_way_is_no_trouble(pod):
    assert trouble_of(pod) is None


def test_a_pod_without_node_is_given_some_time_and_an_image_none():
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    node = trouble_of(unschedulable("no nodes"))
    assert node.lasts_seconds(begun) == SCHEDULING_SECONDS
    assert node.lasts_seconds(begun + timedelta(seconds=SCHEDULING_SECONDS)) == 0
    assert trouble_of(waiting("ErrImagePull")).lasts_seconds(begun) == 0


def shown(world, pod, seconds=0):
    """Show the operator a pod; return what it says of the member and when it looks again."""
    world.pod = lambda name, _: {"kind": "Pod", "metadata": {"name": name}, **pod}
    world.pods = {"set-head-0": None}
    seen = world.seen
    world.seen = lambda: seen().__class__(**{**vars(seen()), "now": seen().now + timedelta(seconds=seconds)})
    world.operate()
    world.seen = seen
    detail = world.member("set-head-0").state_detail
    return detail.trouble, detail.progress, world.life.again_seconds


def test_a_cause_that_was_told_once_is_kept_and_all_goes_with_the_trouble(make_world):
    world = make_world({"head": 1})
    world.operate()
    world.operate()
    first = shown(world, waiting("ErrImagePull", "not found"))
    assert first == ("image not pulled", "image 'a/b:1' cannot be pulled: not found", None)
    assert shown(world, waiting("ImagePullBackOff", 'Back-off pulling image "a/b:1"')) == first
    trouble, words, _ = shown(world, waiting("ContainerCreating"))
    assert trouble is None
    assert words == "waiting for its container: if that lasts, kubectl describe pod set-head-0 -n ns says why"


def test_the_operator_looks_again_once_a_pod_has_waited_for_a_node(make_world):
    world = make_world({"head": 1})
    world.operate()
    world.operate()
    words = "its pod cannot be scheduled: no nodes"
    assert shown(world, unschedulable("no nodes"), 5) == (None, words, SCHEDULING_SECONDS - 5)
    assert shown(world, unschedulable("no nodes"), 20) == ("unschedulable", words, None)


def test_a_set_up_whose_container_crashes_is_in_trouble(make_world):
    world = make_world({"head": 1})
    world.slow = set()
    while world.states().get("set-head-0") != "creating":
        world.operate()
        world.kubernetes()
    container = world.member("set-head-0").state_detail.configuring_container
    trouble, words, _ = shown(world, waiting("CrashLoopBackOff", containerID=container))
    assert (world.states()["set-head-0"], trouble) == ("creating", "container ends")
    assert words == "its container ends again and again"
