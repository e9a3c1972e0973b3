"""Admission of clusters: references, rights, immutability, secret keys, restoring - each rule, and all at once."""

import json

import pytest

from kdlib.rules import Access, User, decrypted
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, SERVICE_ACCOUNT

KEY = bytes.fromhex("0f" * 32)
OPERATOR = User("system:serviceaccount:kd:kubedirector")
STATUS = {
    "generationUID": "g",
    "reserved": {"appCopy": "kdapp-x", "appNamespace": "team", "appCatalog": "local"},
    "roles": [{"id": "front", "statefulSet": "kdss-1", "members": [{"pod": "kdss-1-0", "state": "configured"}]}],
}


def told(verdict):
    return sorted({(problem.rule, problem.path) for problem in verdict.problems})


def test_a_good_cluster_is_accepted_and_its_spec_left_alone(world, make):
    verdict = world.create(make.cluster(make.role(), make.role("back", members=3)))
    assert (verdict.problems, verdict.patch, verdict.warnings) == ((), (), ())


def test_the_app_is_looked_for_where_the_catalog_says(world, make):
    """CL-V-10."""
    assert told(world.create(make.cluster(app="other"))) == [("CL-V-10", "spec.app")]
    assert told(world.create(make.cluster(appCatalog="system"))) == [("CL-V-10", "spec.app")]
    assert world.having(make.app("other", "kd")).create(make.cluster(app="other")).allowed


@pytest.mark.parametrize("name", ["..", "../../secrets/x", "a/b", "A", "a?x=1", "\u00e9", "a\nb", "x" * 254])
def test_a_name_that_no_object_can_have_is_looked_up_nowhere(world, make, name):
    everything = make.cluster(make.role(secret={"name": name, "mountPath": "/s"}, serviceAccountName=name), app=name)
    verdict = world.create(everything)
    assert {rule for rule, _ in told(verdict)} == {"CL-V-10", "CL-X-09"}


ABSENT = [
    ("CL-V-22", "spec.roles[0].serviceAccountName", {"serviceAccountName": "robot"}),
    ("CL-V-25", "spec.roles[0].storage.storageClassName", {"storage": {"size": "1Gi", "storageClassName": "no"}}),
    ("CL-V-35", "spec.roles[0].secret.name", {"secret": {"name": "no", "mountPath": "/s"}}),
    (
        "CL-V-38",
        "spec.roles[0].volumeProjections[0].pvcName",
        {"volumeProjections": [{"pvcName": "no", "mountPath": "/d"}]},
    ),
    (
        "CL-X-14",
        "spec.roles[0].blockStorage.storageClassName",
        {"blockStorage": {"storageClassName": "no", "pathPrefix": "/dev/x", "numDevices": 1}},
    ),
]


@pytest.mark.parametrize(("rule", "path", "field"), ABSENT, ids=[case[0] for case in ABSENT])
def test_what_a_role_uses_must_exist(world, make, rule, path, field):
    assert told(world.create(make.cluster(make.role(**field)))) == [(rule, path)]


def test_the_default_secret_must_exist(world, make):
    """CL-V-33; CL-V-32 is its prefix."""
    secret = {"name": "no", "mountPath": "/s"}
    assert told(world.create(make.cluster(defaultSecret=secret))) == [("CL-V-33", "spec.defaultSecret.name")]


def test_storage_gets_a_class_or_is_refused(world, make):
    """CL-V-26 and CL-V-27, told once."""
    wanted = make.cluster(make.role(storage={"size": "1Gi"}), make.role("back", storage={"size": "1Gi"}))
    path = "spec.roles[0].storage.storageClassName"
    assert told(world.create(wanted)) == [("CL-V-26", path)]
    assert world.having(make.storage_class("usual", default=True)).create(wanted).allowed
    others = tuple(item for item in world.objects if item["kind"] != "KubeDirectorConfig")
    configured = type(world)((*others, make.config(defaultStorageClassName="gone")))
    assert told(configured.create(wanted)) == [("CL-V-27", path)]
    assert configured.having(make.storage_class("gone")).create(wanted).allowed


