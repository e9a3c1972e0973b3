"""Members of a role that asks for it let go of what they hold before they go, and the role waits for them."""

from datetime import timedelta

import pytest

from kdlib import lifecycle
from kdlib.model import ContainerState, Notify, Stalled, UnderWay

LIST = ["configure", "addnodes", "delnodes", "decommission"]
GONE = ("--decommission",)


def delnodes(*pods):
    names = ",".join(f"{pod}.kdhs-1.ns.svc.cluster.local" for pod in pods)
    return ("--delnodes", "--nodegroup", "1", "--role", "tail", "--fqdns", names)


@pytest.fixture
def make(make_world):
    """Make a settled cluster whose role `tail` asks its members before they go."""

    def made(tail=3, **options):
        world = make_world({"head": 1, "tail": tail}, events={"tail": LIST}, **options)
        return world.settle()

    return made


def shrunk(world, tail, turns=6):
    """Shrink the role, and let everybody act but start scripts that were not begun before."""
    world.wanted["tail"] = tail
    for _ in range(turns):
        world.operate()
        world.kubernetes()
    return world


def departures(world):
    return [task for task in world.tasks if isinstance(task, Notify) and task.arguments == GONE]


def test_w25_a_member_lets_go_before_the_others_are_told_and_before_its_pod_goes(make):
    world = make()
    generation = world.status.spec_generation_to_process
    shrunk(world, 2)
    (task,) = departures(world)
    assert task.pod == "set-tail-2"
    assert world.sets["set-tail"] == 3
    assert world.states()["set-tail-2"] == "delete pending"
    assert world.status.spec_generation_to_process == generation
    assert [member.pod for _, member in lifecycle.listed_members(world.life)][-1] == "set-tail-2"
    assert delnodes("set-tail-2") not in world.events("set-head-0")
    container = world.pods["set-tail-2"]
    world.settle()
    assert container.events[-1] == GONE
    assert world.events("set-head-0")[-1] == delnodes("set-tail-2")
    assert "set-tail-2" not in world.pods
    assert world.status.spec_generation_to_process == generation + 1
    assert lifecycle.settled(world.status)


def test_a_role_that_does_not_name_the_event_shrinks_as_ever(make_world):
    """Also one without a list, which hears of all other events: packages that are older know nothing of this one."""
    world = make_world({"head": 1, "tail": 2}).settle()
    life = world.pods["set-tail-1"]
    world.wanted["tail"] = 1
    world.settle()
    assert GONE not in life.events
    assert "set-tail-1" not in world.pods


def test_several_members_let_go_at_the_same_time_each_once(make):
    world = make()
    lives = [world.pods[f"set-tail-{number}"] for number in (1, 2)]
    world.wanted["tail"] = 1
    world.settle()
    assert [life.events.count(GONE) for life in lives] == [1, 1]
    assert set(world.states()) == {"set-head-0", "set-tail-0"}


def test_a_member_that_never_was_told_of_goes_at_once(make):
    world = make(1)
    world.slow = {"set-tail-1"}
    world.wanted["tail"] = 2
    for _ in range(5):
        world.turn()
    world.wanted["tail"] = 1
    world.slow = set()
    world.settle()
    assert "set-tail-1" not in world.pods
    assert all(GONE not in life.events for life in world.lives)


def test_a_member_that_was_told_to_go_goes_although_it_is_wanted_again(make):
    world = shrunk(make(), 2)
    first = world.pods["set-tail-2"]
    world.wanted["tail"] = 3
    world.settle()
    assert first.events[-1] == GONE
    assert world.pods["set-tail-2"] is not first
    assert world.events("set-tail-2") == [("--configure",)]
    assert world.states()["set-tail-2"] == "configured"


def test_a_wish_that_was_taken_back_before_it_was_recorded_leaves_no_trace(make):
    world = make()
    world.wanted["tail"] = 2
    world.operate(lose_write=True)
    world.wanted["tail"] = 3
    world.settle()
    assert all(GONE not in life.events for life in world.lives)


