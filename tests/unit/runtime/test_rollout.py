"""A changed spec reaches members one by one (W-32); members are restarted on request: the operator in virtual time."""

import asyncio

import pytest
from dying import Dying, killed, operate
from world import SMALL

from kdlib.frozen import dig
from kdlib.names import ANNOTATION_PREFIX
from kdlib.wire import CONTROLLER_REVISION, EVENT, KD_APP, KD_CLUSTER, POD, SERVICE, STATEFUL_SET

PACKAGE = "file:///opt/test/shell.tgz"
BIGGER = {"limits": {"memory": "32Mi", "cpu": "10m"}}
TAILS = {"head": 1, "tail": 3}


@pytest.fixture
def members(made):
    return made.members()


class Stage:
    """A cluster with one head and three tails, configured, and what happens to its pods from then on."""

    def __init__(self, world, members, transport):
        self.world, self.members, self.transport = world, members, transport
        self.ended = []
        self.others = []
        transport.before = self.look

    def look(self, request):
        """Note each pod that is ended, and whether all others could be counted on at that moment."""
        if getattr(request, "method", "") != "DELETE" or "/pods/" not in request.path:
            return
        pod = request.path.rpartition("/")[2]
        self.ended.append(pod)
        states = {member["pod"]: member["state"] for role in self.world.status()["roles"] for member in role["members"]}
        self.others.append({state for name, state in states.items() if name != pod})

    def role(self, role, **fields):
        """Change fields of a role of the spec."""
        roles = [{**item, **fields} if item["id"] == role else item for item in self.world.cluster()["spec"]["roles"]]
        roles = [{key: value for key, value in item.items() if value is not None} for item in roles]
        self.world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"roles": roles}})

    def annotate(self, name, value):
        annotations = {f"{ANNOTATION_PREFIX}{name}": value}
        self.world.registry.patch(KD_CLUSTER, "default", "c1", {"metadata": {"annotations": annotations}})

    def pods(self, role="tail"):
        roles = {item["id"]: item["members"] for item in self.world.status()["roles"]}
        return [member["pod"] for member in roles[role]]

    def memory(self, role="tail"):
        """Return the memory limit of each of the role's pods."""
        found = {pod["metadata"]["name"]: pod for pod in self.world.registry.list(POD, "default")}
        return [
            dig(found.get(pod), "spec", "containers", 0, "resources", "limits", "memory") for pod in self.pods(role)
        ]

    def condition(self, kind):
        return next((item for item in self.world.status()["conditions"] if item["type"] == kind), None)

    def told(self):
        return self.condition("Upgrading") or {"status": "", "reason": "", "message": ""}

    def settled(self, memory="32Mi"):
        return lambda: self.world.configured(**TAILS)() and not self.told()["reason"] and set(self.memory()) == {memory}


@pytest.fixture
def stage(play, made, members):
    """Play a scenario on a configured cluster."""

    def played(scenario, package=PACKAGE):
        async def run(world):
            async with world.operating() as transport:
                world.create(made.app("shell", package), made.cluster(app="shell", tails=3))
                await world.until(world.configured(**TAILS))
                return await scenario(Stage(world, members, transport))

        return play(run, members)

    return played


def test_w32_changed_resources_reach_one_member_after_the_other_the_highest_first(stage):
    async def scenario(at):
        tails, before = at.pods(), set(at.members.runs)
        at.role("tail", resources=BIGGER, env=[{"name": "LEVEL", "value": "debug"}])
        await at.world.until(at.settled())
        assert at.ended == tails[::-1]
        assert at.others == [{"configured"}] * 3
        assert sorted(pod for pod, _, _ in set(at.members.runs) - before) == sorted(tails)
        assert [role.get("rollout") for role in at.world.status()["roles"]] == [None, None]
        at.transport.requests.clear()
        await asyncio.sleep(600)
        assert at.transport.writes == []

    stage(scenario)