def claim(make, name="data", modes=("ReadWriteOnce",), **spec):
    return make.named(PERSISTENT_VOLUME_CLAIM, name, spec={"accessModes": list(modes), **spec})


def test_w53_a_claim_of_one_node_is_for_one_member(world, make):
    """CL-V-39 (c); W-53: one member may mount it twice."""
    twice = [{"pvcName": "data", "mountPath": "/a"}, {"pvcName": "data", "mountPath": "/b"}]
    once = [{"pvcName": "data", "mountPath": "/a"}]
    alone = make.cluster(make.role(volumeProjections=twice))
    several = make.cluster(make.role(volumeProjections=once), make.role("back", members=1, volumeProjections=once))
    one_node = world.having(claim(make))
    assert one_node.create(alone).allowed
    assert {rule for rule, _ in told(one_node.create(several))} == {"CL-V-39"}
    assert world.having(claim(make, modes=("ReadOnlyMany",))).create(several).allowed


def test_a_raw_claim_is_not_mounted(world, make):
    """CL-V-38."""
    wanted = make.cluster(make.role(volumeProjections=[{"pvcName": "data", "mountPath": "/a"}]))
    assert {rule for rule, _ in told(world.having(claim(make, volumeMode="Block")).create(wanted))} == {"CL-V-38"}


def test_w13_the_user_must_have_the_right_to_what_members_see(world, make):
    """CL-V-22, CL-V-33, CL-V-35, CL-V-38 and CL-X-13, by plural and by the object's own name (W-13)."""
    projection = [{"pvcName": "data", "mountPath": "/a"}]
    wanted = make.cluster(
        make.role(secret={"name": "s1", "mountPath": "/s"}, serviceAccountName="robot", volumeProjections=projection),
        defaultSecret={"name": "s2", "mountPath": "/t"},
        connections={"clusters": ["other"], "configmaps": ["cm"], "secrets": ["s2"]},
    )
    asked = []
    full = world.having(make.named(SERVICE_ACCOUNT, "robot"), claim(make))
    watching = type(world)(full.objects, forbidden=lambda access: asked.append(access) or True)
    assert told(watching.create(wanted)) == [
        ("CL-V-22", "spec.roles[0].serviceAccountName"),
        ("CL-V-33", "spec.defaultSecret.name"),
        ("CL-V-35", "spec.roles[0].secret.name"),
        ("CL-V-38", "spec.roles[0].volumeProjections[0].pvcName"),
        ("CL-X-13", "spec.connections.clusters[0]"),
        ("CL-X-13", "spec.connections.configmaps[0]"),
        ("CL-X-13", "spec.connections.secrets[0]"),
    ]
    assert Access("get", "", "serviceaccounts", "team", "robot") in asked
    assert Access("get", "kubedirector.hpe.com", "kubedirectorclusters", "team", "other") in asked
    assert full.create(wanted).allowed
    assert watching.create(wanted, user=OPERATOR).allowed
    assert type(world)(full.objects, forbidden=lambda _: True, check_access=False).create(wanted).allowed


def test_a_right_is_asked_for_once_not_at_each_change_of_the_size(world, make):
    secret = {"name": "s1", "mountPath": "/s"}
    old = make.cluster(make.role("back", members=1, secret=secret), make.role())
    larger = make.cluster(make.role("back", members=5, secret=secret), make.role())
    other = make.cluster(make.role("back", members=5, secret={**secret, "name": "s2"}), make.role())
    forbidding = type(world)(world.objects, forbidden=lambda _: True)
    assert forbidding.update(larger, old).allowed
    assert told(forbidding.update(other, old)) == [("CL-V-35", "spec.roles[0].secret.name")]


def test_a_connection_to_something_that_is_not_there_yet_is_a_warning(world, make):
    """CL-X-13: two clusters may name each other."""
    verdict = world.create(make.cluster(connections={"clusters": ["later"], "secrets": ["s1"]}))
    assert verdict.allowed
    assert [text.partition(":")[0] for text in verdict.warnings] == ["spec.connections.clusters[0]"]


