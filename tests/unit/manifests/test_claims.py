"""What becomes of claims: they go with a member that leaves, or with the cluster, or outlive both."""

import re
from pathlib import Path

import pytest

from kdlib import graph, manifests, wire
from kdlib.frozen import short_digest
from kdlib.graph import Delete, Release
from kdlib.model import MemberState
from kdlib.names import LABEL_CLUSTER, LABEL_ROLE

ROOT_UID = "11111111-2222"
STAYS, LEAVES, LEFT = "p-kdss-data-0", "p-kdss-data-1", "p-kdss-data-7"


def claim(name, uid=ROOT_UID, labels=None):
    owner = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorCluster", "name": "db1"}
    owners = [{**owner, "uid": uid, "controller": True, "blockOwnerDeletion": False}] if uid else []
    metadata = {"name": name, "namespace": "team", "uid": f"u-{name}", "resourceVersion": "1", "labels": labels or {}}
    found = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}
    return {**found, "metadata": {**metadata, "ownerReferences": owners}} if owners else found


def planned(make, claims, when_deleted="Delete", when_scaled="Delete"):
    """Return what is done to each claim, of a cluster with one member that stays and one that left."""

    def change(status):
        seed, data = status.roles
        one, two = data.members
        return status.changed(roles=(seed, data.changed(members=(one, two.changed(state=MemberState.DELETING)))))

    roles = [
        {"id": "seed", "members": 1, "resources": {"limits": {"memory": "4Gi", "cpu": "2"}}},
        {
            "id": "data",
            "members": 2,
            "resources": {"limits": {"memory": "4Gi", "cpu": "2"}},
            "storage": {"size": "1Gi"},
        },
    ]
    policy = {"whenDeleted": when_deleted, "whenScaled": when_scaled}
    answer = make(roles, children=claims, change=change, spec={"persistentVolumeClaimRetentionPolicy": policy})
    objects = manifests.graph_of(*answer)
    steps = graph.plan(objects, claims, root=answer[0].seen.root, deletable=manifests.MANAGED).steps
    return {step.ref.name: type(step) for step in steps if step.ref.kind == wire.PERSISTENT_VOLUME_CLAIM}


@pytest.mark.parametrize(
    ("when_deleted", "when_scaled", "owned", "free"),
    [
        ("Delete", "Delete", {LEAVES: "goes"}, {STAYS: "owned", LEAVES: "owned", LEFT: "owned"}),
        ("Delete", "Retain", {}, {STAYS: "owned", LEAVES: "owned", LEFT: "owned"}),
        ("Retain", "Delete", {STAYS: "let go", LEAVES: "goes", LEFT: "let go"}, {LEAVES: "owned"}),
        ("Retain", "Retain", {STAYS: "let go", LEAVES: "let go", LEFT: "let go"}, {}),
    ],
)
def test_claims_go_and_stay_as_the_policy_says(make, when_deleted, when_scaled, owned, free):
    """W-30, W-11: only the claim of a member that left is ever deleted, whatever the policy was before."""
    words = {Delete: "goes", Release: "let go", graph.Apply: "owned"}
    names = (STAYS, LEAVES, LEFT)
    there = planned(make, [claim(name) for name in names], when_deleted, when_scaled)
    # What is owned already is marked with our intent by one more apply, which is not what this is about.
    assert {name: words[kind] for name, kind in there.items() if kind is not graph.Apply} == owned
    nobodys = planned(make, [claim(name, uid="") for name in names], when_deleted, when_scaled)
    assert {name: words[kind] for name, kind in nobodys.items()} == free