def test_every_member_reads_of_the_change(stage):
    async def scenario(at):
        at.role("tail", resources=BIGGER)
        await at.world.until(at.settled())
        for pod in (*at.pods("head"), *at.pods()):
            assert at.members.configmeta(pod)["nodegroups"]["1"]["roles"]["tail"]["flavor"]["memory"] == "32"

    stage(scenario)


def test_a_member_that_fails_in_its_new_form_stops_the_rollout_and_the_old_value_brings_it_back(stage):
    async def scenario(at):
        tails = at.pods()
        at.members.codes[tails[2]] = 3
        at.role("tail", resources=BIGGER)
        await at.world.until(lambda: at.told()["reason"] == "UpgradeStopped")
        message = at.told()["message"]
        assert message.startswith("0/3 members have what the spec says")
        assert f"member '{tails[2]}': its set-up failed" in message
        assert "to go back, set the fields of the spec to what they were" in message
        await asyncio.sleep(600)
        assert (at.ended, at.memory()) == ([tails[2]], ["16Mi", "16Mi", "32Mi"])
        assert at.world.status()["state"] == "updating"

        at.members.codes.clear()
        at.role("tail", resources=SMALL)
        await at.world.until(at.settled("16Mi"))
        assert at.ended == [tails[2], tails[2]]

    stage(scenario)


def test_a_corrected_value_goes_on_with_the_member_that_failed(stage):
    async def scenario(at):
        tails = at.pods()
        at.role("tail", resources={"limits": {"memory": "16Mi", "cpu": "100000"}})
        await at.world.until(lambda: at.told()["reason"] == "UpgradeStopped")
        assert "cannot be scheduled" in at.told()["message"]
        at.role("tail", resources=BIGGER)
        await at.world.until(at.settled())
        assert at.ended == [tails[2], tails[2], tails[1], tails[0]]

    stage(scenario)


def test_nobody_goes_while_another_member_is_down_or_new(stage):
    async def scenario(at):
        at.world.change(tail=4)
        at.role("tail", resources=BIGGER, members=4)
        await at.world.until(lambda: at.world.configured(head=1, tail=4)() and set(at.memory()) == {"32Mi"})
        await at.world.until(lambda: not at.told()["reason"])
        assert at.ended == [pod for pod in at.pods()[::-1] if pod in at.ended]
        assert at.others == [{"configured"}] * len(at.ended)

    stage(scenario)


def test_members_that_are_removed_are_not_brought_anything(stage):
    async def scenario(at):
        tails = at.pods()
        at.role("tail", resources=BIGGER, members=1)
        await at.world.until(lambda: at.world.configured(head=1, tail=1)() and at.memory() == ["32Mi"])
        await at.world.until(lambda: not at.told()["reason"])
        assert at.ended == tails[:1]

    stage(scenario)


def test_another_image_sets_a_member_up_from_scratch_and_other_resources_do_not(play, made, members):
    async def scenario(world):
        async with world.operating() as transport:
            kept = made.cluster(app="shell", tails=1)
            kept["spec"]["roles"][1]["storage"] = {"size": "1Gi", "storageClassName": "standard"}
            world.create(made.app("shell", PACKAGE), kept)
            await world.until(world.configured(head=1, tail=1))
            at = Stage(world, members, transport)
            (pod,) = at.pods()
            at.role("tail", imageRepoTag="test/shell:2")
            await world.until(
                lambda: at.ended == [pod] and world.configured(head=1, tail=1)() and not at.told()["reason"]
            )
            detail = world.status()["roles"][1]["members"][0]["stateDetail"]
            assert "fromScratch" not in detail
            assert members.of(pod) == ["--configure", "--configure"]
            found = world.registry.get(POD, "default", pod)
            images = [item["image"] for part in ("initContainers", "containers") for item in found["spec"][part]]
            assert images == ["test/shell:2"] * 2

    play(scenario, members)


