"""Known weaknesses of the original that the whole operator shows gone, in virtual time."""

import asyncio

import pytest

from kdlib.wire import KD_CLUSTER

PACKAGE = "file:///opt/test/shell.tgz"


@pytest.fixture
def members(made):
    return made.members()


@pytest.fixture
def play_shell(play, made, members):
    """Play a scenario over a cluster of the test app; `app` and `cluster` change what is made."""

    def played(scenario, *, tails=2, app=lambda spec: spec, cluster=lambda spec: spec, **hollow):
        async def run(world):
            found, wanted = made.app("shell", PACKAGE), made.cluster(app="shell", tails=tails)
            async with world.operating() as transport:
                world.create({**found, "spec": app(found["spec"])}, {**wanted, "spec": cluster(wanted["spec"])})
                return await scenario(world, transport)

        return play(run, members, **hollow)

    return played


def pods(world, role="tail"):
    return next([member["pod"] for member in item["members"]] for item in world.status()["roles"] if item["id"] == role)


def test_w07_quick_edits_in_a_row_end_in_the_last_one_and_lose_no_news(play_shell, members):
    async def scenario(world, _):
        await world.until(world.configured(head=1, tail=2))
        for count in (4, 3, 5, 4):
            world.change(tail=count)
            await asyncio.sleep(0.02)
        await world.until(world.configured(head=1, tail=4))
        (head,) = pods(world, "head")
        told = " ".join(members.of(head)[1:])
        assert all(told.count(f"{pod}.") >= 1 for pod in pods(world)[2:])
        listed = members.configmeta(head)["nodegroups"]["1"]["roles"]["tail"]["fqdns"]
        assert [name.partition(".")[0] for name in listed] == pods(world)

    play_shell(scenario)


def test_w17_a_role_without_configure_hears_of_the_changes_that_it_lists(play_shell, members):
    def listing(spec):
        head, tail = spec["roles"]
        return {**spec, "roles": [{**head, "eventList": ["addnodes"]}, tail]}

    async def scenario(world, _):
        await world.until(world.configured(head=1, tail=2))
        world.change(tail=3)
        await world.until(world.configured(head=1, tail=3))
        (head,) = pods(world, "head")
        (told,) = members.of(head)
        assert told.startswith("--addnodes ")
        assert pods(world)[2] in told

    play_shell(scenario, app=listing)


def test_w28_a_restart_is_acted_upon_at_once_and_nothing_is_polled(play_shell, members):
    async def scenario(world, transport):
        await world.until(world.configured(head=1, tail=2))
        await asyncio.sleep(5)
        asked, begun = len(transport.requests), world.time.seconds
        await asyncio.sleep(3600)
        assert len(transport.requests) == asked
        begun = world.time.seconds
        container = await world.node.restart("default", pods(world)[0])
        await world.until(lambda: (pods(world)[0], container, "--configure") in members.runs)
        assert world.time.seconds - begun < 1

    play_shell(scenario)


def test_w48_an_empty_value_of_a_variable_is_a_value(play_shell):
    def with_empty(spec):
        head, tail = spec["roles"]
        return {**spec, "roles": [{**head, "env": [{"name": "EMPTY", "value": ""}]}, tail]}

    async def scenario(world, _):
        await world.until(world.configured(head=1, tail=2))
        assert world.cluster()["spec"]["roles"][0]["env"] == [{"name": "EMPTY", "value": ""}]

    play_shell(scenario, cluster=with_empty)


def test_w49_the_operator_never_writes_what_a_user_wrote(play_shell):
    def oddly_written(spec):
        head, tail = spec["roles"]
        return {**spec, "roles": [{**head, "resources": {"limits": {"memory": "65536Ki", "cpu": "0.010"}}}, tail]}

    async def scenario(world, transport):
        before = world.cluster()["spec"]
        await world.until(world.configured(head=1, tail=2))
        assert world.cluster()["spec"] == before
        mine = [item for item in world.cluster()["metadata"]["managedFields"] if item["manager"] == "kubedirector"]
        assert mine
        assert not any("f:spec" in item["fieldsV1"] for item in mine)
        paths = {request.path for request in transport.requests if request.method == "PUT"}
        assert not any(KD_CLUSTER.plural in path for path in paths)

    play_shell(scenario, cluster=oddly_written)


def test_w54_a_member_in_error_is_in_error_and_not_down_after_the_next_change(play_shell, members):
    async def scenario(world, _):
        await world.until(lambda: world.states().get("tail") == ["create pending"] * 2)
        members.codes[pods(world)[0]] = 3
        await world.until(lambda: world.status().get("state") == "configured")
        world.change(tail=3)
        await world.until(lambda: world.states()["tail"] == ["config error", "configured", "configured"])
        await world.until(lambda: world.status().get("state") == "configured")
        rollup = world.status()["memberStateRollup"]
        assert (rollup["configErrors"], rollup["membersDown"]) == (True, False)

    play_shell(scenario, start_seconds=1.0)
