"""What a forecast says of a manifest is what then happens, and it sends nothing."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from world import SMALL, SYSTEM

from kdlib import offline, rules
from kdlib.frozen import copied
from kdlib.model import Seen
from kdlib.rules import Facts
from kdlib.wire import CONTROLLER_REVISION, KD_CLUSTER, POD, SERVICE, STATEFUL_SET, Ref

PACKAGE = "file:///opt/test/shell.tgz"
BIGGER = {"limits": {"memory": "32Mi", "cpu": "10m"}}
CHILDREN = (CONTROLLER_REVISION, POD, SERVICE, STATEFUL_SET)


class Reader:
    """Reads what is there as a client would, straight from the storage."""

    def __init__(self, world):
        self.objects = {
            Ref(resource.kind, item["metadata"].get("namespace", ""), item["metadata"]["name"]): item
            for resource in world.registry.resources
            for item in world.registry.list(resource.kind)
        }

    def forecast(self, written):
        live = self.objects.get(Ref(KD_CLUSTER, "default", written["metadata"]["name"]))
        new = offline.applied(written, live)
        refs = rules.related(new, self.objects.get, SYSTEM)
        label = {"kubedirector.hpe.com/kdcluster": new["metadata"]["name"]}
        children = [
            item
            for ref, item in self.objects.items()
            if ref.kind in CHILDREN and label.items() <= item["metadata"].get("labels", {}).items()
        ]
        seen = Seen(datetime.now(UTC), new, tuple(children), tuple((ref, self.objects.get(ref)) for ref in refs))
        return offline.forecast(new, live, replace(seen, entropy="0" * 64), self.facts(new, live))

    def facts(self, new, live):
        facts = Facts(system_namespace=SYSTEM, check_access=False)
        while asked := rules.needs(offline.request_for(new, live), facts):
            objects = {ref: self.objects.get(ref) for ref in asked.objects}
            facts = replace(facts, objects={**facts.objects, **objects}, lists=dict.fromkeys(asked.lists, ()))
        return facts


@pytest.fixture
def members(made):
    return made.members()


@pytest.fixture
def play_running(play, made, members):
    """Play a scenario on a configured cluster of one head and two tails."""

    def played(scenario):
        async def run(world):
            async with world.operating() as transport:
                world.create(made.app("shell", PACKAGE), made.cluster(app="shell"))
                await world.until(world.configured(head=1, tail=2))
                await asyncio.sleep(30)
                return await scenario(world, transport)

        return play(run, members)

    return played


def written(world, **tail):
    """The manifest of the cluster, with fields of its role tail changed."""
    found = copied(world.cluster())
    head, role = found["spec"]["roles"]
    spec = {**found["spec"], "roles": [head, {**role, **tail}]}
    return {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": {"name": "c1"}, "spec": spec}


def pods(world, role):
    entries = {entry["id"]: entry["members"] for entry in world.status()["roles"]}
    return [member["pod"] for member in entries[role]]


def apply(world, value):
    world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": value["spec"]})


def in_namespace(value):
    return {**value, "metadata": {**value["metadata"], "namespace": "default"}}


def test_a_manifest_that_is_applied_already_changes_nothing(play_running):
    async def scenario(world, transport):
        assert Reader(world).forecast(in_namespace(written(world))) == offline.Forecast()
        assert Reader(world).forecast(in_namespace(written(world, env=[]))).steps in (
            (),
            ("spec.roles[1].env changes from nothing to []",),
        )

    play_running(scenario)


def test_members_are_restarted_in_the_order_that_was_said(play_running):
    async def scenario(world, transport):
        wanted = in_namespace(written(world, resources=BIGGER))
        told = Reader(world).forecast(wanted)
        assert told.problems == ()
        assert told.steps[0] == "spec.roles[1].resources.limits.memory changes from '16Mi' to '32Mi'"
        assert any(".template.spec.containers[0].resources.limits.memory" in step for step in told.steps)
        restarts = [step for step in told.steps if step.startswith("restart member")]
        assert all(step.endswith("it is set up again") for step in restarts)

        ended = []
        transport.before = lambda call: ended.append(call.path.rpartition("/")[2]) if is_pod_deletion(call) else None
        apply(world, wanted)
        await world.until(lambda: len(ended) == 2 and world.configured(head=1, tail=2)())
        assert [step.split("'")[1] for step in restarts] == ended == pods(world, "tail")[::-1]

    play_running(scenario)


def is_pod_deletion(call):
    return getattr(call, "method", "") == "DELETE" and "/pods/" in call.path


def test_members_that_come_and_go_are_named(play_running):
    async def scenario(world, transport):
        tails = pods(world, "tail")
        grown = Reader(world).forecast(in_namespace(written(world, members=3))).steps
        name = tails[0].rpartition("-")[0]
        assert f"set up a new member '{name}-2' of role 'tail', with node id 4" in grown
        shrunk = Reader(world).forecast(in_namespace(written(world, members=1))).steps
        assert f"tell the others of it, and remove member '{tails[1]}' of role 'tail'" in shrunk
        assert not any("restart" in step for step in (*grown, *shrunk))

    play_running(scenario)


def test_an_upgrade_to_another_app_says_who_is_set_up_from_scratch(play_running, made):
    async def scenario(world, transport):
        newer = made.app("newer", "file:///opt/test/newer.tgz")
        newer["spec"] |= {"distroID": "test/shell", "version": "2"}
        world.create(newer)
        wanted = in_namespace(written(world))
        wanted["spec"]["app"] = "newer"
        steps = Reader(world).forecast(wanted).steps
        assert "spec.app changes from 'shell' to 'newer'" in steps
        everyone = [*pods(world, "head"), *pods(world, "tail")[::-1]]
        restarts = [step for step in steps if step.startswith("restart member")]
        assert [step.split("'")[1] for step in restarts] == everyone
        assert all("set up from scratch" in step for step in restarts)

    play_running(scenario)


def test_what_is_refused_is_told_with_every_problem(play_running):
    async def scenario(world, transport):
        wanted = in_namespace(written(world, storage={"size": "1Gi"}, members=-1))
        found = Reader(world).forecast(wanted)
        assert found.steps == ()
        assert "spec.roles[1].members" in {problem.path for problem in found.problems}

    play_running(scenario)


def test_a_cluster_that_is_not_there_yet_is_made_of_what_its_roles_need(play, made):
    async def scenario(world):
        world.create(made.app("shell", PACKAGE))
        new = made.cluster(app="shell", tails=2)
        steps = Reader(world).forecast(new).steps
        assert "create StatefulSet of role 'tail'" in steps
        assert "set up a new member of role 'head', with node id 1" in steps
        assert sum(step.startswith("set up a new member") for step in steps) == 3

    play(scenario)


def test_no_secret_value_is_shown(play_running):
    """Law 7."""

    async def scenario(world, transport):
        wanted = in_namespace(written(world))
        wanted["spec"]["roles"].append(
            {"id": "tail2", "resources": SMALL, "secretKeys": [{"name": "k", "value": "hunter2"}]}
        )
        found = Reader(world).forecast(wanted)
        assert "hunter2" not in str(found)

    play_running(scenario)