def test_a_variable_that_is_set_twice_is_a_warning(world, make):
    """CL-X-03: a pod takes the last one."""
    verdict = world.create(make.cluster(make.role(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])))
    assert (verdict.allowed, len(verdict.warnings)) == (True, 1)


def test_all_problems_come_at_once(world, make):
    wanted = make.cluster(
        make.role(members=3, podLabels={"a b": "c"}, secret={"name": "no", "mountPath": "/s"}),
        make.role("back", storage={"size": "0", "storageClassName": "no"}),
    )
    verdict = world.create(wanted)
    assert {rule for rule, _ in told(verdict)} == {"CL-V-17", "CL-V-19", "CL-V-24", "CL-V-25", "CL-V-35"}
    assert all(problem.path and problem.what and problem.remedy for problem in verdict.problems)


def test_what_cannot_be_read_hides_nothing_else(world, make):
    """WH-06: form and meaning at once, each at its own place."""
    wanted = make.cluster(
        make.role("back", resources={"limits": {"cpu": 2, "memory": "1Gi"}}, podLabels={"a b": "c"}),
        make.role("front", members=7, secret={"name": "no", "mountPath": "/s"}),
        make.role("side"),
        serviceType="Ingress",
    )
    assert told(world.create(wanted)) == [
        ("", "spec.roles[0].resources.limits.cpu"),
        ("", "spec.serviceType"),
        ("CL-V-14", "spec.roles[2].id"),
        ("CL-V-17", "spec.roles[1].members"),
        ("CL-V-19", "spec.roles[0].podLabels[a b]"),
        ("CL-V-35", "spec.roles[1].secret.name"),
    ]
    assert told(world.create(make.cluster(7))) == [("", "spec.roles[0]")]


def test_what_cannot_be_read_of_an_app_or_the_configuration_hides_nothing_else(world, make):
    roles = [{"id": "front", "cardinality": 1}, {"id": "back", "cardinality": "0+", "containerSpec": {"tty": True}}]
    app = make.app("other", roles=roles, version=1.5)
    app["spec"]["config"]["selectedRoles"] = ["nose", 7]
    assert told(world.create(app)) == [
        ("", "spec.config.selectedRoles[1]"),
        ("", "spec.roles[0].cardinality"),
        ("", "spec.version"),
        ("APP-V-07", "spec.config.selectedRoles[0]"),
        ("APP-V-09", "spec.roles[1].containerSpec.stdin"),
    ]
    config = make.config(defaultServiceType="Ingress", masterEncryptionKey="xyz", defaultStorageClassName="no")
    assert told(world.create(config)) == [
        ("", "spec.defaultServiceType"),
        ("CFG-V-07", "spec.defaultStorageClassName"),
        ("CFG-V-08", "spec.masterEncryptionKey"),
    ]


def keys(*items, **more):
    return {"secretKeys": list(items), **more}


def test_a_secret_value_is_stored_encrypted_only(world, make):
    """CL-M-09, OP-06."""
    wanted = make.cluster(make.role(**keys({"name": "a", "value": "hunter2"}, {"name": "b"})))
    kept = make.stored(wanted, world.create(wanted))["spec"]["roles"][0]["secretKeys"]
    assert [sorted(item) for item in kept] == [["encryptedValue", "name"]] * 2
    assert [decrypted(item["encryptedValue"], KEY) for item in kept] == ["hunter2", ""]
    assert kept[0]["encryptedValue"][:24] != kept[1]["encryptedValue"][:24]


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def test_a_secret_value_does_not_stay_in_the_copy_that_client_side_apply_keeps(world, make):
    """CL-M-09."""
    wanted = make.cluster(make.role(**keys({"name": "a", "value": "hunter2"}, {"name": "b"})))
    copied = json.dumps(wanted)
    wanted["metadata"]["annotations"] = {"theirs": "x", LAST_APPLIED: copied}
    kept = make.stored(wanted, world.create(wanted))
    assert "hunter2" not in json.dumps(kept)
    assert kept["metadata"]["annotations"]["theirs"] == "x"
    role = make.role(**keys({"name": "a"}, {"name": "b"}))
    without = json.loads(copied) | {"spec": make.cluster(role)["spec"]}
    assert json.loads(kept["metadata"]["annotations"][LAST_APPLIED]) == without
    again = world.update(wanted, kept)
    assert make.stored(wanted, again) == kept


