"""References and owners."""

import pytest

from kdlib import graph, wire

ROOT = {
    "apiVersion": "kubedirector.hpe.com/v1beta1",
    "kind": "KubeDirectorCluster",
    "metadata": {"name": "db", "namespace": "team", "uid": "u1"},
}


def thing(name="x", kind="Service", version="v1", **metadata):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "team", **metadata}}


def test_known_kinds_are_named_as_the_constants_name_them() -> None:
    for kind in (wire.SERVICE, wire.STATEFUL_SET, wire.CONTROLLER_REVISION, wire.KD_STATUS_BACKUP, wire.POD):
        ref = graph.ref_of(thing(kind=kind.name, version=kind.api_version))
        assert ref == wire.Ref(kind, "team", "x")
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
    assert graph.ref_of(space) == wire.Ref(wire.NAMESPACE, "", "team")


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("Ingress", "ingresses"),
        ("NetworkPolicy", "networkpolicies"),
        ("StorageClass", "storageclasses"),
        ("Endpoints", "endpoints"),
        ("Gateway", "gateways"),
        ("NotebookPool", "notebookpools"),
    ],
)
def test_resource_names_are_guessed_as_kubectl_guesses_them(kind, plural) -> None:
    assert graph.ref_of(thing(kind=kind)).kind.plural == plural


@pytest.mark.parametrize("obj", [{}, {"apiVersion": "v1", "kind": "Service"}, {"kind": "A", "metadata": {"name": "x"}}])
def test_an_object_without_a_name_is_refused(obj) -> None:
    with pytest.raises(ValueError, match="without apiVersion, kind or name"):
        graph.ref_of(obj)


def test_the_owner_controls_and_is_not_held_back() -> None:
    assert graph.owner_reference(ROOT) == {
        "apiVersion": "kubedirector.hpe.com/v1beta1",
        "kind": "KubeDirectorCluster",
        "name": "db",
        "uid": "u1",
        "controller": True,
        "blockOwnerDeletion": False,
    }
    (obj,) = graph.owned([thing(ownerReferences=[{"uid": "else"}])], ROOT)
    assert obj["metadata"]["ownerReferences"] == [graph.owner_reference(ROOT)]
    assert graph.controller_of(obj) == graph.owner_reference(ROOT)
    assert graph.controller_of(thing()) is None


def test_ownership_tells_own_former_foreign_and_free_apart() -> None:
    ownership = graph.Ownership(ROOT)
    own = thing(ownerReferences=[graph.owner_reference(ROOT)])
    former = thing(ownerReferences=[{**graph.owner_reference(ROOT), "uid": "u0"}])
    foreign = thing(ownerReferences=[{**graph.owner_reference(ROOT), "uid": "u0", "name": "other"}])
    free = thing(ownerReferences=[{"uid": "u9", "kind": "ConfigMap", "name": "c"}])

    told = [ownership.hold(obj) for obj in (own, former, foreign, free, thing())]
    assert told == [graph.Hold.OWN, graph.Hold.FORMER, graph.Hold.FOREIGN, graph.Hold.FREE, graph.Hold.FREE]
    assert [ownership.holds(obj) for obj in (own, former)] == [True, False]
