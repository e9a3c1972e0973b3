"""The graph of a cluster as a whole: which objects, under which names, and what stays or goes."""

import pytest

from kdlib import graph, manifests, model, wire
from kdlib.model import MemberState

OWNER = {
    "apiVersion": "kubedirector.hpe.com/v1beta1",
    "kind": "KubeDirectorCluster",
    "name": "db1",
    "uid": "11111111-2222",
    "controller": True,
    "blockOwnerDeletion": False,
}


def names(objects):
    return [(obj["kind"], obj["metadata"]["name"]) for obj in objects]


def named(objects, kind, name):
    return objects.get(wire.Ref(kind, "team", name))


def in_state(state, *pods):
    """Return a change of the status: the members of these pods are in this state."""

    def change(status):
        roles = tuple(
            role.changed(
                members=tuple(m.changed(state=state) if m.pod in pods else m for m in role.members),
            )
            for role in status.roles
        )
        return status.changed(roles=roles)

    return change


def pod(name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "team"}}


def claim(name, uid="11111111-2222"):
    owners = [{**OWNER, "uid": uid}] if uid else []
    metadata = {"name": name, "namespace": "team", "uid": "c", "resourceVersion": "1", "ownerReferences": owners}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}


def test_a_cluster_is_a_copy_of_its_app_services_and_a_set_for_each_role(make) -> None:
    objects = manifests.graph_of(*make())

    assert names(objects) == [
        ("ControllerRevision", "kdapp-z5t4h"),
        ("StatefulSet", "kdss-data"),
        ("StatefulSet", "kdss-seed"),
        ("Service", "kdhs-x7k2p"),
        ("Service", "s-kdss-data-0"),
        ("Service", "s-kdss-data-1"),
        ("Service", "s-kdss-seed-0"),
    ]
    assert [ref.name for ref in objects.first] == ["kdapp-z5t4h", "kdhs-x7k2p"]


def test_every_object_belongs_to_the_cluster_and_says_so(make) -> None:
    for obj in manifests.graph_of(*make()):
        metadata = obj["metadata"]
        assert metadata["ownerReferences"] == [OWNER]
        assert metadata["namespace"] == "team"
        assert metadata["labels"]["kubedirector.hpe.com/kdcluster"] == "db1"
        assert metadata["annotations"][graph.INTENT] == graph.intent_digest(obj)


@pytest.mark.parametrize("scheme", ["UID", "CrNameRole"])
def test_the_graph_is_golden(make, golden, scheme) -> None:
    roles = [
        {"id": "seed", "members": 1, "resources": {"limits": {"memory": "4Gi", "cpu": "1500m"}}},
        {
            "id": "data",
            "members": 2,
            "resources": {"limits": {"memory": "4Gi", "cpu": "2"}},
            "storage": {"size": "5Gi"},
        },
        {"id": "edge", "members": 1, "resources": {"limits": {"memory": "1Gi", "cpu": "1"}}},
    ]
    objects = manifests.graph_of(*make(roles, reserved={"namingScheme": scheme}))
    golden(f"graph-{scheme}", list(objects))


def test_a_port_less_role_has_no_services(make) -> None:
    roles = [{"id": "seed", "resources": {"limits": {"memory": "1Gi", "cpu": "1"}}}]
    edge = {"id": "edge", "members": 2, "resources": {"limits": {"memory": "1Gi", "cpu": "1"}}}
    objects = manifests.graph_of(*make([*roles, {**edge, "id": "data", "members": 0}, edge]))
    assert [name for kind, name in names(objects) if kind == "Service"] == ["kdhs-x7k2p", "s-kdss-seed-0"]


def test_a_role_without_members_has_no_set(make) -> None:
    objects = manifests.graph_of(*make([{**role, "members": n} for role, n in zip(base_roles(), (1, 0), strict=True)]))
    assert [name for kind, name in names(objects) if kind == "StatefulSet"] == ["kdss-seed"]


def base_roles():
    limits = {"limits": {"memory": "1Gi", "cpu": "1"}}
    return [{"id": "seed", "resources": limits}, {"id": "data", "resources": limits}]


