"""Admission of updates: what cannot change while it is used, and what is no change at all."""

import pytest

from kdlib.rules import User
from kdlib.wire import CONTROLLER_REVISION

MEMBER = {"pod": "kdss-1-0", "state": "configured"}
STATUS = {"roles": [{"id": "front", "statefulSet": "kdss-1", "members": [MEMBER]}]}
COPIED = {**STATUS, "reserved": {"appCopy": "copy", "appNamespace": "team", "appCatalog": "local"}}
ONE = {"selectedRoles": ["front"], "roleServices": []}
SECRET = {"name": "s1", "mountPath": "/s"}


def told(verdict):
    return sorted({(problem.rule, problem.path) for problem in verdict.problems})


def copy_of(make, **changes):
    return make.named(CONTROLLER_REVISION, "copy", data={"app": "demo", "spec": make.app(**changes)["spec"]})


def test_a_cluster_that_nobody_looked_after_yet_keeps_its_app_and_its_catalog(world, make):
    """CL-V-40 and CL-V-41."""
    richer = world.having(make.app("other"), make.app("demo", "kd"))
    old = make.cluster(status=STATUS, appCatalog="local")
    assert told(richer.update(make.cluster(app="other"), old)) == [("CL-V-40", "spec.app")]
    assert told(richer.update(make.cluster(appCatalog="system"), old)) == [("CL-V-41", "spec.appCatalog")]


def test_a_manifest_that_leaves_the_catalog_open_is_applied_again(world, make):
    """W-10."""
    old = make.cluster(make.role(), status=STATUS, appCatalog="local")
    assert world.update(make.cluster(make.role(), make.role("back")), old).allowed


def test_what_a_cluster_runs_counts_not_what_somebody_wrote_without_a_webhook(world, make):
    running = world.having(copy_of(make), make.app("other", distroID="example/other"))
    old = make.cluster(app="other", status=COPIED)
    assert running.update(make.cluster(app="demo"), old).allowed
    assert {
        rule for rule, _ in told(running.update(make.cluster(make.role(), make.role("back"), app="other"), old))
    } == {"CL-V-40"}


def test_a_cluster_moves_to_another_app_of_its_distribution_alone(world, make):
    """CL-V-40 and CL-V-41, narrowed (W-32)."""
    others = (make.app("newer", version="2.0"), make.app("stranger", distroID="example/stranger"))
    elsewhere = make.app("demo", "kd", version="3.0")
    running = world.having(copy_of(make), elsewhere, *others)
    old = make.cluster(status=COPIED)
    assert running.update(make.cluster(app="newer"), old).allowed
    assert running.update(make.cluster(appCatalog="system"), old).allowed
    assert told(running.update(make.cluster(app="stranger"), old)) == [("CL-V-40", "spec.app")]
    assert told(running.update(make.cluster(app="absent"), old)) == [("CL-V-10", "spec.app")]
    strange = world.having(copy_of(make), make.app("demo", "kd", distroID="example/stranger"))
    assert told(strange.update(make.cluster(appCatalog="system"), old)) == [("CL-V-41", "spec.appCatalog")]


def fewer(make, name, cardinality="1"):
    back = {"id": "back", "cardinality": cardinality}
    services = {"selectedRoles": ["back"], "roleServices": []}
    return make.app(name, roles=[back], config=services)


LAYOUT = {"packageURL": "file:///a.tgz", "useNewSetupLayout": True}


def test_an_app_that_a_cluster_moves_to_fits_the_members_that_are_there(world, make):
    """CL-X-25, CL-X-26, and the rules for the roles of any cluster: CL-V-14, CL-V-16, CL-V-17."""
    storage = {"storage": {"size": "1Gi", "storageClassName": "fast"}}
    entry = {**STATUS["roles"][0], "members": [{**MEMBER, "pvc": "p-kdss-1-0"}]}
    old = make.cluster(status=COPIED)
    kept = make.cluster(make.role(**storage), status={**COPIED, "roles": [entry]})
    dirs = make.app("dirs", roles=[{"id": "front", "cardinality": "1", "persistDirs": ["/data"]}], config=ONE)
    package = make.app("package", defaultConfigPackage=LAYOUT)
    several = make.app("several", roles=[{"id": "front", "cardinality": "2+"}], config=ONE)
    running = world.having(copy_of(make), fewer(make, "fewer"), dirs, package, several)

    def rules(app, old, *roles):
        return [rule for rule, _ in told(running.update(make.cluster(*roles, app=app), old))]

    assert rules("fewer", old) == ["CL-X-25"]
    assert rules("several", old, make.role(members=1)) == ["CL-V-17"]
    assert rules("dirs", kept, make.role(**storage)) == ["CL-X-26"]
    assert rules("package", kept, make.role(**storage)) == ["CL-X-26"]
    assert rules("dirs", old) == rules("package", old) == []


