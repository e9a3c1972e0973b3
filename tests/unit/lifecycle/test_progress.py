"""How far a member has come stands in its status while it goes on, and nothing of it once it is settled."""

from kdlib.model import ContainerState, Notify, UnderWay, WatchCopy


def watched(world):
    return [action for action in world.life.actions if isinstance(action, WatchCopy)]


def test_the_first_copy_onto_a_volume_is_followed_while_it_is_made(make_world):
    """3.7: the container whose progress is told is the one that was looked into."""
    world = make_world({"head": 2}, storage=True)
    world.slow = {"set-head-0"}
    world.filling = {"set-head-0": "containerd://i"}
    for _ in range(8):
        world.turn()
    assert watched(world) == [WatchCopy("set-head-0", "containerd://i")]
    detail = world.member("set-head-0").state_detail
    assert detail.storage_init_progress == "7  42%"
    assert detail.last_known_container_state == ContainerState.INITIALIZING
    world.filling = {"set-head-0": "containerd://j"}
    world.operate()
    assert world.member("set-head-0").state_detail.storage_init_progress is None
    world.filling, world.slow = {}, set()
    world.settle()
    assert watched(world) == []
    assert "storage_init_progress" not in world.member("set-head-0").state_detail.model_dump(exclude_none=True)


def test_a_start_script_that_runs_is_told_of_with_its_last_words(make_world):
    world = make_world({"head": 1})
    while not world.tasks:
        world.operate()
        world.kubernetes()
    world.fact(world.tasks[0], UnderWay(95, "Fetching shards"))
    world.operate()
    detail = world.member("set-head-0").state_detail
    assert detail.progress == "set-up under way, attempt 1, for 95 s: Fetching shards"
    world.settle()
    assert world.member("set-head-0").state_detail.progress is None


def test_w45_a_member_whose_event_goes_on_keeps_nobody_waiting(make_world):
    world = make_world({"head": 1}).settle()
    world.wanted["head"] = 2
    while not any(isinstance(task, Notify) for task in world.tasks):
        world.operate()
        world.kubernetes()
    refresh = next(task for task in world.tasks if isinstance(task, Notify))
    world.fact(refresh, UnderWay(40, "busy"))
    world.tasks.remove(refresh)
    for _ in range(5):
        world.operate()
        world.kubernetes()
    assert world.member("set-head-1").state == "creating"
