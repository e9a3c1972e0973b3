"""A start script that failed when told of a change is run again by itself, as often as its app says."""

from datetime import timedelta

import pytest

ADDED = "--addnodes"


@pytest.fixture
def make(make_world):
    def made(**options):
        world = make_world({"head": 1, "tail": 1}, **options).settle()
        world.exit_codes["set-head-0"] = 3
        world.wanted["tail"] = 2
        return world.settle()

    return made


def tries(world):
    return [event[0] for event in world.events("set-head-0")].count(ADDED)


def head(world):
    (entry, *_) = world.member("set-head-0").state_detail.pending_notify_cmds
    return entry


def wait(world, seconds):
    world.now += timedelta(seconds=seconds)
    return world.settle()


def test_without_retries_a_change_that_failed_waits_for_a_person(make):
    world = make()
    assert (tries(world), head(world).next_try) == (1, None)
    assert tries(wait(world, 10**6)) == 1


def test_it_is_tried_again_so_often_and_later_each_time(make):
    world = make(retries=3)
    assert head(world).next_try == "2026-01-01T00:00:10Z"
    assert world.life.again_seconds == 10
    assert tries(wait(world, 9)) == 1
    assert tries(wait(world, 1)) == 2
    assert world.life.again_seconds == 20
    assert tries(wait(world, 19)) == 2
    assert tries(wait(world, 1)) == 3
    assert tries(wait(world, 40)) == 4
    entry = head(world)
    assert (entry.retries, entry.next_try, entry.exit_code, entry.attempt) == (3, None, 3, 4)
    assert tries(wait(world, 10**6)) == 4


def test_a_try_that_ends_well_goes_on_with_the_queue_in_its_order(make):
    world = make(retries=3)
    world.wanted["tail"] = 1
    world.settle()
    assert [entry.arguments[0] for entry in world.member("set-head-0").state_detail.pending_notify_cmds] == [
        "--addnodes",
        "--delnodes",
    ]
    world.exit_codes.clear()
    wait(world, 10)
    assert [event[0] for event in world.events("set-head-0")] == ["--configure", ADDED, ADDED, "--delnodes"]
    assert world.member("set-head-0").state_detail.pending_notify_cmds is None


def test_each_try_is_reserved_before_it_is_made(make):
    world = make(retries=2)
    world.now += timedelta(seconds=10)
    world.operate(lose_write=True)
    assert world.tasks == []
    world.operate()
    assert head(world).attempt == 2
    assert tries(world) == 1


def test_a_person_need_not_wait_and_the_tries_are_counted_anew_after_that(make):
    world = make(retries=1)
    wait(world, 10)
    assert head(world).next_try is None
    world.annotations["kubedirector.hpe.com/retry"] = "1"
    world.settle()
    assert tries(world) == 3
    assert head(world).retries is None
    assert tries(wait(world, 10)) == 4


def test_what_is_tried_again_by_itself_is_told_with_the_time_and_the_count(make):
    world = make(retries=2)
    assert world.member("set-head-0").state_detail.progress == (
        "the start script's addnodes ended with exit status 3; it is run again by itself at 2026-01-01T00:00:10Z,"
        " further try 1 of 2"
    )
    wait(world, 10)
    wait(world, 20)
    assert "kdd retry" in world.member("set-head-0").state_detail.progress


def test_a_try_that_the_app_does_not_ask_for_any_more_is_told_without_how_many_there_are(make):
    world = make(retries=2)
    del world.options["retries"]
    world.operate()
    assert world.member("set-head-0").state_detail.progress.endswith("further try 1")