def test_a_cluster_whose_app_is_gone_is_resized_by_its_own_copy(world, make):
    """Unlike CL-V-10 of the original: the copy is the app that the cluster runs."""
    others = tuple(item for item in world.objects if item["kind"] != "KubeDirectorApp")
    running = type(world)((*others, copy_of(make)))
    old = make.cluster(make.role(), make.role("back", members=1), status=COPIED)
    assert running.update(make.cluster(make.role(), make.role("back", members=4)), old).allowed
    assert told(running.update(make.cluster(make.role(), make.role("side")), old)) == [("CL-V-14", "spec.roles[1].id")]


PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
TERM = {"key": "disk", "operator": "Exists"}
ROLLED = {
    "affinity": {
        "affinity": {"nodeAffinity": {PREFERRED: [{"weight": 1, "preference": {"matchExpressions": [TERM]}}]}}
    },
    "env": {"env": [{"name": "A", "value": "b"}]},
    "imageRepoTag": {"imageRepoTag": "example/demo:2"},
    "nodeSelector": {"nodeSelector": {"disk": "ssd"}},
    "priorityClassName": {"priorityClassName": "high"},
    "resources": {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}},
    "tolerations": {"tolerations": [{"key": "a", "operator": "Exists"}]},
}
CHANGES = {
    "podLabels": {"podLabels": {"a": "b"}},
    "secret": {"secret": SECRET},
    "sharedMemory": {"sharedMemory": "1Gi"},
    "storage": {"storage": {"size": "1Gi", "storageClassName": "fast"}},
}


@pytest.mark.parametrize(("field", "change"), CHANGES.items(), ids=list(CHANGES))
def test_a_role_with_members_keeps_what_cannot_be_rolled_out(world, make, field, change):
    """CL-V-43, both ways: what comes and what goes."""
    plain, other = make.cluster(status=STATUS), make.cluster(make.role(**change), status=STATUS)
    assert told(world.update(other, plain)) == [("CL-V-43", f"spec.roles[0].{field}")]
    assert told(world.update(plain, other)) == [("CL-V-43", f"spec.roles[0].{field}")]


@pytest.mark.parametrize("change", ROLLED.values(), ids=list(ROLLED))
def test_a_role_with_members_changes_what_can_be_rolled_out(world, make, change):
    """CL-V-43, narrowed (W-32)."""
    plain, other = make.cluster(status=STATUS), make.cluster(make.role(**change), status=STATUS)
    assert world.update(other, plain).allowed
    assert world.update(plain, other).allowed


@pytest.mark.parametrize(("field", "change"), (CHANGES | ROLLED).items(), ids=list(CHANGES | ROLLED))
def test_a_role_without_members_changes_freely(world, make, field, change):
    old = make.cluster(make.role(), make.role("back", members=0), status=STATUS)
    assert world.update(make.cluster(make.role(), make.role("back", members=0, **change)), old).allowed, field


def test_members_and_what_is_for_later_roles_change_freely(world, make):
    """1.2: service type, naming scheme, default secret, connections."""
    old = make.cluster(make.role(), make.role("back", members=1), status=STATUS)
    new = make.cluster(
        make.role(),
        make.role("back", members=3),
        serviceType="NodePort",
        namingScheme="CrNameRole",
        defaultSecret=SECRET,
        connections={"secrets": ["s1"]},
    )
    assert world.update(new, old).allowed