@pytest.mark.parametrize("text", ["{", '{"secretKeys"', '{"spec":{"roles":[{"secretKeys":[1]},2]}}', '"secretKeys"'])
def test_a_copy_that_kubectl_did_not_write_is_left_alone(world, make, text):
    wanted = make.cluster(make.role())
    wanted["metadata"]["annotations"] = {LAST_APPLIED: text}
    assert (world.create(wanted).allowed, world.create(wanted).patch) == (True, ())


def test_a_copy_nested_too_deeply_to_be_read_is_left_alone(world, make):
    wanted = make.cluster(make.role())
    wanted["metadata"]["annotations"] = {LAST_APPLIED: '{"secretKeys":' + "[" * 100_000}
    assert (world.create(wanted).allowed, world.create(wanted).patch) == (True, ())


def test_a_ciphertext_that_says_the_same_is_kept(world, make):
    """W-10: a manifest with the clear value is applied again while its role has members."""
    wanted = make.cluster(make.role(**keys({"name": "a", "value": "hunter2"})))
    old = {**make.stored(wanted, world.create(wanted)), "status": STATUS}
    again = world.update(wanted, old)
    assert make.stored(wanted, again)["spec"] == old["spec"]
    other = make.cluster(make.role(**keys({"name": "a", "value": "hunter3"})))
    assert make.stored(other, world.update(other, old))["spec"] != old["spec"]


def test_nobody_brings_a_ciphertext_along(world, make):
    """CL-V-36."""
    first = make.cluster(make.role(**keys({"name": "a", "value": "hunter2"})))
    old = make.stored(first, world.create(first))
    text = old["spec"]["roles"][0]["secretKeys"][0]["encryptedValue"]
    stolen = make.cluster(make.role(**keys({"name": "a", "encryptedValue": text})))
    verdict = world.create(stolen)
    assert told(verdict) == [("CL-V-36", "spec.roles[0].secretKeys[0].encryptedValue")]
    assert text not in str(verdict)
    renamed = make.cluster(make.role(**keys({"name": "b", "encryptedValue": text})))
    assert {rule for rule, _ in told(world.update(renamed, old))} == {"CL-V-36"}
    assert world.update(old, old).allowed


def test_without_a_key_nothing_is_encrypted_and_the_value_not_told(world, make):
    """CL-V-37."""
    others = tuple(item for item in world.objects if item["kind"] != "KubeDirectorConfig")
    verdict = type(world)(others).create(make.cluster(make.role(**keys({"name": "a", "value": "hunter2"}))))
    assert told(verdict) == [("CL-V-37", "spec.roles[0].secretKeys[0].value")]
    assert "hunter2" not in str(verdict)


def test_a_refused_object_is_not_patched(world, make):
    """WH-07."""
    verdict = world.create(make.cluster(make.role(members=2, **keys({"name": "a", "value": "x"}))))
    assert (verdict.allowed, verdict.patch) == (False, ())


def test_restoring_labels_a_cluster_that_comes_from_a_backup(world, make):
    """CL-M-01: what it refers to need not be there yet."""
    annotated = {"annotations": {"kubedirector.hpe.com/status-backup-exists": "true"}}
    wanted = make.cluster(make.role(secret={"name": "later", "mountPath": "/s"}), app="later", metadata=annotated)
    kept = make.stored(wanted, world.create(wanted))
    assert kept["metadata"]["labels"] == {"kubedirector.hpe.com/restoring": ""}
    with_labels = make.cluster(metadata={**annotated, "labels": {"a": "b"}})
    kept = make.stored(with_labels, world.create(with_labels))
    assert kept["metadata"]["labels"] == {"a": "b", "kubedirector.hpe.com/restoring": ""}


