"""An object lends its name to a cluster where it is the cluster's by its owner's kind and name, or nobody's."""

from datetime import UTC, datetime

import pytest

from kdlib.model import App, Cluster, Seen
from kdlib.names import LABEL_CLUSTER, LABEL_ROLE
from kdlib.rules import resolve
from kdlib.rules.naming import candidates
from kdlib.testing import an_app

NOW = datetime(2026, 1, 1, tzinfo=UTC)
APP = an_app("demo", {"one": "1"})["spec"]
ROOT = {
    "apiVersion": "kubedirector.hpe.com/v1beta1",
    "kind": "KubeDirectorCluster",
    "metadata": {"name": "db", "namespace": "team", "uid": "u-own", "generation": 1},
    "spec": {"app": "demo", "roles": [{"id": "one", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]},
}
OURS = "kubedirector.hpe.com/v1beta1"
OWN_NAME = next(candidates("kdss-", "u-own", "one"))


def child(kind, name, owner, **spec):
    labels = {LABEL_CLUSTER: "db", **({LABEL_ROLE: "one"} if kind == "StatefulSet" else {})}
    owners = [{**owner, "controller": True}] if owner else []
    metadata = {"name": name, "namespace": "team", "labels": labels, "ownerReferences": owners}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("owner", "taken"),
    [
        (None, True),
        ({"apiVersion": OURS, "kind": "KubeDirectorCluster", "name": "db", "uid": "u-own"}, True),
        ({"apiVersion": OURS, "kind": "KubeDirectorCluster", "name": "db", "uid": "u-former"}, True),
        ({"apiVersion": OURS, "kind": "KubeDirectorCluster", "name": "other", "uid": "u-2"}, False),
        ({"apiVersion": "example.org/v1", "kind": "NotebookPool", "name": "db", "uid": "u-3"}, False),
        ({"apiVersion": "example.org/v1", "kind": "KubeDirectorCluster", "name": "db", "uid": "u-4"}, False),
    ],
    ids=["nobody", "itself", "its former self", "another cluster", "a namesake of another kind", "of another group"],
)
def test_what_another_living_owner_controls_is_never_taken(owner, taken):
    children = (child("StatefulSet", "kdss-there", owner), child("Service", "kdhs-there", owner, clusterIP="None"))
    answer = resolve(Cluster.of(ROOT), App.of("demo", APP), Seen(NOW, ROOT, children))
    assert (answer.roles[0].stateful_set == "kdss-there") is taken
    assert (answer.cluster_service == "kdhs-there") is taken


def claim(name, owner=None, role="one"):
    made = child("PersistentVolumeClaim", name, owner)
    return {**made, "metadata": {**made["metadata"], "labels": {LABEL_CLUSTER: "db", LABEL_ROLE: role}}}


def service(name, pod, owner=None):
    selector = {"statefulset.kubernetes.io/pod-name": pod} if pod else {"a": "b"}
    made = child("Service", name, owner, selector=selector)
    return {**made, "metadata": {**made["metadata"], "labels": {LABEL_CLUSTER: "db", LABEL_ROLE: "one"}}}


ITSELF = {"apiVersion": OURS, "kind": "KubeDirectorCluster", "name": "db", "uid": "u-own"}


@pytest.mark.parametrize(
    ("found", "name"),
    [
        ((claim("p-aaa-0"), claim("p-kdss-older-0")), "kdss-older"),
        ((claim("p-db-one-x7k2p-0"), claim("p-db-two-x7k2p-0")), "db-one-x7k2p"),
        ((claim("p-kdss-fewer-0"), claim("p-kdss-older-0"), claim("p-kdss-older-1")), "kdss-older"),
        ((claim("p-kdss-older-0"), claim("p-kdss-other-0")), "kdss-older"),
        ((claim(f"p-{OWN_NAME}-0"), claim("p-kdss-older-0"), claim("p-kdss-older-1")), OWN_NAME),
    ],
    ids=["a stray claim", "of the other scheme", "of which more is left", "the first of two alike", "made for it"],
)
def test_of_several_sets_that_left_something_one_is_chosen_by_what_fits_and_what_is_left(found, name):
    answer = resolve(Cluster.of(ROOT), App.of("demo", APP), Seen(NOW, ROOT, found))
    assert answer.roles[0].stateful_set == name


def test_a_stray_claim_steers_no_name():
    answer = resolve(Cluster.of(ROOT), App.of("demo", APP), Seen(NOW, ROOT, (claim("p-data-0"),)))
    assert answer.roles[0].stateful_set == OWN_NAME


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        (claim("p-kdss-older-3"), True),
        (claim("b11-kdss-older-0", ITSELF), True),
        (claim("p-kdss-older-0", {**ITSELF, "uid": "u-former"}), False),
        (claim("p-kdss-older-0", {**ITSELF, "name": "other", "uid": "u-2"}), False),
        (claim("p-kdss-older-0", role="two"), False),
        (claim("data"), False),
        (service("s-kdss-older-0", "kdss-older-0"), True),
        (service("s-kdss-older-0", "kdss-older-0", {**ITSELF, "uid": "u-former"}), False),
        (service("front", None), False),
    ],
    ids=[
        "nobody's",
        "its own",
        "on its way out with its former self",
        "another's",
        "of another role",
        "of no set",
        "a Service",
        "a Service on its way out",
        "a Service of the user",
    ],
)
def test_claims_that_outlived_their_set_lend_it_its_name(found, taken):
    """CL-X-47, W-30."""
    answer = resolve(Cluster.of(ROOT), App.of("demo", APP), Seen(NOW, ROOT, (found,)))
    assert (answer.roles[0].stateful_set == "kdss-older") is taken