SAME = {
    "another notation of a quantity": (
        {"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}},
        {},
    ),
    "the least count written out": ({"members": 1}, {}),
    "a null where nothing is": ({"storage": None, "podLabels": None, "env": []}, {}),
    "a false where nothing is": ({"secret": {**SECRET, "readOnly": False}}, {"secret": SECRET}),
    "a storage class that was filled in": (
        {"storage": {"size": "1Gi"}},
        {"storage": {"size": "1024Mi", "storageClassName": "fast"}},
    ),
}


@pytest.mark.parametrize(("new", "old"), SAME.values(), ids=list(SAME))
def test_what_means_the_same_is_no_change(world, make, new, old):
    """W-10, W-49."""
    before = make.cluster(make.role(**old), status=STATUS)
    assert world.update(make.cluster(make.role(**new), make.role("back")), before).allowed


def test_w10_a_manifest_whose_default_secret_was_filled_in_is_applied_again(world, make):
    """W-10: another release wrote the default into each role."""
    old = make.cluster(make.role(secret=SECRET), defaultSecret=SECRET, status=STATUS)
    assert world.update(make.cluster(make.role(), make.role("back"), defaultSecret=SECRET), old).allowed


def test_a_removed_role_comes_back_when_its_members_are_gone(world, make):
    """CL-V-42."""
    leaving = {"id": "back", "statefulSet": "kdss-2", "members": [{"pod": "kdss-2-0", "state": "deleting"}]}
    old = make.cluster(status={"roles": [*STATUS["roles"], leaving]})
    wanted = make.cluster(make.role(), make.role("back", members=1))
    assert told(world.update(wanted, old)) == [("CL-V-42", "spec.roles[1]")]
    assert world.update(wanted, make.cluster(status=STATUS)).allowed


def test_the_form_that_a_status_records_counts(world, make):
    """A change that was made without a webhook is not in force; to take it back is no change."""
    entry = {**STATUS["roles"][0], "accepted": {"role": make.role(), "defaultSecret": SECRET}}
    old = make.cluster(make.role(sharedMemory="1Gi"), status={"roles": [entry]})
    assert world.update(make.cluster(), old).allowed
    assert told(world.update(make.cluster(make.role(sharedMemory="1Gi"), make.role("back")), old)) == [
        ("CL-V-43", "spec.roles[0].sharedMemory")
    ]


def test_pending_notifications_are_a_warning(world, make):
    """CL-V-12: the edit may be the remedy. CL-V-11 and CL-V-13: no status needs to come along (W-07, W-08)."""
    member = {**MEMBER, "stateDetail": {"pendingNotifyCmds": [{"arguments": ["--addnodes"]}]}}
    old = make.cluster(
        make.role(), make.role("back", members=1), status={"roles": [{**STATUS["roles"][0], "members": [member]}]}
    )
    verdict = world.update(make.cluster(make.role(), make.role("back", members=2)), old)
    assert verdict.allowed
    assert ["kdss-1-0" in text for text in verdict.warnings] == [True]


def test_labels_of_an_object_that_is_wrong_by_now_change_freely(world, make):
    """A rule that is newer than a stored object does not lock it up."""
    wrong = make.cluster(make.role("nobody", env=[{"name": "=", "value": ""}]), app="gone")
    labelled = {**wrong, "metadata": {**wrong["metadata"], "labels": {"a": "b"}, "finalizers": []}}
    assert world.update(labelled, wrong).allowed
    broken = {**wrong, "spec": {"roles": 7}}
    assert world.update({**broken, "metadata": labelled["metadata"]}, broken).allowed


# Apps


def test_an_app_in_use_is_not_deleted(world, make):
    """APP-V-01; the clusters are told."""
    used = world.having(make.cluster(name="one"), make.cluster(name="two"))
    verdict = used.delete(make.app())
    assert [(problem.rule, problem.what) for problem in verdict.problems] == [
        ("APP-V-01", "app 'demo' is in use by clusters team/one, team/two")
    ]
    assert used.delete(make.app("other")).allowed
    assert world.delete(make.app()).allowed


def test_w24_a_cluster_that_is_being_restored_uses_its_app(world, make):
    """APP-V-01: nobody has to learn of it first, and it needs no status for that."""
    labels = {"kubedirector.hpe.com/restoring": ""}
    annotations = {"kubedirector.hpe.com/status-backup-exists": "true"}
    paused = make.cluster(metadata={"labels": labels, "annotations": annotations})
    assert not world.having(paused).delete(make.app()).allowed


def test_an_app_of_the_system_is_used_from_every_namespace(world, make):
    """CL-V-10 tells whose it is: catalog, what was reserved, else the cluster's own namespace first."""
    system = make.app("demo", "kd")
    open_one = make.cluster(namespace="elsewhere")
    assert not world.having(open_one).delete(system).allowed
    assert world.having(open_one, make.app("demo", "elsewhere")).delete(system).allowed
    assert world.having(make.cluster(namespace="elsewhere", appCatalog="local")).delete(system).allowed
    assert not world.having(make.cluster(appCatalog="system")).delete(system).allowed
    assert world.having(make.cluster(status=COPIED)).delete(system).allowed
    assert not world.having(make.cluster(status=COPIED)).delete(make.app()).allowed


def test_a_cluster_that_is_being_deleted_uses_nothing(world, make):
    leaving = make.cluster(metadata={"deletionTimestamp": "2030-01-01T00:00:00Z"})
    assert world.having(leaving).delete(make.app()).allowed


def test_an_app_in_use_keeps_its_meaning(world, make):
    """APP-V-10; APP-V-11 without a user."""
    used = world.having(make.cluster())
    changed = make.app(version="2.0", capabilities=["SYS_PTRACE"])
    assert told(used.update(changed, make.app())) == [("APP-V-10", "spec.capabilities"), ("APP-V-10", "spec.version")]
    assert world.update(changed, make.app()).allowed
    labelled = {**make.app(), "metadata": {**make.app()["metadata"], "labels": {"a": "b"}}}
    assert used.update(labelled, make.app()).allowed


@pytest.mark.parametrize(
    "default",
    [
        {"defaultMaxLogSizeDump": 256},
        {"defaultConfigPackage": None},
        {"defaultImageRepoTag": "example/demo:1"},
        {"systemdRequired": False, "capabilities": []},
    ],
    ids=str,
)
def test_defaults_written_out_are_no_change_of_an_app(world, make, default):
    """W-10: another release had moved the defaults into the roles."""
    moved = [
        {**role, "imageRepoTag": "example/demo:1", "configPackage": None, "maxLogSizeDump": 256}
        for role in make.app()["spec"]["roles"]
    ]
    old = make.app(roles=moved, defaultImageRepoTag=None)
    assert world.having(make.cluster()).update(make.app(**default), old).allowed


def test_an_app_whose_cluster_never_came_up_may_be_corrected(world, make):
    """The set-up of its first members failed, and no member ever ran from it."""
    failed = {"roles": [{"id": "front", "members": [{"pod": "p-0", "state": "config error"}]}]}
    one, other = {"pod": "p-1", "state": "configured"}, failed["roles"][0]["members"][0]
    corrected = make.app(version="2.0")
    assert world.having(make.cluster(status=failed)).update(corrected, make.app()).allowed
    assert not world.having(make.cluster(status=failed)).delete(make.app()).allowed
    partly = {"roles": [{"id": "front", "members": [one, other]}]}
    assert not world.having(make.cluster(status=partly)).update(corrected, make.app()).allowed


def test_image_and_package_of_a_role_that_waits_for_them_may_be_corrected(world, make):
    """Others of the cluster run from its copy, which takes nothing else of a corrected app."""
    ready, stuck = {"pod": "p-0", "state": "configured"}, {"pod": "q-0", "state": "create pending"}
    status = {
        "roles": [
            {"id": "front", "members": [ready]},
            {"id": "back", "members": [{**stuck, "stateDetail": {"trouble": "image not pulled"}}]},
        ]
    }
    used = world.having(make.cluster(status=status))
    roles = make.app()["spec"]["roles"]
    assert used.update(make.app(roles=[roles[0], {**roles[1], "imageRepoTag": "right:1"}]), make.app()).allowed
    for field, wrong in (
        ("roles[0].imageRepoTag", [{**roles[0], "imageRepoTag": "right:1"}, roles[1]]),
        ("roles[1].cardinality", [roles[0], {**roles[1], "imageRepoTag": "right:1", "cardinality": "3"}]),
    ):
        assert told(used.update(make.app(roles=wrong), make.app())) == [("APP-V-10", f"spec.{field}")]
    waits = {**status, "roles": [status["roles"][0], {"id": "back", "members": [stuck]}]}
    corrected = make.app(roles=[roles[0], {**roles[1], "imageRepoTag": "right:1"}])
    assert not world.having(make.cluster(status=waits)).update(corrected, make.app()).allowed


def test_a_stored_app_that_is_wrong_by_now_lets_its_labels_change(world, make):
    wrong = make.app(defaultImageRepoTag=None)
    labelled = {**wrong, "metadata": {**wrong["metadata"], "finalizers": ["a/b"]}}
    assert world.update(labelled, wrong).allowed
    assert told(world.create(wrong))[0][0] == "APP-V-09"


# The global configuration


def test_the_configuration_stays_while_there_is_a_cluster(world, make):
    """CFG-V-01."""
    assert told(world.having(make.cluster(namespace="anywhere")).delete(make.config())) == [
        ("CFG-V-01", "(the object)")
    ]
    assert world.delete(make.config()).allowed


def test_there_is_one_configuration_in_the_operators_namespace(world, make):
    """CFG-V-02; CFG-V-03 is its name."""
    elsewhere = {**make.config(), "metadata": {"name": "kd-global-config", "namespace": "team"}}
    assert told(world.create(elsewhere)) == [("CFG-V-02", "metadata.namespace")]
    other = {**make.config(), "metadata": {"name": "other", "namespace": "kd"}}
    assert {path for _, path in told(world.create(other))} == {"metadata.name"}


def test_the_master_key_stays_while_there_are_clusters(world, make):
    """CFG-V-06: neither another one nor none."""
    old = make.config(masterEncryptionKey="0f" * 32)
    used = world.having(make.cluster())
    for changed in (make.config(masterEncryptionKey="ff" * 32), make.config()):
        verdict = used.update(changed, old)
        assert told(verdict) == [("CFG-V-06", "spec.masterEncryptionKey")]
        assert "ff" * 32 not in str(verdict)
        assert world.update(changed, old).allowed
    assert used.update(make.config(masterEncryptionKey="0f" * 32, nativeSystemdSupport=True), old).allowed


def test_the_default_storage_class_must_exist(world, make):
    """CFG-V-07; one that vanished since forbids no other edit."""
    gone = make.config(defaultStorageClassName="gone", masterEncryptionKey="0f" * 32)
    assert told(world.create(gone)) == [("CFG-V-07", "spec.defaultStorageClassName")]
    edited = make.config(defaultStorageClassName="gone", masterEncryptionKey="0f" * 32, nativeSystemdSupport=True)
    assert world.update(edited, gone).allowed


def test_what_is_wrong_with_a_configuration_stops_no_edit_beside_its_spec(world, make):
    wrong = make.config(masterEncryptionKey="0f" * 32, podLabels={"a b": ""})
    assert told(world.create(wrong)) == [("CFG-V-09", "spec.podLabels[a b]")]
    labelled = {**wrong, "metadata": {**wrong["metadata"], "labels": {"a": "b"}}}
    assert world.update(labelled, wrong).allowed


@pytest.mark.parametrize("spec", [None, {}, {"nativeSystemdSupport": True}], ids=str)
def test_a_configuration_without_a_key_gets_a_random_one(world, make, spec):
    """CFG-M-01 and CFG-M-02; the other defaults stay open in the spec."""
    wanted = {**make.config(), "spec": spec}
    kept = make.stored(wanted, world.create(wanted))["spec"]
    assert len(bytes.fromhex(kept.pop("masterEncryptionKey"))) == 32
    assert kept == (spec or {})


def test_the_status_of_the_configuration_is_the_operators(world, make):
    """CFG-V-04 and CFG-V-05."""
    old, new = make.config(), {**make.config(), "status": {"state": "ready"}}
    assert told(world.update(new, old, subresource="status")) == [("CFG-V-04", "status")]
    operator = User("system:serviceaccount:kd:kubedirector")
    assert world.update(new, old, subresource="status", user=operator).allowed


# Claims and other kinds


CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "p-kdss-1-0", "namespace": "team"}}


