"""What a new cluster waits for is what is collected without it, and nothing that is to be taken up."""

from datetime import UTC, datetime

import pytest

from kdlib.model import Seen
from kdlib.rules import is_new, left_by_namesake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANNOTATION = "kubedirector.hpe.com/status-backup-exists"
OURS = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorCluster", "name": "db", "controller": True}
FORMER, ITSELF = {**OURS, "uid": "u-former"}, {**OURS, "uid": "u-own"}
OF_SET = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "kdss-a", "uid": "u-set", "controller": True}


def root(annotations=None, status=None):
    metadata = {"name": "db", "namespace": "team", "uid": "u-own", "annotations": annotations or {}}
    return {"apiVersion": OURS["apiVersion"], "kind": OURS["kind"], "metadata": metadata, "status": status or {}}


def child(kind, name, owner=None, **metadata):
    owners = [owner] if owner else []
    metadata = {"name": name, "namespace": "team", "uid": f"u-{name}", "ownerReferences": owners, **metadata}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def left(*children, of=None):
    return [ref.name for ref in left_by_namesake(Seen(NOW, of or root(), children))]


GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("found", "awaited"),
    [
        (child("StatefulSet", "kdss-a", FORMER), True),
        (child("PersistentVolumeClaim", "p-kdss-a-0", FORMER, **GOING), True),
        (child("Service", "kdhs-a", ITSELF), False),
        (child("StatefulSet", "kdss-a"), False),
        (child("Service", "s-a", {**FORMER, "kind": "NotebookPool"}), False),
        (child("Pod", "kdss-a-0", OF_SET), True),
        (child("Pod", "kdss-a-0"), False),
    ],
    ids=["its set", "its claim that goes", "our own", "orphaned", "of another kind", "pod of a lost set", "a bare pod"],
)
def test_what_a_former_cluster_controls_and_pods_of_lost_sets_are_awaited(found, awaited):
    assert bool(left(found)) is awaited


def test_pods_of_a_set_that_is_there_are_not_awaited():
    """It was orphaned, and is taken up with them."""
    orphaned = child("StatefulSet", "kdss-a", uid="u-set")
    assert left(orphaned, child("Pod", "kdss-a-0", OF_SET)) == []


@pytest.mark.parametrize(
    ("cluster", "new"),
    [
        (root(), True),
        (root(status={"state": "creating"}), True),
        (root({ANNOTATION: "false"}), False),
        (root({ANNOTATION: "true"}), False),
        (root(status={"clusterService": "kdhs-a"}), False),
    ],
    ids=["fresh", "waits", "was looked after", "was backed up", "has names"],
)
def test_only_a_cluster_that_nobody_looked_after_waits(cluster, new):
    assert is_new(cluster) is new
    assert bool(left(child("StatefulSet", "kdss-a", FORMER), of=cluster)) is new
