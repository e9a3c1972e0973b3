"""Whole passes of the pure half, one after another, over a world that does what it is told."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlib import graph, manifests, model, report, rules, wire
from kdlib.model import Finished, GuestFact, Notify, Outcome, Seen, SetUp

APP = {
    "label": {"name": "Example"},
    "distroID": "example/x",
    "version": "1",
    "configSchemaVersion": 7,
    "defaultImageRepoTag": "x",
    "defaultConfigPackage": {"packageURL": "file:///x.tgz"},
    "services": [{"id": "web", "endpoint": {"port": 80, "urlScheme": "http", "hasAuthToken": True}}],
    "roles": [{"id": "a", "cardinality": "0+"}, {"id": "b", "cardinality": "0+"}, {"id": "c", "cardinality": "0+"}],
    "config": {"selectedRoles": [], "roleServices": [{"roleID": role, "serviceIDs": ["web"]} for role in "ab"]},
}
LIMITS = {"limits": {"memory": "1Gi", "cpu": "1"}}


class World:
    """An API server with its StatefulSet controller, and members whose start scripts end at once."""

    def __init__(self) -> None:
        self.root = {
            "apiVersion": "kubedirector.hpe.com/v1beta1",
            "kind": "KubeDirectorCluster",
            "metadata": {"name": "db1", "namespace": "team", "uid": "u1", "generation": 0},
        }
        self.objects = {}
        self.facts = {}
        self.exit_code = 0
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.events = {}
        self.writes = 0

    def want(self, storage=(), **counts) -> None:
        roles = [
            {
                "id": role,
                "members": count,
                "resources": LIMITS,
                **({"storage": {"size": "1Gi"}} if role in storage else {}),
            }
            for role, count in counts.items()
        ]
        self.root["metadata"]["generation"] += 1
        self.root["spec"] = {"app": "x", "roles": roles}

    def seen(self) -> Seen:
        self.now += timedelta(seconds=1)
        root, children = copy.deepcopy(self.root), tuple(copy.deepcopy(list(self.objects.values())))
        return Seen(self.now, root, children, (), tuple(self.facts.values()), entropy="e" * 32)

    def run(self) -> bool:
        """Do one pass and let the world react; tell whether anything was written."""
        seen = self.seen()
        cluster = model.Cluster.of(seen.root)
        desired = manifests.build(rules.resolve(cluster, model.App.of("x", APP), seen))
        if desired.life.reservation_pending:
            return self.record(seen, report.status(seen, desired))
        plan = graph.plan(desired.graph, seen.children, root=seen.root, deletable=manifests.MANAGED)
        for step in plan.steps:
            self.carry_out(step)
        moved = self.record(seen, report.status(seen, desired, Outcome()))
        for action in desired.life.actions:
            self.act(desired, action)
        return moved or bool(plan.steps) or self.controllers()

    def record(self, seen, status) -> bool:
        before = self.root.get("status")
        if status == before:
            return False
        for event in report.events(seen, before, status):
            self.events.setdefault(event["metadata"]["name"], event)
        self.root["status"] = status
        return True

    def carry_out(self, step) -> None:
        self.writes += 1
        match step:
            case graph.Apply(ref, target):
                live = self.objects.get(ref, {"metadata": {"uid": f"uid-{ref.name}"}})
                spec = target.get("spec") or live.get("spec")
                self.objects[ref] = {**target, **({"spec": spec} if spec else {})}
                self.objects[ref]["metadata"] = {**live["metadata"], **target["metadata"], "resourceVersion": "1"}
            case graph.Delete(ref):
                del self.objects[ref]

    def act(self, desired, action) -> None:
        key = (action.pod, action.container, action.key)
        if key in self.facts:
            return
        result = Finished(self.exit_code, generation=action.generation)
        match action:
            case SetUp():
                assert manifests.configmeta(desired, action.pod)["node"]["hostname"].startswith(f"{action.pod}.")
            case Notify() if not action.arguments:
                result = Finished(0, generation=action.generation)
        self.facts[key] = GuestFact(action.pod, action.container, action.key, result)

    def controllers(self) -> bool:
        """Make and end pods and claims, as the StatefulSet controller does; tell whether anything changed."""
        before = set(self.objects)
        sets = [obj for ref, obj in self.objects.items() if ref.kind == wire.STATEFUL_SET]
        wanted = {f"{obj['metadata']['name']}-{n}": obj for obj in sets for n in range(obj["spec"]["replicas"])}
        for pod, owner in wanted.items():
            for template in owner["spec"].get("volumeClaimTemplates", []):
                self.exists(wire.PERSISTENT_VOLUME_CLAIM, f"{template['metadata']['name']}-{pod}", {"metadata": {}})
            status = {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "app", "containerID": f"c://{pod}", "state": {"running": {}}}],
            }
            self.exists(wire.POD, pod, {"metadata": {}, "status": status})
        for ref in [ref for ref in self.objects if ref.kind == wire.POD and ref.name not in wanted]:
            del self.objects[ref]
        return set(self.objects) != before

    def exists(self, kind, name, content) -> None:
        ref = wire.Ref(kind, "team", name)
        metadata = {"name": name, "namespace": "team", "uid": f"uid-{name}", "resourceVersion": "1"}
        made = {"apiVersion": kind.api_version, "kind": kind.name, **content, "metadata": metadata}
        self.objects.setdefault(ref, made)

    def settle(self) -> int:
        for passes in range(60):
            if not self.run() and not self.run():
                return passes
        raise AssertionError(self.root["status"])

    def named(self, kind):
        return sorted(ref.name for ref in self.objects if ref.kind == kind)

    def members(self):
        roles = self.root["status"]["roles"]
        return {role["id"]: [member["state"] for member in role["members"]] for role in roles}


@pytest.fixture
def world():
    return World()


def ready(world):
    return report.condition(world.root["status"], "Ready")["status"]


def test_a_new_cluster_becomes_configured_and_then_nothing_is_written(world) -> None:
    world.want(a=1, b=2, c=1)
    world.settle()

    assert world.root["status"]["state"] == "configured"
    assert (world.root["status"]["members"], ready(world)) == ("4/4", "True")
    assert world.members() == {"a": ["configured"], "b": ["configured"] * 2, "c": ["configured"]}
    assert world.writes == 3 + 3 + 2
    before = copy.deepcopy(world.root["status"]), world.writes
    assert not world.run()
    assert (world.root["status"], world.writes) == before
    reasons = [event["reason"] for event in world.events.values()]
    assert {reason: reasons.count(reason) for reason in reasons} == {
        "ClusterCreating": 1,
        "ClusterConfigured": 1,
        "RoleGrowing": 3,
        "MemberSetUpStarted": 4,
        "MemberConfigured": 4,
    }


def test_a_cluster_that_grows_and_shrinks_leaves_nothing_behind(world) -> None:
    world.want(storage="b", a=1, b=2)
    world.settle()
    names = world.named(wire.STATEFUL_SET)
    world.want(storage="b", a=2, b=3)
    world.settle()
    assert len(world.named(wire.PERSISTENT_VOLUME_CLAIM)) == 3
    world.want(storage="b", a=1, b=1)
    world.settle()

    assert (world.root["status"]["members"], world.root["status"]["state"]) == ("2/2", "configured")
    assert world.named(wire.STATEFUL_SET) == names
    assert [len(world.named(kind)) for kind in (wire.POD, wire.SERVICE, wire.PERSISTENT_VOLUME_CLAIM)] == [2, 3, 1]


def test_a_role_that_leaves_the_spec_goes_whole(world) -> None:
    world.want(a=1, b=2)
    world.settle()
    world.want(a=1)
    world.settle()

    assert world.members() == {"a": ["configured"]}
    assert [len(world.named(kind)) for kind in (wire.POD, wire.SERVICE, wire.STATEFUL_SET)] == [1, 2, 1]


def test_a_failed_set_up_is_told_and_put_right_by_a_retry(world) -> None:
    world.exit_code = 3
    world.want(a=1)
    world.settle()
    status = world.root["status"]
    assert (status["state"], ready(world)) == ("configured", "False")
    assert report.condition(status, "Stalled")["reason"] == "MembersFailed"

    world.exit_code = 0
    world.root["metadata"]["annotations"] = {"kubedirector.hpe.com/retry": "now"}
    world.settle()

    assert (world.root["status"]["state"], ready(world)) == ("configured", "True")
    assert world.root["status"]["roles"][0]["members"][0]["stateDetail"]["attempt"] == 2


def test_a_fresh_operator_reports_the_same(world) -> None:
    world.want(a=1, b=1)
    world.settle()
    seen = world.seen()

    def reported(now):
        again = replace(seen, now=now, children=tuple(reversed(seen.children)))
        desired = manifests.build(rules.resolve(model.Cluster.of(again.root), model.App.of("x", APP), again))
        return report.status(again, desired, Outcome())

    assert reported(seen.now) == reported(seen.now + timedelta(days=1)) == world.root["status"]


COUNTS = st.fixed_dictionaries({}, optional={role: st.integers(0, 3) for role in "abc"})


@settings(max_examples=25, deadline=None)
@given(st.lists(COUNTS, min_size=1, max_size=3))
def test_any_sequence_of_sizes_ends_with_exactly_what_is_wanted(sizes) -> None:
    world = World()
    for counts in sizes:
        world.want(storage="c", **counts)
        world.settle()

        wanted = {role: count for role, count in counts.items() if count}
        total = sum(wanted.values())
        assert world.members() == {role: ["configured"] * count for role, count in wanted.items()}
        assert (world.root["status"]["state"], ready(world)) == ("configured", "True")
        assert len(world.named(wire.POD)) == total
        assert len(world.named(wire.SERVICE)) == 1 + wanted.get("a", 0) + wanted.get("b", 0)
        assert len(world.named(wire.PERSISTENT_VOLUME_CLAIM)) == wanted.get("c", 0)
        assert len(world.named(wire.STATEFUL_SET)) == len(wanted)
