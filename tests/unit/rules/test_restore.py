"""What a restored cluster waits for: its app, its status, and the objects that its members were reached by."""

from datetime import UTC, datetime

import pytest

from kdlib import report
from kdlib.model import Seen
from kdlib.rules import backup_of, restore
from kdlib.wire import CONFIG_MAP, KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, SECRET, Ref

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANNOTATION = "kubedirector.hpe.com/status-backup-exists"
APP, BACKUP = Ref(KD_APP, "team", "demo"), Ref(KD_STATUS_BACKUP, "team", "c")
CONFIG = Ref(KD_CONFIG, "kd", "kd-global-config")
ALL = {"awaitingApp": True, "awaitingStatus": True, "awaitingResources": True, "error": ""}
NONE = dict.fromkeys(ALL, False) | {"error": ""}


def member(pod, state="configured", service="", **detail):
    return {"pod": pod, "state": state, "service": service or f"s-{pod}", "stateDetail": {"attempt": 1, **detail}}


STATUS = {
    "state": "configured",
    "clusterService": "kdhs-1",
    "roles": [{"id": "front", "statefulSet": "kdss-1", "members": [member("kdss-1-0")]}],
}
NEEDED = (("Service", "kdhs-1"), ("StatefulSet", "kdss-1"), ("Service", "s-kdss-1-0"))


def root(status=None, annotation="true", **spec):
    metadata = {"namespace": "team", "name": "c", "uid": "u", "annotations": {ANNOTATION: annotation}}
    made = {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata}
    return {**made, "spec": {"app": "demo", **spec}, **({"status": status} if status else {})}


def child(kind, name):
    return {"kind": kind, "metadata": {"name": name}}


def seen(made, *, app=True, backup=STATUS, children=NEEDED, config=None, known=None):
    related = {
        APP: {"kind": "KubeDirectorApp"} if app else None,
        BACKUP: {"spec": {"statusBackup": backup}} if backup else None,
        CONFIG: {"spec": config or {}},
        **(known or {}),
    }
    return Seen(NOW, made, tuple(child(*item) for item in children), tuple(related.items()))


def progress(found):
    return found.progress.dumped()


def test_at_first_all_is_awaited_and_said_by_name():
    found = restore(seen(root(), app=False, backup=None, children=()))
    assert (progress(found), found.resumes) == (ALL, False)
    assert [item.rpartition("/")[2] for item in found.awaited] == ["demo", "c"]


@pytest.mark.parametrize("missing", NEEDED, ids=str)
def test_each_object_of_members_that_ran_is_awaited(missing):
    found = restore(seen(root(), children=[item for item in NEEDED if item != missing]))
    assert progress(found) == NONE | {"awaitingResources": True}
    assert [item.rpartition("/")[2] for item in found.awaited] == [missing[1]]


def test_it_resumes_only_after_it_was_recorded_that_nothing_is_awaited():
    """OP-02: record before act."""
    found = restore(seen(root()))
    assert (progress(found), found.status, found.resumes) == (NONE, STATUS, False)
    assert restore(seen(root({**STATUS, "restoreProgress": NONE}))).resumes


def test_flags_turn_back_but_the_status_once_restored_is_never_awaited_again():
    """RC-42."""
    recorded = root({**STATUS, "restoreProgress": NONE})
    found = restore(seen(recorded, app=False, backup=None, children=()))
    assert progress(found) == NONE | {"awaitingApp": True, "awaitingResources": True}
    assert found.status == STATUS
    newer = {**STATUS, "clusterService": "kdhs-2"}
    assert restore(seen(recorded, backup=newer)).status == STATUS


def test_a_status_that_a_tool_brought_back_is_taken():
    assert progress(restore(seen(root(STATUS), backup=None))) == NONE


@pytest.mark.parametrize(
    "members",
    [
        [{"pod": "kdss-1-0", "service": "s-1", "state": "create pending"}],
        [member("kdss-1-0", service="n/a")],
        [member("kdss-1-0", "deleting")],
    ],
    ids=["reserved and never made", "without ports", "on its way out"],
)
def test_a_service_that_may_never_have_been_is_not_awaited(members):
    status = {**STATUS, "roles": [{"id": "front", "statefulSet": "kdss-1", "members": members}]}
    assert progress(restore(seen(root(), backup=status, children=NEEDED[:2]))) == NONE


def test_w24_a_cluster_that_had_no_backup_says_how_it_goes_on():
    found = restore(seen(root(annotation="false"), backup=None))
    assert "remove label 'kubedirector.hpe.com/restoring'" in found.progress.error


CONNECTED = {"clusters": ["warehouse"], "configmaps": ["defaults"], "secrets": ["login"]}
REFS = {Ref(KD_CLUSTER, "team", "warehouse"), Ref(CONFIG_MAP, "team", "defaults"), Ref(SECRET, "team", "login")}


@pytest.mark.parametrize("missing", sorted(REFS), ids=str)
def test_what_it_is_connected_to_is_awaited_unless_that_is_allowed(missing):
    """CFG-M-08."""
    made = root(connections=CONNECTED)
    known = {ref: {} if ref != missing else None for ref in REFS}
    found = restore(seen(made, known=known))
    assert (progress(found), found.awaited) == (NONE | {"awaitingResources": True}, (str(missing),))
    assert progress(restore(seen(made, known={key: {} for key in REFS}))) == NONE
    assert progress(restore(seen(made, known=known, config={"allowRestoreWithoutConnections": True}))) == NONE
    assert progress(restore(seen(made))) == NONE, "what nobody looks for is not awaited"


def test_the_annotation_tells_of_a_backup_that_is_there_and_wanted():
    """CFG-M-07, OP-01."""

    def told(live, **config):
        return backup_of(root(), ((BACKUP, live), (CONFIG, {"spec": config}))).annotations[ANNOTATION]

    live = {"metadata": {"name": "c"}}
    assert [told(None, backupClusterStatus=True), told(live), told(live, backupClusterStatus=True)] == [
        "false",
        "false",
        "true",
    ]
    going = {"metadata": {"name": "c", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert told(going, backupClusterStatus=True) == "false"
    assert backup_of({**root(), "kind": "NotebookPool"}, ()) is None


def test_a_restore_that_waits_says_what_it_waits_for_and_how_to_go_on_without():
    before = seen(root(), app=False, backup=None, children=())
    told = {item["type"]: item for item in report.restoring(before, restore(before))["conditions"]}
    for kind in ("Ready", "Reconciling"):
        assert "waits for kubedirectorapps.kubedirector.hpe.com/demo" in told[kind]["message"]
        assert told[kind]["message"].endswith("kubectl label kdcluster c kubedirector.hpe.com/restoring- -n team")
    whole = seen(root())
    assert "kubectl" not in str(report.restoring(whole, restore(whole))["conditions"])
