"""Each net change of what a cluster is connected to reaches every member exactly once (3.12, 3.16, RC-37)."""

import hashlib

import pytest

from kdlib import lifecycle
from kdlib.model import ClusterStatus, ConnectionStatus, PendingNotify
from kdlib.names import ANNOTATION_CONNECTION_VERSION

RECONNECT = ("--reconnect",)
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
HEAD = "set-head-0"


def reconnects(world, pod=HEAD):
    return world.events(pod).count(RECONNECT)


def known(world):
    return [member.state_detail.last_connection_version for member in world.members()]


@pytest.fixture
def connected(make_world):
    """Return how to make a settled cluster that is connected to one Secret."""

    def made(roles=None, **options):
        world = make_world(roles or {"head": 1, "tail": 2}, **options)
        world.connected = {"login": "1"}
        return world.settle()

    return made


def test_a_cluster_without_connections_has_the_digest_of_nothing(make_world):
    world = make_world({"head": 1}).settle()
    assert (world.status.last_connection_hash, world.status.connection_version) == (EMPTY, 0)
    assert world.status.connections is None
    assert known(world) == [0]


def test_the_hash_is_that_of_what_is_there_in_the_specs_order():
    one, two = (ConnectionStatus(kind="Secret", name=name, version="7") for name in "ab")
    gone = ConnectionStatus(kind="ConfigMap", name="c")
    assert lifecycle.connection_hash((one, gone)) == hashlib.md5(b"Secret/a=7\n").hexdigest()
    assert lifecycle.connection_hash((gone,)) == lifecycle.connection_hash(()) == EMPTY
    assert lifecycle.connection_hash((one, two)) != lifecycle.connection_hash((two, one))


def test_at_creation_nothing_is_counted_beside_the_members(connected):
    """RC-15, RC-16: one spec generation for both, version 0, and no reconnect for who is set up with all of it."""
    world = connected()
    assert (world.status.spec_generation_to_process, world.status.connection_version) == (1, 0)
    assert known(world) == [0, 0, 0]
    assert not any(reconnects(world, pod) for pod in world.pods)


def test_a_change_is_told_to_every_member_once_with_the_configmeta_that_has_it(connected):
    """RC-37."""
    world = connected()
    world.connected["login"] = "2"
    world.settle()
    assert (world.status.spec_generation_to_process, world.status.connection_version) == (2, 1)
    assert [reconnects(world, pod) for pod in world.pods] == [1, 1, 1]
    assert known(world) == [1, 1, 1]
    assert {member.state_detail.last_config_data_generation for member in world.members()} == {2}
    assert lifecycle.settled(world.status)
    writes = world.writes
    assert not world.turn()
    assert world.writes == writes


def test_w08_a_change_is_recorded_before_anybody_is_told(connected):
    """The count cannot be lost, for nothing is done before it is stored."""
    world = connected()
    world.connected["login"] = "2"
    world.operate(lose_write=True)
    assert world.life.reservation_pending
    assert world.life.actions == ()
    world.settle()
    assert world.status.connection_version == 1
    assert reconnects(world) == 1


@pytest.mark.parametrize("after", [{}, {"login": None}, {"login": "1", "other": "5"}, {"other": "1"}])
def test_what_comes_goes_or_changes_places_is_a_change(connected, after):
    world = connected()
    world.connected = after
    assert reconnects(world.settle()) == 1


def test_something_that_is_not_there_is_no_change_until_it_comes(connected):
    world = connected()
    world.connected["late"] = None
    world.settle()
    assert reconnects(world) == 0
    assert [item.version for item in world.status.connections] == ["1", None]
    world.connected["late"] = "9"
    assert reconnects(world.settle()) == 1


def test_members_and_connections_that_change_together_count_once(connected):
    world = connected()
    world.wanted["tail"] = 3
    world.connected["login"] = "2"
    world.settle()
    assert (world.status.spec_generation_to_process, world.status.connection_version) == (2, 1)
    assert reconnects(world) == 1
    assert world.events("set-tail-2") == [("--configure",)]
    world.wanted["tail"] = 1
    world.connected["login"] = "3"
    world.settle()
    assert world.status.spec_generation_to_process == 3
    assert reconnects(world) == 2


def test_w18_quick_changes_merge_as_long_as_the_first_was_not_started(connected):
    """One reconnect for the change under way, and one for all that came meanwhile."""
    world = connected()
    for version in ("2", "3", "4", "5"):
        world.connected["login"] = version
        world.operate()
        world.operate()
    queue = world.member(HEAD).state_detail.pending_notify_cmds
    assert [entry.arguments for entry in queue] == [RECONNECT, RECONNECT]
    assert queue[1].generation == world.status.spec_generation_to_process == 5
    assert len({entry.change for entry in queue}) == 2
    world.settle()
    assert reconnects(world) == 2
    assert known(world) == [4, 4, 4]
    world.wanted["tail"] = 3
    assert reconnects(world.settle()) == 2, "a refresh for another reason is no reconnect"