def test_a_cluster_that_had_no_backup_is_a_new_one(world, make):
    """W-24: nothing could ever end its pause."""
    annotated = {"annotations": {"kubedirector.hpe.com/status-backup-exists": "false"}}
    assert world.create(make.cluster(metadata=annotated)).patch == ()
    assert told(world.create(make.cluster(app="no", metadata=annotated))) == [("CL-V-10", "spec.app")]


def test_restoring_is_no_way_around_the_rules(world, make):
    """W-24: rights, ciphertexts and what needs no other object are checked at once; clear values are encrypted."""
    annotated = {"annotations": {"kubedirector.hpe.com/status-backup-exists": "true"}}
    wanted = make.cluster(
        make.role(
            secret={"name": "s1", "mountPath": "/s"},
            podLabels={"a b": "c"},
            **keys({"name": "a", "encryptedValue": "0f"}),
        ),
        metadata=annotated,
    )
    assert {rule for rule, _ in told(type(world)(world.objects, forbidden=lambda _: True).create(wanted))} == {
        "CL-V-19",
        "CL-V-35",
        "CL-V-36",
    }
    clear = make.cluster(make.role(**keys({"name": "a", "value": "hunter2"})), metadata=annotated)
    assert "hunter2" not in str(make.stored(clear, world.create(clear)))


RESTORING = {"labels": {"kubedirector.hpe.com/restoring": ""}}


def test_a_paused_cluster_keeps_its_spec_and_its_labels_are_free(world, make):
    """CL-V-02."""
    old = make.cluster(app="later", metadata=RESTORING)
    labelled = make.cluster(app="later", metadata={"labels": {**RESTORING["labels"], "a": "b"}})
    assert world.update(labelled, old).allowed
    assert told(world.update(make.cluster(metadata=RESTORING), old)) == [("CL-V-02", "spec")]


def test_a_cluster_that_resumes_is_checked_in_full(world, make):
    """W-24: pending notifications of the restored status are no hindrance."""
    detail = {"pendingNotifyCmds": [{"arguments": ["--addnodes"]}]}
    member = {"pod": "kdss-1-0", "state": "configured", "stateDetail": detail}
    status = {**STATUS, "roles": [{**STATUS["roles"][0], "members": [member]}]}
    old = make.cluster(metadata=RESTORING, status=status)
    assert world.update(make.cluster(status=status), old, user=OPERATOR).allowed
    gone = make.cluster(app="later", metadata=RESTORING)
    assert told(world.update(make.cluster(app="later"), gone, user=OPERATOR)) == [("CL-V-10", "spec.app")]


def test_a_paused_cluster_is_deleted_by_one_who_says_so(world, make):
    """CL-V-01."""
    assert told(world.delete(make.cluster(metadata=RESTORING))) == [("CL-V-01", "metadata.labels")]
    allow = {"kubedirector.hpe.com/allow-delete-while-restoring": "no"}
    assert world.delete(make.cluster(metadata={"labels": {**RESTORING["labels"], **allow}})).allowed
    assert world.delete(make.cluster()).allowed


@pytest.mark.parametrize(
    "name", ["system:serviceaccount:kube-system:namespace-controller", "system:kube-controller-manager"]
)
def test_a_namespace_that_is_deleted_is_not_held_by_a_cluster_that_is_being_restored(world, make, name):
    """CL-V-01: its own controller empties it, with either of its identities."""
    assert world.delete(make.cluster(metadata=RESTORING), user=User(name)).allowed


def test_w08_w09_the_status_is_written_by_the_operator_alone(world, make):
    """CL-V-05 and CL-V-06; W-08: a stale copy in a write to the object is nobody's fault; W-09."""
    old = make.cluster(status=STATUS)
    forged = make.cluster(status={**STATUS, "state": "configured"})
    assert told(world.update(forged, old, subresource="status")) == [("CL-V-05", "status")]
    assert world.update(forged, old, subresource="status", user=OPERATOR).allowed
    assert world.update(old, old, subresource="status").allowed
    assert world.update(make.cluster(status={"state": "stale"}), old).allowed
    assert world.create(forged).allowed
