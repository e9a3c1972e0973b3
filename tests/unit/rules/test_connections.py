"""What a cluster is connected to is looked for in its own namespace, and told as it was found (3.16)."""

from datetime import UTC, datetime

import pytest

from kdlib.model import Cluster, Seen
from kdlib.rules import TYPED, related
from kdlib.rules.connections import find_connections, redundant_connections, type_of
from kdlib.wire import CONFIG_MAP, CONTROLLER_REVISION, KD_APP, KD_CLUSTER, SECRET, Ref

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = {"limits": {"memory": "1Gi", "cpu": "1"}}


def cluster(name="c", **connections):
    return {
        "apiVersion": "kubedirector.hpe.com/v1beta1",
        "kind": "KubeDirectorCluster",
        "metadata": {"name": name, "namespace": "team", "uid": "u1"},
        "spec": {"app": "demo", "roles": [{"id": "a", "resources": LIMITS}], "connections": connections},
    }


def refs(root, known=None):
    return [str(ref) for ref in related(root, (known or {}).get, "kd") if ref.kind != KD_APP or ref.name != "demo"]


def found(root, related=(), unreadable=()):
    parsed = Cluster.of(root)
    return find_connections(parsed, parsed.spec, Seen(NOW, root, related=tuple(related), unreadable=tuple(unreadable)))


def ref(kind, name):
    return Ref(kind, "team", name)


def test_w23_what_is_connected_is_looked_up_in_the_clusters_namespace():
    """Not by its bare name."""
    root = cluster(clusters=["x"], configmaps=["y"], secrets=["z"])
    wanted = {str(ref(kind, name)) for kind, name in ((KD_CLUSTER, "x"), (CONFIG_MAP, "y"), (SECRET, "z"))}
    assert wanted <= set(refs(root))


def test_w21_a_connected_clusters_app_is_looked_up_as_that_cluster_finds_it():
    """By its own copy, and in both catalogs."""
    root, other = cluster(clusters=["x"]), cluster("x")
    other["spec"]["app"] = "wh"
    assert {"KubeDirectorApp team/wh", "KubeDirectorApp kd/wh"} <= set(refs(root, {ref(KD_CLUSTER, "x"): other}))
    other["status"] = {"reserved": {"appCopy": "kdapp-1"}}
    assert str(ref(CONTROLLER_REVISION, "kdapp-1")) in refs(root, {ref(KD_CLUSTER, "x"): other})
    assert str(ref(CONTROLLER_REVISION, "kdapp-1")) not in refs(root)


@pytest.mark.parametrize(
    "connections",
    [None, [], "x", {"clusters": "x"}, {"clusters": [5, None, "Not A Name"]}, {"secrets": {"a": 1}}],
    ids=range(6),
)
def test_anything_may_stand_where_connections_should(connections):
    root = cluster()
    root["spec"]["connections"] = connections
    assert refs(root) == refs(cluster())


@pytest.mark.parametrize("other", [{}, {"status": []}, {"status": {"reserved": {"appCopy": 5}}}, {"spec": 1}])
def test_any_object_may_be_connected(other):
    assert refs(cluster(clusters=["x"]), {ref(KD_CLUSTER, "x"): other}) == refs(cluster(clusters=["x"]))


def test_the_order_is_that_of_the_spec_and_each_counts_once():
    root = cluster(clusters=["b", "a", "b"], secrets=["s"], configmaps=["m", "m"])
    assert [(item.ref.kind, item.ref.name) for item in found(root)] == [
        (KD_CLUSTER, "b"),
        (KD_CLUSTER, "a"),
        (CONFIG_MAP, "m"),
        (SECRET, "s"),
    ]


def test_what_adds_nothing_is_passed_over_with_a_warning():
    """CL-X-20."""
    root = cluster(clusters=["c", "x", "x"], configmaps=["c"])
    assert [item.ref.name for item in found(root)] == ["x", "c"]
    assert str(ref(KD_CLUSTER, "c")) not in refs(root)
    assert list(redundant_connections(Cluster.of(root).spec, "team", "c")) == [
        "spec.connections.clusters[0]: 'c' is this cluster itself, which its members know anyway",
        "spec.connections.clusters[2]: KubeDirectorCluster 'x' is named before, and counts once",
    ]


def test_why_members_are_told_nothing_is_said_in_words():
    names = ["gone", "plain", "No Name", "secret", "elsewhere"]
    pairs = [(ref(SECRET, "gone"), None), (ref(SECRET, "plain"), {"metadata": {"name": "plain"}})]
    told = found(cluster(secrets=names), pairs, [(ref(SECRET, "secret"), "you may not")])
    assert [(item.problem, item.is_known) for item in told] == [
        ("does not exist", True),
        ("has no label 'kubedirector.hpe.com/secretType'", True),
        ("does not exist", True),
        ("cannot be read: you may not", False),
        ("is not looked up by this operator", False),
    ]


def test_a_type_is_that_of_the_label_of_its_kind():
    labels = {"kubedirector.hpe.com/cmType": "a", "kubedirector.hpe.com/secretType": "b"}
    pairs = [(ref(kind, "x"), {"metadata": {"labels": labels}}) for kind in TYPED]
    assert [type_of(item) for item in found(cluster(configmaps=["x"], secrets=["x"]), pairs)] == ["a", "b"]