@pytest.mark.parametrize("name", ["restart", "restart-role-tail"])
def test_members_are_restarted_on_request_one_after_the_other_and_once(stage, name):
    async def scenario(at):
        tails, heads = at.pods(), at.pods("head")
        at.annotate(name, "1")
        wanted = tails[::-1] if "role" in name else [*heads, *tails[::-1]]
        await at.world.until(lambda: len(at.ended) == len(wanted) and at.world.configured(**TAILS)())
        assert (at.ended, at.others) == (wanted, [{"configured"}] * len(wanted))
        await asyncio.sleep(600)
        at.world.change(tail=4)
        await at.world.until(at.world.configured(head=1, tail=4))
        await asyncio.sleep(600)
        assert at.ended == wanted
        details = [member["stateDetail"] for role in at.world.status()["roles"] for member in role["members"]]
        assert not any("restarting" in detail for detail in details)

    stage(scenario)


def test_one_member_is_restarted_at_once_though_another_one_failed(stage):
    async def scenario(at):
        tails = at.pods()
        at.members.codes[tails[1]] = 3
        at.world.registry.delete(POD, "default", tails[1])
        await at.world.until(lambda: "config error" in at.world.states()["tail"])
        at.annotate("restart", "1")
        await asyncio.sleep(600)
        assert at.ended == [tails[1]]
        at.annotate(f"restart-{tails[0]}", "1")
        await at.world.until(lambda: at.ended == [tails[1], tails[0]])

    stage(scenario)


CALLS = 25
"""About as many calls as a rollout to two members and a restart make."""


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, CALLS, 5))
def test_a_rollout_goes_on_wherever_the_operator_died(play, made, members, call, takes_effect):
    async def scenario(world):
        transport = Dying(world.transport(), 10**9, takes_effect=takes_effect)
        task = asyncio.create_task(operate(world, transport))
        try:
            world.create(made.app("shell", PACKAGE), made.cluster(app="shell", tails=2))
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(60)
            at = Stage(world, members, world.transport())
            transport.calls, transport.last_call = 0, call
            at.role("tail", resources=BIGGER)
            at.annotate("restart-role-head", "1")
            await world.until(lambda: world.configured(head=1, tail=2)() and at.memory() == ["32Mi"] * 2)
            await asyncio.sleep(300)
            assert (world.configured(head=1, tail=2)(), at.told()["reason"]) == (True, "")
            for pod in (*at.pods("head"), *at.pods()):
                assert members.of(pod) == ["--configure"] * 2
        finally:
            await killed(task)

    play(scenario, members)


def test_a_template_that_somebody_else_changed_restarts_nobody(stage):
    """Decision 6: only a change of the spec, or a request, ends a member."""

    async def scenario(at):
        name = at.pods()[0].rpartition("-")[0]
        (container,) = at.world.registry.get(STATEFUL_SET, "default", name)["spec"]["template"]["spec"]["containers"]
        template = {"spec": {"containers": [{**container, "image": "other:1"}]}}
        at.world.registry.patch(STATEFUL_SET, "default", name, {"spec": {"template": template}})
        await asyncio.sleep(600)
        assert at.ended == []
        assert at.told()["reason"] == ""

    stage(scenario)


NEWER = "file:///opt/test/newer.tgz"


def newer(made, name="newer", **spec):
    """Another app of the test app's distribution, with another package and the same image."""
    value = made.app(name, NEWER)
    value["spec"] |= {"distroID": "test/shell", "version": "2", "defaultImageRepoTag": "test/shell:1", **spec}
    return value


def versions(at):
    """What each member reads of the app's version."""
    pods = [*at.pods("head"), *at.pods()]
    return {at.members.configmeta(pod)["nodegroups"]["1"]["catalog_entry_version"] for pod in pods}


def move(at, name):
    at.world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"app": name}})