def test_the_copy_holds_the_app_as_resolved(make) -> None:
    resolved, life = make()
    copy = named(manifests.graph_of(resolved, life), wire.CONTROLLER_REVISION, "kdapp-z5t4h")

    assert copy["revision"] == 1
    assert copy["data"]["app"] == "exampledb"
    assert model.AppSpec.model_validate(copy["data"]["spec"]).roles == resolved.app.roles
    assert "configPackage" not in copy["data"]["spec"]["roles"][2]
    assert copy["data"]["spec"]["roles"][0]["imageRepoTag"] == "registry.example/db:1"


def test_the_data_of_a_copy_that_is_there_stays_since_no_server_changes_it(make) -> None:
    resolved, life = make()
    copy = named(manifests.graph_of(resolved, life), wire.CONTROLLER_REVISION, "kdapp-z5t4h")
    data = {**copy["data"], "spec": {**copy["data"]["spec"], "writtenByAnOlderRelease": True}}
    live = {**copy, "data": data, "revision": 1}

    resolved, life = make(children=[live])
    again = manifests.graph_of(resolved, life)

    assert named(again, wire.CONTROLLER_REVISION, "kdapp-z5t4h")["data"] == data


def test_a_leaving_member_keeps_service_and_claim_until_its_pod_is_gone_for_good(make) -> None:
    roles = base_roles()
    roles[1] = {**roles[1], "members": 1, "storage": {"size": "1Gi"}}
    leaving = in_state(MemberState.DELETING, "kdss-data-0")
    children = [claim("p-kdss-data-0"), pod("kdss-data-0")]
    there = manifests.graph_of(*make(roles, children=children, change=leaving))
    gone = manifests.graph_of(*make(roles, children=children[:1], change=leaving))
    still_wanted = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "kdss-data", "namespace": "team"},
        "spec": {"replicas": 1},
    }
    back_soon = manifests.graph_of(*make(roles, children=[*children[:1], still_wanted], change=leaving))

    owned_by_member = {("Service", "s-kdss-data-0"), ("PersistentVolumeClaim", "p-kdss-data-0")}
    assert owned_by_member <= set(names(there))
    assert not owned_by_member & set(names(gone))
    assert owned_by_member <= set(names(back_soon))


@pytest.mark.parametrize(("observed", "kept"), [(1, True), (2, False)])
def test_a_set_whose_controller_has_not_seen_its_replicas_may_still_make_the_pod(make, observed, kept) -> None:
    roles = base_roles()
    roles[1] = {**roles[1], "members": 1, "storage": {"size": "1Gi"}}
    live = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "kdss-data", "namespace": "team", "generation": 2},
        "spec": {"replicas": 0},
        "status": {"observedGeneration": observed},
    }
    leaving = in_state(MemberState.DELETING, "kdss-data-0")
    made = manifests.graph_of(*make(roles, children=[claim("p-kdss-data-0"), live], change=leaving))
    assert (("PersistentVolumeClaim", "p-kdss-data-0") in names(made)) is kept


def test_a_claim_gets_its_owner_first_even_if_it_is_to_go(make) -> None:
    leaving = in_state(MemberState.DELETING, "kdss-data-0")
    objects = manifests.graph_of(*make(base_roles(), children=[claim("p-kdss-data-0", uid="")], change=leaving))

    made = named(objects, wire.PERSISTENT_VOLUME_CLAIM, "p-kdss-data-0")
    assert made["metadata"]["ownerReferences"] == [OWNER]
    assert "spec" not in made


def test_claims_of_nobody_known_are_left_alone(make) -> None:
    children = [claim(name) for name in ("p-other-0", "x-kdss-data-0", "bad-kdss-data-0", "p", "b-kdss-data-0")]
    assert not [1 for kind, _ in names(manifests.graph_of(*make(children=children))) if kind == "PersistentVolumeClaim"]


def test_block_claims_belong_to_the_cluster_too(make) -> None:
    objects = manifests.graph_of(*make(children=[claim("b11-kdss-data-1", uid="")]))
    assert ("PersistentVolumeClaim", "b11-kdss-data-1") in names(objects)


