"""Members are set up, told of changes, retried: the guest protocol under the whole operator, in virtual time."""

import asyncio

import pytest

from kdlib.wire import KD_CLUSTER

PACKAGE = "file:///opt/test/shell.tgz"


@pytest.fixture
def members(made):
    return made.members()


@pytest.fixture
def play_shell(play, made, members):
    """Play a scenario with a cluster of the test app being made."""

    def played(scenario, *, tails=2, **hollow):
        async def run(world):
            async with world.operating() as transport:
                world.create(made.app("shell", PACKAGE), made.cluster(app="shell", tails=tails))
                return await scenario(world, transport)

        return play(run, members, **hollow)

    return played


def pods(world):
    return {role["id"]: [member["pod"] for member in role["members"]] for role in world.status()["roles"]}


def test_every_member_is_set_up_once_with_two_execs(play_shell, members):
    async def scenario(world, transport):
        await world.until(world.configured(head=1, tail=2))
        await asyncio.sleep(600)
        everyone = [pod for group in pods(world).values() for pod in group]
        assert sorted(members.runs) == sorted((pod, container, "--configure") for pod, container, _ in members.runs)
        assert sorted(pod for pod, _, _ in members.runs) == sorted(everyone)
        assert len(transport.execs) == 6
        listed = members.configmeta(everyone[0])["nodegroups"]["1"]["roles"]
        assert {role: len(part["fqdns"]) for role, part in listed.items()} == {"head": 1, "tail": 2}

    play_shell(scenario)


def test_growth_is_told_to_those_that_were_there_and_settled_means_silent(play_shell, members):
    async def scenario(world, transport):
        await world.until(world.configured(head=1, tail=2))
        before = pods(world)
        world.change(tail=3)
        await world.until(world.configured(head=1, tail=3))
        new = pods(world)["tail"][2]
        for pod in [*before["head"], *before["tail"]]:
            assert members.of(pod)[0] == "--configure"
            assert len(members.of(pod)) == 2
            assert "--addnodes" in members.of(pod)[1]
            assert new in members.of(pod)[1]
        assert members.of(new) == ["--configure"]
        await asyncio.sleep(5)
        sent = len(transport.requests), len(transport.execs)
        await asyncio.sleep(3600)
        assert (len(transport.requests), len(transport.execs)) == sent

    play_shell(scenario)


def test_shrinking_is_told_to_those_that_stay(play_shell, members):
    async def scenario(world, _):
        await world.until(world.configured(head=1, tail=2))
        gone = pods(world)["tail"][1]
        world.change(tail=1)
        await world.until(world.configured(head=1, tail=1))
        for pod in [*pods(world)["head"], *pods(world)["tail"]]:
            assert [arguments for arguments in members.of(pod) if "--delnodes" in arguments and gone in arguments]
        listed = members.configmeta(pods(world)["head"][0])["nodegroups"]["1"]["roles"]["tail"]
        assert len(listed["fqdns"]) == 1

    play_shell(scenario)


def test_a_start_script_that_fails_is_not_repeated_until_it_is_asked_for(play_shell, members):
    async def scenario(world, _):
        await world.until(lambda: world.states().get("tail") == ["create pending"] * 2)
        bad = pods(world)["tail"][0]
        members.codes[bad] = 3
        await world.until(lambda: "config error" in world.states()["tail"])
        await asyncio.sleep(600)
        assert members.of(bad) == ["--configure"]
        assert world.states() == {"head": ["configured"], "tail": ["config error", "configured"]}
        members.codes.clear()
        world.retry("1")
        await world.until(world.configured(head=1, tail=2))
        assert members.of(bad)[:2] == ["--configure"] * 2
        await asyncio.sleep(600)
        assert members.of(bad).count("--configure") == 2

    play_shell(scenario, start_seconds=1.0)


def test_a_container_that_restarts_is_set_up_again(play_shell, members):
    async def scenario(world, _):
        await world.until(world.configured(head=1, tail=2))
        pod = pods(world)["tail"][0]
        container = await world.node.restart("default", pod)
        await world.until(lambda: (pod, container, "--configure") in members.runs)
        await world.until(world.configured(head=1, tail=2))
        assert members.of(pod) == ["--configure", "--configure"]

    play_shell(scenario)