def labelled(value="c", **more):
    return {**CLAIM, "metadata": {**CLAIM["metadata"], "labels": {"kubedirector.hpe.com/kdcluster": value}, **more}}


@pytest.mark.parametrize("owners", [None, [], [{"kind": "StatefulSet", "name": "x", "uid": "y"}]], ids=str)
def test_w11_a_members_claim_belongs_to_its_cluster_alone(world, make, owners):
    """PVC-M-01, W-11."""
    wanted = labelled(**({} if owners is None else {"ownerReferences": owners}))
    (owner,) = make.stored(wanted, world.having(make.cluster()).create(wanted))["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("uid-c", True, False)


@pytest.mark.parametrize(("when", "owned"), [("Retain", False), ("Delete", True)])
def test_a_claim_that_outlives_its_cluster_gets_no_owner(world, make, when, owned):
    """PVC-M-01, CL-X-46."""
    kept = make.cluster(persistentVolumeClaimRetentionPolicy={"whenDeleted": when})
    assert ("ownerReferences" in make.stored(labelled(), world.having(kept).create(labelled()))["metadata"]) is owned


@pytest.mark.parametrize("claim", [CLAIM, labelled("nobody"), labelled(".."), labelled("")], ids=str)
def test_any_other_claim_passes_as_it_is(world, make, claim):
    """PVC-M-02."""
    verdict = world.having(make.cluster()).create(claim)
    assert (verdict.allowed, verdict.patch) == (True, ())


def test_other_kinds_pass(world, make):
    """WH-04."""
    assert world.create(make.named(CONTROLLER_REVISION, "x")).allowed