def test_a_role_that_left_the_spec_keeps_its_set_but_for_the_replicas(make) -> None:
    edge = {"id": "data", "members": 2}
    live_spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"creationTimestamp": None, "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "app"}]},
        },
    }
    live = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "kdss-data", "namespace": "team"},
        "spec": live_spec,
    }

    objects = manifests.graph_of(*make(base_roles()[:1], gone=[edge], children=[live]))

    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "app"}]}}
    made = named(objects, wire.STATEFUL_SET, "kdss-data")
    assert made["spec"] == {**live_spec, "replicas": 0, "template": template}
    assert [ref.name for ref in objects.kept] == ["s-kdss-data-0", "s-kdss-data-1"]


def test_a_set_of_a_role_that_left_and_is_gone_is_not_made_again(make) -> None:
    objects = manifests.graph_of(*make(base_roles()[:1], gone=[{"id": "data", "members": 1}]))
    assert ("StatefulSet", "kdss-data") not in names(objects)


def old_and_new(*, revision, behind=False):
    """Return a set that was updated, and the pod of its first member from the template before or after that."""
    labels = {"controller-revision-hash": revision}
    metadata = {"name": "kdss-seed", "namespace": "team", "generation": 2}
    status = {"observedGeneration": 1 if behind else 2, "updateRevision": "new"}
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": {}, "status": status}
    old = pod("kdss-seed-0")
    return owner, {**old, "metadata": {**old["metadata"], "labels": labels}}


def never_set_up(state, **detail):
    """Return a change of the status: no member of the role `seed` was ever set up."""

    def change(status):
        def moved(member):
            return member.changed(state=state, state_detail=model.StateDetail(**detail))

        return status.changed(
            roles=tuple(
                role.changed(members=tuple(map(moved, role.members))) if role.id == "seed" else role
                for role in status.roles
            )
        )

    return change


@pytest.mark.parametrize(
    ("state", "detail", "children", "renewed"),
    [
        (MemberState.CREATE_PENDING, {}, {"revision": "old"}, True),
        (MemberState.CONFIG_ERROR, {"config_error_detail": "ended with 7"}, {"revision": "old"}, True),
        (
            MemberState.CONFIG_ERROR,
            {"config_error_detail": "ended with 7", "last_configured_container": "containerd://1"},
            {"revision": "old"},
            True,
        ),
        (
            MemberState.CONFIG_ERROR,
            {"config_error_detail": "ended with 7", "last_configured_container": "containerd://1", "announced": True},
            {"revision": "old"},
            False,
        ),
        (MemberState.CREATING, {}, {"revision": "old"}, False),
        (MemberState.CREATE_PENDING, {"last_configured_container": "containerd://1"}, {"revision": "old"}, False),
        (MemberState.CONFIGURED, {}, {"revision": "old"}, False),
        (MemberState.CREATE_PENDING, {}, {"revision": "new"}, False),
        (MemberState.CREATE_PENDING, {}, {"revision": "old", "behind": True}, False),
    ],
    ids=[
        "waits",
        "failed",
        "failed in this life",
        "failed after it ran",
        "is being set up",
        "was set up",
        "runs",
        "is new",
        "its set is behind",
    ],
)
def test_a_member_never_set_up_gets_a_pod_from_the_corrected_template(make, state, detail, children, renewed) -> None:
    found = manifests.graph_of(*make(children=old_and_new(**children), change=never_set_up(state, **detail)))
    assert [ref.name for ref in found.renewed] == (["kdss-seed-0"] if renewed else [])


@pytest.mark.parametrize(("metadata", "namespace"), [({}, "team"), ({"namespace": ""}, "")])
def test_ko_16_the_backup_holds_the_whole_status_and_goes_with_its_cluster(make, metadata, namespace) -> None:
    resolved, _ = make()
    root = {**resolved.seen.root, "metadata": {**resolved.seen.root["metadata"], **metadata}}
    root["metadata"] = {key: value for key, value in root["metadata"].items() if value != ""}
    (backup,) = manifests.status_backup(root, {"state": "configured"})
    assert (backup["apiVersion"], backup["kind"]) == ("kubedirector.hpe.com/v1beta1", "KubeDirectorStatusBackup")
    assert backup["spec"] == {"statusBackup": {"state": "configured"}}
    found = backup["metadata"]
    assert (found["name"], found["namespace"], found["ownerReferences"]) == ("db1", namespace, [OWNER])
    assert found["labels"] == {"kubedirector.hpe.com/kdcluster": "db1"}