def test_one_that_does_not_let_go_is_waited_for_until_somebody_acts(make):
    world = make()
    world.exit_codes["set-tail-2"] = 3
    world.wanted["tail"] = 2
    world.settle()
    member = world.member("set-tail-2")
    assert member.departs
    assert world.sets["set-tail"] == 3
    assert member.state_detail.decommission.exit_code == 3
    assert member.state_detail.start_script_stdout_message == "last words"
    assert "kdd retry c set-tail-2 -n ns --give-up" in member.state_detail.progress
    world.now += timedelta(days=30)
    world.settle()
    assert world.member("set-tail-2").departs
    assert world.events("set-tail-2").count(GONE) == 1
    life = world.pods["set-tail-2"]
    world.exit_codes.clear()
    world.annotations["kubedirector.hpe.com/retry"] = "1"
    world.settle()
    assert life.events.count(GONE) == 2
    assert "set-tail-2" not in world.pods


@pytest.mark.parametrize("key", ["give-up", "give-up-set-tail-2"])
def test_one_that_does_not_let_go_goes_as_it_is_when_a_person_gives_it_up(make, key):
    world = make()
    world.exit_codes["set-tail-2"] = 3
    world.wanted["tail"] = 2
    world.settle()
    world.annotations[f"kubedirector.hpe.com/{key}"] = "1"
    world.operate()
    assert world.member("set-tail-2").state_detail.decommission.given_up
    world.settle()
    assert "set-tail-2" not in world.pods
    assert world.events("set-head-0")[-1] == delnodes("set-tail-2")


def test_what_was_given_up_before_says_nothing_of_a_later_departure(make):
    world = make()
    world.annotations["kubedirector.hpe.com/give-up"] = "1"
    world.exit_codes["set-tail-2"] = 3
    world.wanted["tail"] = 2
    world.settle()
    assert world.member("set-tail-2").departs


def test_w06_a_member_that_is_dead_is_waited_for_no_longer_than_its_time_limit(make):
    world = make()
    del world.pods["set-tail-2"]
    world.slow = {"set-tail-2"}
    shrunk(world, 2)
    assert world.member("set-tail-2").state == "create pending"
    assert 0 < world.life.again_seconds <= 7260
    world.now += timedelta(seconds=7200)
    shrunk(world, 2)
    assert "set-tail-2" in world.states()
    world.now += timedelta(seconds=61)
    world.settle()
    assert "set-tail-2" not in world.states()
    assert world.events("set-head-0")[-1] == delnodes("set-tail-2")


def test_one_that_cannot_be_reached_is_waited_for_no_longer_than_its_time_limit(make):
    world = make(limits={"decommission": 60})
    world.unreachable = {"set-tail-2"}
    shrunk(world, 2)
    world.work()
    assert isinstance(world.facts[-1].result, Stalled)
    world.operate()
    assert world.member("set-tail-2").departs
    world.now += timedelta(seconds=121)
    world.operate()
    assert world.member("set-tail-2").state_detail.decommission.given_up


def test_one_whose_start_script_is_at_work_is_waited_for(make):
    """Its time limit is held inside the member: the operator sees the end of it."""
    world = shrunk(make(), 2)
    (task,) = departures(world)
    world.fact(task, UnderWay(9000, "moving blocks"))
    world.now += timedelta(hours=3)
    world.operate()
    detail = world.member("set-tail-2").state_detail
    assert detail.progress == "it goes: its start script's decommission runs, for 9000 s: moving blocks"
    assert detail.last_known_container_state == ContainerState.RUNNING


@pytest.mark.parametrize("storage", [False, True])
def test_one_that_is_restarted_is_set_up_again_and_then_lets_go(make, storage):
    world = make(storage=storage)
    shrunk(world, 2)
    world.tasks.clear()
    world.start("set-tail-2")
    life = world.pods["set-tail-2"]
    head = list(world.events("set-head-0"))
    world.settle()
    assert life.events == ([] if storage else [("--configure",)]) + [GONE]
    assert "set-tail-2" not in world.pods
    assert world.events("set-head-0") == [*head, delnodes("set-tail-2")]


