"""What is done inside a member follows from its role: package, layout, events, files (specification 5)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kdlib import rules
from kdlib.guest import notify_work, set_up_work
from kdlib.guest.work import notify_frame, set_up_frame, tail_bytes
from kdlib.model import App, Cluster, Notify, Seen, SetUp, TimeLimits

ROOT = {
    "apiVersion": "kubedirector.hpe.com/v1beta1",
    "kind": "KubeDirectorCluster",
    "metadata": {"name": "c", "namespace": "ns", "uid": "u"},
}
FILES = [{"srcURL": "http://h/f", "destDir": "/d", "permissions": {"fileMode": 420, "fileOwner": "me"}}]


@pytest.fixture
def make_resolved():
    def make(role, **app):
        spec = {
            "label": {"name": "App"},
            "distroID": "app",
            "version": "1",
            "configSchemaVersion": 8,
            "defaultImageRepoTag": "image:1",
            "roles": [{"id": "head", "cardinality": "1", **role}],
            "config": {"selectedRoles": ["head"], "roleServices": []},
            **app,
        }
        resources = {"limits": {"cpu": "1", "memory": "1Gi"}}
        wanted = {"app": "app", "roles": [{"id": "head", "resources": resources, "fileInjections": FILES}]}
        root = {**ROOT, "spec": wanted}
        seen = Seen(now=datetime(2026, 1, 1, tzinfo=UTC), root=root)
        return rules.resolve(Cluster.of(root), App.of("app", spec), seen)

    return make


def action(resolved, **values):
    pod = f"{resolved.roles[0].stateful_set}-0"
    return SetUp(pod, "containerd://a", 2, generation=3, **values)


def test_a_package_is_set_up_in_the_layout_it_asks_for(make_resolved):
    package = {"packageURL": "http://h/a.tgz", "useNewSetupLayout": True}
    resolved = make_resolved({"configPackage": package, "maxLogSizeDump": 10}, systemdRequired=True)
    work = set_up_work(resolved, action(resolved, from_scratch=True), b"{}")
    frame = set_up_frame(work, stamp=5, programs={"configcli": b"c"})
    assert frame.blobs == {"configmeta": b"{}", "configcli": b"c"}
    assert tail_bytes(work) == 44
    expected = {
        "container": "containerd://a",
        "attempt": "2",
        "generation": "3",
        "stamp": "5",
        "layout": "new",
        "package_url": "http://h/a.tgz",
        "run_configure": "1",
        "from_scratch": "1",
        "done_before": "0",
        "systemd": "1",
        "injections": "1",
        "inject_0_url": "http://h/f",
        "inject_0_dir": "/d",
        "inject_0_mode": "644",
        "inject_0_owner": "me",
        "inject_0_group": "",
    }
    assert {name: frame.variables[name] for name in expected} == expected


def test_events_that_leave_configure_out_run_nothing(make_resolved):
    package = {"packageURL": "http://h/a.tgz"}
    for events, runs in ((None, True), ([], False), (["addnodes"], False), (["configure"], True)):
        role = {"configPackage": package, **({"eventList": events} if events is not None else {})}
        resolved = make_resolved(role)
        assert set_up_work(resolved, action(resolved), b"{}").run_configure is runs


def test_a_role_without_package_gets_neither_configmeta_nor_configcli(make_resolved):
    resolved = make_resolved({"configPackage": None})
    frame = set_up_frame(set_up_work(resolved, action(resolved), b"{}"), stamp=1, programs={"configcli": b"c"})
    assert frame.blobs == {}
    assert frame.variables["package_url"] == ""


def test_a_notification_carries_configmeta_and_arguments(make_resolved):
    resolved = make_resolved({"configPackage": {"packageURL": "http://h/a.tgz"}})
    pod = f"{resolved.roles[0].stateful_set}-0"
    work = notify_work(resolved, Notify(pod, "containerd://a", "add-1", 4, ("--addnodes", "--role", "x")), b"{}")
    frame = notify_frame(work, stamp=9)
    assert frame.blobs == {"configmeta": b"{}"}
    assert frame.variables["arguments"] == "--addnodes --role x"
    assert frame.variables["change"] == "add-1"
    assert tail_bytes(work) == 257 * 4


def test_a_pod_of_no_role_is_an_error(make_resolved):
    resolved = make_resolved({"configPackage": None})
    with pytest.raises(KeyError):
        set_up_work(resolved, SetUp("other-0", "containerd://a", 1), b"{}")


LIMITS = {"configure": 60, "addnodes": 20}


@pytest.mark.parametrize(
    ("role", "config", "seconds", "field"),
    [
        ({"timeLimits": LIMITS}, {"configure": 90}, 60, "spec.roles[head].timeLimits.configure of the app"),
        (
            {"timeLimits": {"addnodes": 5}},
            {"configure": 90},
            90,
            "spec.defaultTimeLimits.configure of the global config",
        ),
        ({}, {"addnodes": 5}, 7200, "spec.roles[head].timeLimits.configure of the app sets none"),
    ],
)
def test_a_run_is_limited_by_the_app_else_by_the_config_else_to_two_hours(make_resolved, role, config, seconds, field):
    """APP-X-40, CFG-X-40: and the words about a run that was stopped name the field."""
    resolved = make_resolved({"configPackage": {"packageURL": "http://h/a.tgz"}, **role})
    limits = TimeLimits.model_validate(config)
    resolved = replace(resolved, reserved=resolved.reserved.changed(default_time_limits=limits))
    frame = set_up_frame(set_up_work(resolved, action(resolved), b"{}"), stamp=5, programs={})
    assert frame.variables["limit_seconds"] == str(seconds)
    assert field in frame.variables["limit_field"]


def test_each_event_has_a_limit_of_its_own(make_resolved):
    resolved = make_resolved({"configPackage": {"packageURL": "http://h/a.tgz"}, "timeLimits": LIMITS})
    pod = f"{resolved.roles[0].stateful_set}-0"
    for event, seconds in (("addnodes", "20"), ("delnodes", "7200")):
        work = notify_work(resolved, Notify(pod, "containerd://a", "x", 4, (f"--{event}", "--role", "x")), b"{}")
        assert notify_frame(work, stamp=9).variables["limit_seconds"] == seconds


def test_no_representation_of_work_holds_what_members_are_told(make_resolved):
    """Law 7: tokens, secret keys and connected Secrets stand in configmeta."""
    resolved = make_resolved({"configPackage": {"packageURL": "http://h/a.tgz"}})
    pod = f"{resolved.roles[0].stateful_set}-0"
    told = notify_work(resolved, Notify(pod, "containerd://a", "2", 2), b"hunter2")
    begun = set_up_work(resolved, action(resolved), b"hunter2")
    shown = repr([told, notify_frame(told, stamp=1), begun, set_up_frame(begun, stamp=1, programs={})])
    assert "hunter2" not in shown
