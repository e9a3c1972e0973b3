"""What goes wrong around a member, row by row of the specification's matrix (3.20), and what comes of it here."""

import pytest

from kdlib import lifecycle
from kdlib.model import MemberState, MemberStatus, SetUp, StateDetail

STORAGE = pytest.mark.parametrize("storage", [False, True])


def configured(world):
    assert set(world.states().values()) == {"configured"}
    assert lifecycle.settled(world.status)
    return True


def until_set_up_begins(world):
    """Let everybody act until a member is to be set up, but let no set-up begin."""
    for _ in range(20):
        world.operate()
        world.kubernetes()
        if any(isinstance(task, SetUp) for task in world.tasks):
            return world
        world.work()
    raise AssertionError("no member is set up")


@STORAGE
def test_a_container_that_is_restarted_while_it_is_set_up_is_set_up_again_and_announced_once(make_world, storage):
    """The original's member flashes through `config error`, and the others hear of it then."""
    world = make_world({"head": 1}, storage=storage).settle()
    world.wanted["head"] = 2
    until_set_up_begins(world)
    seen = set()
    world.start("set-head-1")
    for _ in range(30):
        world.turn()
        seen.add(world.states().get("set-head-1"))
    assert "config error" not in seen
    assert configured(world)
    assert world.events("set-head-1") == [("--configure",)]
    assert [event[0] for event in world.events("set-head-0")].count("--addnodes") == 1


def test_a_container_that_is_another_one_by_the_time_of_the_exec_gets_nothing_of_it(make_world):
    world = until_set_up_begins(make_world({"head": 1}))
    (task,) = world.tasks
    world.start("set-head-0")
    world.work()
    assert world.events("set-head-0") == []
    world.settle()
    assert configured(world)
    assert world.events("set-head-0") == [("--configure",)]
    assert world.member("set-head-0").state_detail.last_configured_container != task.container


def test_a_configured_container_that_is_another_one_by_the_time_of_the_exec_is_set_up_instead(make_world):
    world = make_world({"head": 1}).settle()
    world.wanted["head"] = 2
    for _ in range(3):
        world.operate()
    assert [task.pod for task in world.tasks] == ["set-head-0"]
    world.start("set-head-0")
    world.settle()
    assert configured(world)
    assert world.events("set-head-0") == [("--configure",)]


def test_w02_a_role_without_ports_shrinks_goes_and_comes_back(make_world):
    world = make_world({"head": 1, "tail": 3}, ports=False).settle()
    world.wanted["tail"] = 1
    world.settle()
    assert configured(world)
    del world.wanted["tail"]
    world.settle()
    assert set(world.states()) == {"set-head-0"}
    world.wanted["tail"] = 2
    world.settle()
    assert configured(world)
    assert set(world.states()) == {"set-head-0", "set-tail-0", "set-tail-1"}


@STORAGE
def test_w03_a_role_that_is_removed_while_its_members_are_set_up_goes(make_world, storage):
    world = make_world({"head": 1}, storage=storage).settle()
    world.wanted["tail"] = 2
    world.known_roles["tail"] = None
    until_set_up_begins(world)
    del world.wanted["tail"]
    world.settle()
    assert set(world.states()) == {"set-head-0"}
    assert configured(world)
    assert set(world.pods) == {"set-head-0"}


def test_w05_a_member_with_a_volume_comes_back_though_the_spec_changed_while_it_was_away(make_world):
    world = make_world({"head": 2}, storage=True).settle()
    world.slow = {"set-head-1"}
    del world.pods["set-head-1"]
    world.settle()
    assert world.states()["set-head-1"] == "create pending"
    world.wanted["head"] = 3
    world.settle()
    assert world.states()["set-head-2"] == "configured"
    world.slow = set()
    world.settle()
    assert configured(world)
    assert "set-head-2" in world.pods["set-head-1"].knows


def test_w05_a_member_in_error_with_a_volume_is_helped_by_a_new_pod_though_the_spec_changed(make_world):
    world = make_world({"head": 2}, storage=True)
    world.exit_codes["set-head-1"] = 3
    world.settle()
    world.wanted["head"] = 3
    world.settle()
    world.exit_codes.clear()
    del world.pods["set-head-1"]
    world.settle()
    assert configured(world)


def test_w06_a_member_that_is_down_holds_up_neither_growth_nor_shrinking_nor_other_set_ups(make_world):
    world = make_world({"head": 2, "tail": 1}).settle()
    world.slow = {"set-head-0"}
    del world.pods["set-head-0"]
    world.wanted |= {"head": 1, "tail": 3}
    world.settle()
    assert world.states() == {
        "set-head-0": "create pending",
        "set-tail-0": "configured",
        "set-tail-1": "configured",
        "set-tail-2": "configured",
    }


@pytest.mark.parametrize(
    ("detail", "is_done"),
    [
        ({"last_setup_generation": 1}, True),
        ({"configured_generation": 1}, True),
        ({}, False),
        ({"last_setup_generation": 1, "config_error_detail": "exit status 3"}, False),
    ],
)
def test_w19_a_member_that_was_configured_is_not_configured_again_whatever_its_volume_says(make_world, detail, is_done):
    """A `--reconnect` of the original leaves its exit status, or none, where that of `--configure` was."""
    world = make_world({"head": 1}, storage=True).settle()
    old = StateDetail(last_configured_container="containerd://before", announced=True, **detail)
    (role,) = world.status.roles
    member = MemberStatus(pod="set-head-0", node_id=1, service="s-set-head-0", pvc="p-set-head-0")
    state = MemberState.CONFIG_ERROR if "config_error_detail" in detail else MemberState.CONFIGURED
    members = (member.changed(state=state, state_detail=old),)
    world.status = world.status.changed(roles=(role.changed(members=members),))
    world.crash()
    world.start("set-head-0")
    until_set_up_begins(world)
    (task,) = world.tasks
    assert task.done_before is is_done