def test_w18_a_change_while_a_member_is_configured_reaches_it_once(make_world):
    """The member's set-up may have begun with the description from before."""
    world = make_world({"head": 1})
    world.connected = {"login": "1"}
    while world.states().get(HEAD) != "creating" or not world.tasks:
        world.operate()
        world.kubernetes()
    begun = world.tasks[0]
    world.connected["login"] = "2"
    world.operate()
    world.tasks = [begun]
    world.work()
    world.settle()
    assert world.events(HEAD) == [("--configure",), RECONNECT]
    assert known(world) == [1]


def test_a_change_before_a_set_up_begins_is_part_of_it(make_world):
    world = make_world({"head": 1})
    world.connected = {"login": "1"}
    world.slow = {HEAD}
    for _ in range(5):
        world.turn()
    world.connected["login"] = "2"
    world.operate()
    world.slow = set()
    world.settle()
    assert world.events(HEAD) == [("--configure",)]
    assert (world.status.connection_version, known(world)) == (1, [1])


@pytest.mark.parametrize("changes", [1, 3])
def test_w18_changes_while_a_member_with_a_volume_restarts_lead_to_one_reconnect(connected, changes):
    """Its start script is not run again, so it has to be told."""
    world = connected(storage=True)
    world.pods[HEAD] = None
    world.slow = {HEAD}
    world.turn()
    for number in range(changes):
        world.connected["login"] = f"new-{number}"
        world.turn()
    assert world.states()[HEAD] == "create pending"
    world.slow = set()
    world.settle()
    assert world.events(HEAD) == [RECONNECT]
    assert set(known(world)) == {changes}
    assert world.member(HEAD).state_detail.last_config_data_generation == world.status.spec_generation_to_process


def test_a_change_that_was_under_way_when_the_container_ended_is_told_again_in_the_next_one(connected):
    world = connected(storage=True)
    world.connected["login"] = "2"
    world.operate()
    world.operate()
    world.pods[HEAD] = None
    world.tasks = []
    world.connected["login"] = "3"
    world.settle()
    assert world.events(HEAD) == [RECONNECT]


def test_a_member_without_a_volume_learns_all_at_its_new_set_up(connected):
    world = connected()
    world.pods[HEAD] = None
    world.slow = {HEAD}
    world.turn()
    world.connected["login"] = "2"
    world.turn()
    world.slow = set()
    world.settle()
    assert world.events(HEAD) == [("--configure",)]
    assert known(world) == [1, 1, 1]


def test_a_member_that_failed_is_told_nothing_and_learns_all_when_tried_again(make_world):
    world = make_world({"head": 1})
    world.connected, world.exit_codes[HEAD] = {"login": "1"}, 3
    world.settle()
    world.connected["login"] = "2"
    world.settle()
    assert world.events(HEAD) == [("--configure",)]
    world.exit_codes.clear()
    world.annotations["kubedirector.hpe.com/retry"] = "1"
    world.settle()
    assert world.events(HEAD) == [("--configure",)] * 2
    assert known(world) == [1]


def test_a_member_that_cannot_be_reached_catches_up(connected):
    world = connected()
    world.unreachable = {HEAD}
    world.connected["login"] = "2"
    for _ in range(10):
        world.turn()
    assert world.member(HEAD).state_detail.last_connection_version == 0
    assert [reconnects(world, f"set-tail-{number}") for number in range(2)] == [1, 1]
    world.unreachable = set()
    assert reconnects(world.settle()) == 1


def test_w19_a_reconnect_that_failed_waits_and_the_next_change_is_a_new_reason_to_try(connected):
    """Its end is recorded, and is never taken for that of a set-up."""
    world = connected()
    world.exit_codes[HEAD] = 4
    world.connected["login"] = "wrong"
    world.settle()
    head = world.member(HEAD)
    assert head.state == "configured"
    assert [entry.exit_code for entry in head.state_detail.pending_notify_cmds] == [4]
    assert head.state_detail.last_connection_version == 0
    assert head.state_detail.config_error_detail is None
    world.exit_codes.clear()
    world.connected["login"] = "right"
    world.settle()
    assert reconnects(world) == 2
    assert known(world) == [2, 2, 2]