@pytest.fixture
def play_asking(play, made, members):
    """Play a scenario with a cluster whose tails let go of what they hold before they go."""

    def played(scenario):
        async def run(world):
            app = made.app("shell", PACKAGE)
            tail = next(role for role in app["spec"]["roles"] if role["id"] == "tail")
            tail["eventList"] = ["configure", "addnodes", "delnodes", "decommission"]
            async with world.operating() as transport:
                world.create(app, made.cluster(app="shell", tails=3))
                await world.until(world.configured(head=1, tail=3))
                return await scenario(world, transport)

        return play(run, members)

    return played


def test_w25_members_let_go_while_the_others_still_count_on_them_and_only_then_go(play_asking, members):
    async def scenario(world, _):
        before = pods(world)
        stays, goes = [*before["head"], before["tail"][0]], before["tail"][1:]
        world.change(tail=1)
        await world.until(world.configured(head=1, tail=1))
        assert [members.of(pod) for pod in goes] == [["--configure", "--decommission"]] * 2
        order = [(pod, arguments.split()[0]) for pod, _, arguments in members.runs]
        last = max(order.index((pod, "--decommission")) for pod in goes)
        told = [order.index((pod, "--delnodes")) for pod in stays]
        assert min(told) > order.index((goes[0], "--decommission"))
        assert max(told) > last
        roles = members.configmeta(goes[0])["nodegroups"]["1"]["roles"]
        assert len(roles["tail"]["fqdns"]) == 3

    play_asking(scenario)


def test_w25_a_member_that_does_not_let_go_keeps_its_pod_until_a_person_acts(play_asking, members):
    async def scenario(world, transport):
        goes = pods(world)["tail"][2]
        members.codes[goes] = 3
        world.change(tail=2)
        await world.until(lambda: world.states()["tail"][-1] == "delete pending")
        await asyncio.sleep(3600 * 24)
        assert members.of(goes) == ["--configure", "--decommission"]
        assert pods(world)["tail"][2] == goes
        stalled = next(item for item in world.status()["conditions"] if item["type"] == "Stalled")
        assert (stalled["status"], stalled["reason"]) == ("True", "DecommissionFailed")
        execs = len(transport.execs)
        await asyncio.sleep(3600)
        assert len(transport.execs) == execs
        members.codes.clear()
        world.retry("1")
        await world.until(world.configured(head=1, tail=2))
        assert members.of(goes) == ["--configure", "--decommission", "--decommission"]

    play_asking(scenario)


def test_a_deleted_cluster_leaves_nothing_and_nothing_is_done_inside_it_any_more(play_shell):
    async def scenario(world, transport):
        await world.until(world.configured(head=1, tail=2))
        world.registry.delete(KD_CLUSTER, "default", "c1")
        await world.until(lambda: world.left() == [])
        execs = len(transport.execs)
        await asyncio.sleep(600)
        assert len(transport.execs) == execs

    play_shell(scenario)


def test_a_new_operator_reads_back_and_starts_nothing_again(play, made, members):
    async def scenario(world):
        async with world.operating():
            world.create(made.app("shell", PACKAGE), made.cluster(app="shell"))
            await world.until(world.configured(head=1, tail=2))
        runs = list(members.runs)
        async with world.operating() as transport:
            await asyncio.sleep(600)
        assert members.runs == runs
        assert transport.execs == []
        assert transport.writes == []

    play(scenario, members)


def test_a_member_that_cannot_be_reached_is_set_up_when_it_answers(play, made, members):
    from kdlib.errors import UnreachableError

    async def scenario(world):
        away, inner = [True], world.node.containers._responder

        async def responder(call):
            if away and call.request.pod.endswith("-1"):
                raise UnreachableError("cut")
            return await inner(call)

        world.node.containers._responder = responder
        async with world.operating():
            world.create(made.app("shell", PACKAGE), made.cluster(app="shell"))
            await world.until(lambda: world.states().get("tail") == ["configured", "creating"])
            await asyncio.sleep(120)
            assert world.states() == {"head": ["configured"], "tail": ["configured", "creating"]}
            away.clear()
            begun = world.time.seconds
            await world.until(world.configured(head=1, tail=2))
            assert world.time.seconds - begun < 60

    play(scenario, members)