def test_a_claim_of_a_role_that_is_gone_stays_the_clusters(make):
    """Known by its labels, and by its owner, or by the name of its set, which is made from the cluster's UID."""
    labels = {LABEL_CLUSTER: "db1", LABEL_ROLE: "gone"}
    name = f"p-kdss-{short_digest(ROOT_UID, 'gone', 0)}-0"
    assert planned(make, [claim(name, "", labels)]) == {name: graph.Apply}
    assert planned(make, [claim("p-kdss-gone-0", labels=labels)]) == {"p-kdss-gone-0": graph.Apply}
    assert planned(make, [claim("p-kdss-gone-0", labels=labels)], "Retain") == {"p-kdss-gone-0": Release}
    assert planned(make, [claim(name, "", {LABEL_CLUSTER: "db1"})]) == {}


@pytest.mark.parametrize("when_scaled", ["Delete", "Retain"])
def test_what_a_former_namesake_left_of_a_role_that_the_cluster_has_not_is_not_taken_up(make, when_scaled):
    """CL-X-77: it was to outlive that cluster, and would go with this one."""
    left = claim("p-kdss-gone-0", "", {LABEL_CLUSTER: "db1", LABEL_ROLE: "gone"})
    assert planned(make, [left], "Delete", when_scaled) == {}


def test_a_claim_that_no_set_made_is_never_deleted(make):
    """W-30."""
    assert planned(make, [claim("data"), claim("p-other-0"), claim("p")]) == {}


def test_an_owner_of_somebody_else_stays_when_a_claim_is_let_go(make):
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "other"}
    live = claim(STAYS)
    live["metadata"]["ownerReferences"].append(other)
    ref = graph.ref_of(live)
    root = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorCluster"}
    root["metadata"] = {"name": "db1", "namespace": "team", "uid": ROOT_UID}
    (step,) = graph.plan(graph.ObjectGraph(released=(ref,)), [live], root=root).steps
    assert step.patch["metadata"]["ownerReferences"] == [other]
    assert (step.patch["metadata"]["uid"], step.patch["metadata"]["resourceVersion"]) == (f"u-{STAYS}", "1")


def test_op05_a_backup_product_is_told_to_leave_out_all_that_is_in_memory(make):
    """OP-05: the annotation of the how-to names each volume in memory, and reaches the pods."""
    page = Path(__file__).parents[3] / "docs" / "howto" / "backup-and-restore.md"
    key, value = re.search(r"(backup\S+/backup-volumes-excludes): (\S+)", page.read_text(encoding="utf-8")).groups()
    role = {"id": "seed", "resources": {"limits": {"memory": "4Gi", "cpu": "2"}}, "sharedMemory": "1Gi"}
    objects = manifests.graph_of(*make([role], reserved={"podAnnotations": {key: value}}))
    (made,) = objects.of_kind(wire.STATEFUL_SET)
    template = made["spec"]["template"]
    in_memory = [item["name"] for item in template["spec"]["volumes"] if item.get("emptyDir", {}).get("medium")]
    assert template["metadata"]["annotations"][key].split(",") == in_memory


@pytest.mark.parametrize(
    ("finalizers", "sets", "goes"),
    [
        pytest.param((), {"kdss-data": ROOT_UID}, True, id="with its set"),
        pytest.param((), {"kdss-data": None}, False, id="not where its set was orphaned"),
        pytest.param(("orphan",), {"kdss-data": ROOT_UID}, False, id="not where its set is to be orphaned"),
        pytest.param((), {}, False, id="not where its set went by another hand"),
        pytest.param(("foregroundDeletion",), {}, True, id="where the collector took the set before"),
    ],
)
def test_w30_a_claim_that_nobody_owns_yet_goes_with_a_cluster_as_its_set_does(finalizers, sets, goes):
    metadata = {"name": "db1", "namespace": "team", "uid": ROOT_UID, "finalizers": ["kubedirector", *finalizers]}
    root = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorCluster", "metadata": metadata}
    root["status"] = {"roles": [{"id": "data", "statefulSet": "kdss-data"}]}
    there = [{**claim(name, uid), "apiVersion": "apps/v1", "kind": "StatefulSet"} for name, uid in sets.items()]
    found = manifests.claims_of_going(root, [claim(STAYS, uid=None)], there)
    assert [item["metadata"]["name"] for item in found] == ([STAYS] if goes else [])
