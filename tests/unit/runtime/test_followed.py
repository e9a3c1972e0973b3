"""What is kept of each object is what a pass reads, and every child finds its root."""

from kdlib.kube import Kind
from kdlib.names import LABEL_CLUSTER
from kdlib.runtime.followed import pruned_pod, pruned_revision, roots_of

POOL = Kind("example.org/v1", "Pool")
SET = {"kind": "StatefulSet", "name": "s", "uid": "x", "controller": True}


def pod(**metadata):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "ns", "name": "p-0", "uid": "u", "resourceVersion": "3", **metadata},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "image": "x", "env": [{"name": "A", "value": "b"}]}]},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}],
            "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0}}, "imageID": "y"}],
            "containerStatuses": [
                {"name": "app", "containerID": "c://1", "state": {"running": {}}, "ready": True, "lastState": {}}
            ],
        },
    }


def test_of_a_pod_its_owner_its_node_and_how_it_stands_is_kept():
    assert pruned_pod(pod(managedFields=[1], labels={"a": "b"}, deletionTimestamp="t")) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": "ns",
            "name": "p-0",
            "uid": "u",
            "resourceVersion": "3",
            "labels": {"a": "b"},
            "deletionTimestamp": "t",
        },
        "spec": {"nodeName": "n"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0}}}],
            "containerStatuses": [{"name": "app", "containerID": "c://1", "state": {"running": {}}, "ready": True}],
        },
    }


def test_of_a_pod_that_waits_is_kept_for_what_and_since_when():
    unscheduled = {"type": "PodScheduled", "status": "False", "lastTransitionTime": "t", "lastProbeTime": None}
    waits = {"name": "app", "image": "a/b", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    last = {"lastState": {"terminated": {"exitCode": 7, "reason": "Error", "startedAt": "t"}}}
    status = pruned_pod({**pod(), "status": {"conditions": [unscheduled], "containerStatuses": [{**waits, **last}]}})
    assert status["status"]["conditions"] == [{key: unscheduled[key] for key in list(unscheduled)[:3]}]
    kept = {"lastState": {"terminated": {"exitCode": 7, "reason": "Error"}}}
    assert status["status"]["containerStatuses"] == [{**waits, **kept}]


def test_a_pod_without_status_or_spec_is_no_trouble():
    assert pruned_pod({"metadata": {"name": "a"}})["status"] == {"phase": None, "conditions": []}


def test_an_app_copy_is_kept_whole_and_a_sets_revision_by_name():
    metadata = {"namespace": "ns", "name": "r", "uid": "u", "resourceVersion": "1"}
    copy = {"metadata": metadata, "data": {"app": "x"}, "revision": 1}
    assert pruned_revision(copy) == copy
    assert pruned_revision({**copy, "metadata": {**metadata, "ownerReferences": [SET]}}) == {"metadata": metadata}


def test_a_child_finds_its_root_by_label_and_by_owner():
    owner = {"kind": "Pool", "name": "b", "uid": "z"}
    child = pod(labels={LABEL_CLUSTER: "a"}, ownerReferences=[SET, owner])
    assert list(roots_of(child, POOL)) == [("ns", "a"), ("ns", "b")]
    assert list(roots_of(pod(), POOL)) == []