def test_a_role_that_left_the_spec_lets_go_first_too(make):
    world = make()
    lives = [world.pods[f"set-tail-{number}"] for number in range(3)]
    del world.wanted["tail"]
    world.settle()
    assert all(life.events[-1] == GONE for life in lives)
    assert set(world.states()) == {"set-head-0"}


def test_an_operator_that_dies_asks_no_member_twice(make):
    world = shrunk(make(), 2)
    life = world.pods["set-tail-2"]
    world.work()
    world.crash()
    world.settle()
    assert life.events.count(GONE) == 1
    assert "set-tail-2" not in world.pods


def test_a_role_grows_only_once_those_that_were_told_to_go_are_gone_wherever_they_stand(make):
    """A new member of a higher number would keep the pod of one that goes alive for ever."""
    world = shrunk(make(), 2)
    world.pods["set-tail-2"] = None
    world.slow = {"set-tail-2"}
    world.operate()
    assert world.states()["set-tail-2"] == "create pending"
    world.wanted["tail"] = 4
    world.operate()
    assert "set-tail-3" not in world.states()
    world.slow = set()
    world.settle()
    assert [world.states()[f"set-tail-{number}"] for number in range(4)] == ["configured"] * 4


def test_others_are_told_of_a_departure_that_ended_while_the_pod_was_not_to_be_seen(make):
    world = shrunk(make(), 2)
    container = world.pods["set-tail-2"]
    world.pods["set-tail-2"] = None
    world.slow = {"set-tail-2"}
    world.operate()
    world.pods["set-tail-2"] = container
    world.work()
    world.settle()
    assert container.events.count(GONE) == 1
    assert delnodes("set-tail-2") in world.events("set-head-0")


def test_one_whose_container_does_not_run_is_not_said_to_run_its_start_script(make):
    world = shrunk(make(), 2)
    plain = world.pod

    def ended(name, container):
        found = plain(name, container)
        if name == "set-tail-2":
            found["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 1}}
        return found

    world.pod = ended
    world.operate()
    assert "its container does not run" in world.member("set-tail-2").state_detail.progress


def held_up(make, end):
    """Return a cluster whose last member did not let go, and then came to this end."""
    world = make()
    world.exit_codes["set-tail-2"] = 3
    world.wanted["tail"] = 2
    world.settle()
    if end == "lost":
        del world.pods["set-tail-2"]
        world.slow = {"set-tail-2"}
    else:
        world.start("set-tail-2")
    return world.settle()


@pytest.mark.parametrize(("end", "state"), [("lost", "create pending"), ("not set up again", "config error")])
def test_one_that_did_not_let_go_and_lost_its_container_says_how_it_is_given_up_and_that_helps(make, end, state):
    world = held_up(make, end)
    assert world.states()["set-tail-2"] == state
    assert "decommission ended with exit status 3" in world.member("set-tail-2").state_detail.progress
    assert world.member("set-tail-2").state_detail.progress.endswith("kdd retry c set-tail-2 -n ns --give-up")
    world.now += timedelta(days=30)
    world.settle()
    assert world.states()["set-tail-2"] == state
    world.annotations["kubedirector.hpe.com/give-up-set-tail-2"] = "1"
    world.settle()
    assert set(world.states()) == {"set-head-0", "set-tail-0", "set-tail-1"}
    assert world.events("set-head-0")[-1] == delnodes("set-tail-2")


def test_one_that_did_not_let_go_is_asked_again_in_its_new_container(make):
    world = held_up(make, "lost")
    world.exit_codes.clear()
    world.slow = set()
    world.settle()
    assert [life.events for life in world.lives][-1] == [("--configure",), GONE]
    assert "set-tail-2" not in world.states()
