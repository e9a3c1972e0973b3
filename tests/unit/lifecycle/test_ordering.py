"""Roles start in the order that their app asks for, when they are made for the first time, and never again."""

import pytest

from kdlib import lifecycle

ORDER = ["name", "data", "query"]


@pytest.fixture
def make(make_world):
    def made(**counts):
        return make_world(counts or {"query": 1, "data": 2, "name": 1}, start_order=ORDER)

    return made


def started(world):
    """Return the pods in the order in which their start scripts ran."""
    numbers = {life.name: number for number, life in enumerate(world.lives)}
    begun = sorted((life.began, numbers[life.name], pod) for pod, life in world.pods.items() if life and life.began)
    return [pod for _, _, pod in begun]


def test_a_role_is_set_up_once_the_roles_before_it_are_configured(make):
    world = make().settle()
    assert started(world)[0] == "set-name-0"
    assert set(started(world)[1:3]) == {"set-data-0", "set-data-1"}
    assert started(world)[3] == "set-query-0"
    assert set(world.states().values()) == {"configured"}


def test_pods_do_not_wait_and_what_the_members_wait_for_is_told(make):
    world = make()
    world.slow = {"set-name-0"}
    world.settle()
    assert set(world.pods) == {"set-name-0", "set-data-0", "set-data-1", "set-query-0"}
    progress = world.member("set-data-1").state_detail.progress
    assert progress == "waiting for role 'name', which is before its own in the app's startOrder"
    assert [world.member(f"set-{pod}").state_detail.awaited_role for pod in ("name-0", "data-1")] == [None, "name"]
    assert started(world) == []
    world.slow = set()
    world.settle()
    assert {member.state_detail.awaited_role for member in world.members()} == {None}
    assert set(world.states().values()) == {"configured"}


def test_a_role_that_could_not_be_set_up_keeps_those_after_it_waiting_until_it_is(make):
    world = make()
    world.exit_codes["set-name-0"] = 3
    world.settle()
    assert world.states() == {
        "set-name-0": "config error",
        "set-data-0": "create pending",
        "set-data-1": "create pending",
        "set-query-0": "create pending",
    }
    world.exit_codes.clear()
    world.annotations["kubedirector.hpe.com/retry"] = "1"
    world.settle()
    assert set(world.states().values()) == {"configured"}


def test_neither_growth_nor_a_restart_is_a_first_start(make):
    world = make().settle()
    world.exit_codes["set-name-0"] = 3
    world.start("set-name-0")
    world.wanted["data"] = 3
    world.start("set-query-0")
    world.settle()
    assert world.states() == {
        "set-name-0": "config error",
        "set-data-0": "configured",
        "set-data-1": "configured",
        "set-data-2": "configured",
        "set-query-0": "configured",
    }


def test_a_role_that_is_added_later_waits_as_well_and_one_that_is_not_there_is_not_waited_for(make):
    world = make(name=1, query=1).settle()
    assert set(world.states().values()) == {"configured"}
    world.exit_codes["set-data-0"] = 3
    world.known_roles["data"] = None
    world.wanted["data"] = 1
    world.settle()
    assert world.states()["set-data-0"] == "config error"
    assert world.states()["set-query-0"] == "configured"


def test_without_an_order_all_roles_start_together(make_world):
    world = make_world({"query": 1, "name": 1})
    world.slow = {"set-name-0"}
    world.settle()
    assert world.states()["set-query-0"] == "configured"


def test_a_role_that_goes_keeps_nobody_waiting(make):
    world = make()
    world.exit_codes["set-name-0"] = 3
    world.settle()
    del world.wanted["name"]
    world.settle()
    assert set(world.states().values()) == {"configured"}
    assert set(world.states()) == {"set-data-0", "set-data-1", "set-query-0"}


def test_a_paused_cluster_says_the_same_of_members_that_wait_for_a_role(make):
    world = make()
    world.slow = {"set-name-0"}
    world.settle()
    assert lifecycle.resting(world.resolved()).status.roles == world.status.roles