def test_a_reconnect_that_failed_is_tried_again_when_asked(connected):
    world = connected()
    world.exit_codes[HEAD] = 4
    world.connected["login"] = "2"
    world.settle()
    world.exit_codes.clear()
    world.annotations["kubedirector.hpe.com/retry"] = "1"
    assert reconnects(world.settle()) == 2
    assert known(world) == [1, 1, 1]


def test_a_killed_operator_tells_nobody_twice(connected):
    world = connected()
    world.connected["login"] = "2"
    world.operate()
    world.operate()
    world.work()
    world.crash()
    assert [reconnects(world.settle(), pod) for pod in world.pods] == [1, 1, 1]


def test_a_member_without_a_package_is_told_nothing(connected):
    world = connected(bare=("tail",))
    world.connected["login"] = "2"
    world.settle()
    assert (reconnects(world), reconnects(world, "set-tail-0")) == (1, 0)
    assert lifecycle.settled(world.status)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ({"head": ["configure"], "tail": []}, (1, 1)),
        ({"head": ["configure", "reconnect"], "tail": ["configure"]}, (1, 0)),
        ({"head": ["configure"], "tail": ["reconnect"]}, (0, 1)),
        ({"head": ["configure", "reconnect"]}, (1, 1)),
    ],
    ids=["no list names it", "one list has it", "the other list has it", "a role without a list"],
)
def test_w17_reconnect_is_sent_to_all_unless_the_app_names_it(connected, events, told):
    """Old apps that list events are sent it; one that names it anywhere chooses."""
    world = connected({"head": 1, "tail": 1}, events=events)
    world.connected["login"] = "2"
    world.settle()
    assert (reconnects(world), reconnects(world, "set-tail-0")) == told
    assert known(world) == [1, 1]
    assert {member.state_detail.last_config_data_generation for member in world.members()} == {2}


def test_what_was_queued_before_comes_before(connected):
    world = connected()
    world.wanted["tail"] = 1
    world.connected["login"] = "2"
    world.settle()
    assert [event[0] for event in world.events(HEAD)] == ["--configure", "--delnodes", "--reconnect"]


def test_a_cluster_of_an_earlier_release_was_connected_to_nothing(make_world):
    world = make_world({"head": 1}).settle()
    world.status = world.status.changed(last_connection_hash=None, connection_version=None)
    world.settle()
    assert (world.status.spec_generation_to_process, reconnects(world)) == (1, 0)
    world.status = world.status.changed(last_connection_hash=None, connection_version=None)
    world.connected["login"] = "1"
    world.settle()
    assert (world.status.connection_version, reconnects(world)) == (1, 1)


@pytest.mark.parametrize(("text", "version"), [("7", 7), ("x", 0), ("-1", 0), ("1" * 40, 0)])
def test_the_count_of_another_operator_goes_on(make_world, text, version):
    world = make_world({"head": 1}).settle()
    world.status = world.status.changed(connection_version=None)
    world.annotations[ANNOTATION_CONNECTION_VERSION] = text
    world.connected["login"] = "1"
    world.settle()
    assert world.status.connection_version == version + 1


def test_whom_another_operator_left_behind_is_told(connected):
    """The original counts a change before it tells members, and may be replaced in between."""
    world = connected()
    roles = world.status.dumped()["roles"]
    roles[0]["members"][0]["stateDetail"]["lastConnectionVersion"] = 1
    status = {**world.status.dumped(), "roles": roles}
    world.status = ClusterStatus.model_validate(status).changed(connection_version=None)
    world.annotations[ANNOTATION_CONNECTION_VERSION] = "2"
    for member in roles[1]["members"]:
        member["stateDetail"].pop("lastConnectionVersion")
    world.settle()
    assert reconnects(world) == 1
    assert set(known(world)) == {2}


def test_an_event_that_waits_behind_another_one_is_replaced_where_it_stands(connected):
    world = connected()
    head = world.status.roles[0].members[0]
    other = PendingNotify(arguments=("--delnodes", "--fqdns", "x"), change="c1", generation=1)
    waiting = PendingNotify(arguments=RECONNECT, change="c2", generation=1)
    last = PendingNotify(arguments=("--addnodes", "--fqdns", "y"), change="c3", generation=1)
    detail = head.state_detail.changed(pending_notify_cmds=(other, waiting, last))
    role = world.status.roles[0].changed(members=(head.changed(state_detail=detail),))
    world.status = world.status.changed(roles=(role, *world.status.roles[1:]))
    world.connected["login"] = "2"
    world.operate()
    queue = world.member(HEAD).state_detail.pending_notify_cmds
    assert [entry.arguments[0] for entry in queue] == ["--delnodes", "--reconnect", "--addnodes"]
    assert queue[1].generation == 2