def test_w32_a_cluster_is_upgraded_to_another_app_member_by_member_and_back(stage, made):
    async def scenario(at):
        everyone = [*at.pods("head"), *at.pods()[::-1]]
        at.world.create(newer(made))
        move(at, "newer")
        await at.world.until(lambda: len(at.ended) == 4 and at.world.configured(**TAILS)() and not at.told()["reason"])
        assert (at.ended, at.others) == (everyone, [{"configured"}] * 4)
        assert versions(at) == {"2"}
        copies = [item for item in at.world.registry.list(CONTROLLER_REVISION, "default") if "app" in item["data"]]
        assert [(item["data"]["app"], item["data"]["spec"]["version"]) for item in copies] == [("newer", "2")]

        move(at, "shell")
        await at.world.until(lambda: len(at.ended) == 8 and at.world.configured(**TAILS)() and not at.told()["reason"])
        assert versions(at) == {"1"}
        assert all(at.members.of(pod) == ["--configure"] * 3 for pod in everyone)

    stage(scenario)


def test_an_app_that_is_deleted_in_the_middle_of_a_move_takes_nothing_from_the_cluster(stage, made):
    """The further copy is recorded and not written yet: the one before is taken up again, until the app is back."""

    async def scenario(at):
        name = at.world.status()["reserved"]["appCopy"]

        def lose(request):
            at.look(request)
            body = request.body if isinstance(getattr(request, "body", None), dict) else {}
            recorded = dig(body, "status", "reserved", "appCopy", default=name)
            if recorded != name and at.world.registry.get(KD_APP, "default", "newer"):
                at.world.registry.delete(KD_APP, "default", "newer")

        at.world.create(newer(made))
        at.transport.before = lose
        move(at, "newer")
        await at.world.until(lambda: "does not exist" in (at.condition("SpecAccepted") or {}).get("message", ""))
        await at.world.until(lambda: at.world.configured(**TAILS)() and not at.told()["reason"])
        assert (at.ended, at.condition("Stalled")["status"], versions(at)) == ([], "False", {"1"})
        assert at.world.status()["reserved"]["appCopy"] == name
        at.transport.before = at.look
        at.world.create(newer(made))
        await at.world.until(lambda: len(at.ended) == 4 and at.world.configured(**TAILS)() and not at.told()["reason"])
        assert versions(at) == {"2"}
        assert at.condition("SpecAccepted") is None

    stage(scenario)


def test_a_stopped_upgrade_goes_back_to_the_old_app(stage, made):
    async def scenario(at):
        head, tails = at.pods("head")[0], at.pods()
        at.members.codes[tails[2]] = 3
        at.world.create(newer(made))
        move(at, "newer")
        await at.world.until(lambda: at.told()["reason"] == "UpgradeStopped")
        assert at.ended == [head, tails[2]]
        assert at.told()["message"].startswith("1/4 members have what the spec says")
        at.members.codes.clear()
        move(at, "shell")
        await at.world.until(lambda: at.world.configured(**TAILS)() and not at.told()["reason"])
        assert at.ended == [head, tails[2], tails[2], head]
        assert versions(at) == {"1"}

    stage(scenario)


def test_an_app_of_another_distribution_changes_nothing(stage, made):
    async def scenario(at):
        at.world.create(newer(made, "stranger", distroID="test/stranger"))
        move(at, "stranger")
        await at.world.until(lambda: at.condition("SpecAccepted"))
        assert "distroID" in at.condition("SpecAccepted")["message"]
        await asyncio.sleep(600)
        assert (at.ended, versions(at)) == ([], {"1"})

    stage(scenario)


def test_an_upgrade_that_gives_a_role_its_first_port_gives_its_members_services(stage, made):
    async def scenario(at):
        both = [{"roleID": "head", "serviceIDs": ["web"]}, {"roleID": "tail", "serviceIDs": ["web"]}]
        at.world.create(newer(made, config={"selectedRoles": ["head", "tail"], "roleServices": both}))
        move(at, "newer")
        await at.world.until(lambda: len(at.ended) == 4 and at.world.configured(**TAILS)() and not at.told()["reason"])
        services = {item["metadata"]["name"] for item in at.world.registry.list(SERVICE, "default")}
        assert {f"s-{pod}" for pod in (*at.pods("head"), *at.pods())} <= services
        move(at, "shell")
        await at.world.until(lambda: len(at.ended) == 8 and at.world.configured(**TAILS)() and not at.told()["reason"])
        services = {item["metadata"]["name"] for item in at.world.registry.list(SERVICE, "default")}
        assert not {f"s-{pod}" for pod in at.pods()} & services

    stage(scenario)


def test_an_upgrade_is_told_of_until_it_is_done_whatever_else_is_asked_for_meanwhile(stage):
    """Pausing the cluster, or more members, does not end it."""

    async def scenario(at):
        tails = at.pods()
        at.members.codes[tails[2]] = 3
        at.role("tail", resources=BIGGER)
        await at.world.until(lambda: at.told()["reason"] == "UpgradeStopped")
        at.world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"paused": True}})
        await at.world.until(lambda: at.condition("Paused") is not None)
        assert (at.told()["status"], at.condition("Ready")["status"]) == ("False", "False")
        assert "the cluster is paused" in at.told()["message"]
        at.world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"paused": None}})
        await at.world.until(lambda: at.condition("Paused") is None)
        at.members.codes.clear()
        at.role("tail", members=4)
        await asyncio.sleep(30)
        reasons = [item["reason"] for item in at.world.registry.list(EVENT, "default")]
        assert "UpgradeEnded" not in reasons
        at.role("tail", resources=SMALL)
        await at.world.until(lambda: at.condition("Upgrading") is None)
        assert at.memory() == ["16Mi"] * 4

    stage(scenario)


def test_a_member_that_waits_to_be_upgraded_keeps_a_paused_cluster_from_being_ready(stage):
    async def scenario(at):
        at.role("tail", resources=BIGGER)
        await at.world.until(lambda: at.told()["reason"] == "Upgrading")
        at.world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"paused": True}})
        await at.world.until(lambda: at.condition("Paused") is not None)
        await asyncio.sleep(300)
        assert at.memory()[0] == "16Mi"
        assert at.condition("Ready")["status"] == "False"
        assert at.told()["reason"] == "Upgrading"

    stage(scenario)


def test_roles_that_wait_for_a_failed_one_do_not_keep_the_change_that_mends_it_away(play, made, members):
    """`startOrder`: the head waits for the tails, of which one failed, and a change of the spec is to mend it."""

    async def scenario(world):
        async with world.operating() as transport:
            app = made.app("shell", PACKAGE)
            app["spec"]["startOrder"] = ["tail", "head"]
            world.create(app, made.cluster(app="shell", tails=2))
            at = Stage(world, members, transport)
            await world.until(lambda: len(world.states().get("tail", ())) == 2)
            first, last = at.pods()
            members.codes[last] = 3
            await world.until(lambda: world.states()["tail"] == ["configured", "config error"])
            members.codes[first] = 3
            world.registry.delete(POD, "default", first)
            await world.until(lambda: world.states()["tail"] == ["config error"] * 2)
            members.codes.clear()
            at.role("tail", resources=BIGGER)
            await world.until(lambda: set(at.ended) == {first, last})
            await world.until(world.configured(head=1, tail=2))
            await world.until(lambda: at.condition("Upgrading") is None)
            assert at.memory() == ["32Mi"] * 2

    play(scenario, members)


def test_a_restart_that_was_asked_for_is_told_as_one(play, made, members):
    """A Warning that a member lost its container is for those that nobody asked to be restarted."""

    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app("shell", PACKAGE), made.cluster(app="shell", tails=2))
            await world.until(world.configured(head=1, tail=2))
            at = Stage(world, members, transport)
            at.annotate("restart", "1")
            await world.until(lambda: len(at.ended) == 3)
            await asyncio.sleep(60)
            assert world.configured(head=1, tail=2)()
            reasons = [item["reason"] for item in world.registry.list(EVENT, "default")]
            assert (reasons.count("MemberRenewed"), reasons.count("MemberRestarted")) == (3, 0)

    play(scenario, members, start_seconds=3, stop_seconds=5)
