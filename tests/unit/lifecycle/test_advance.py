"""Members are created, announced, refreshed, renounced and removed as the contract says (specification 3.9 to 3.14)."""

import pytest

from kdlib import lifecycle
from kdlib.model import ClusterStatus, MemberState, MemberStatus, StateDetail

DOMAIN = "kdhs-1.ns.svc.cluster.local"


def arguments(event, role, *pods):
    return (f"--{event}", "--nodegroup", "1", "--role", role, "--fqdns", ",".join(f"{pod}.{DOMAIN}" for pod in pods))


def test_a_cluster_comes_to_rest_with_all_members_configured(make_world):
    world = make_world({"head": 1, "tail": 3}).settle()
    assert set(world.states().values()) == {"configured"}
    assert lifecycle.settled(world.status)
    assert world.status.spec_generation_to_process == 1
    assert [member.node_id for member in world.members()] == [1, 2, 3, 4]
    assert all(world.events(pod) == [("--configure",)] for pod in world.pods)


def test_a_settled_cluster_is_silent(make_world):
    world = make_world({"head": 1, "tail": 3}).settle()
    writes = world.writes
    assert not world.turn()
    assert world.writes == writes
    assert world.life.actions == ()


def test_the_first_pass_only_reserves(make_world):
    world = make_world({"head": 2})
    world.operate()
    assert world.life.reservation_pending
    assert world.life.actions == ()
    assert world.sets == {}
    world.operate()
    assert not world.life.reservation_pending
    assert world.life.replicas == (("head", 2),)


def test_a_new_member_has_its_names_reserved(make_world):
    world = make_world({"head": 1}, storage=True, tokens=True)
    world.operate()
    member = world.member("set-head-0")
    assert (member.service, member.pvc, member.state) == ("s-set-head-0", "p-set-head-0", MemberState.CREATE_PENDING)
    assert len(member.auth_token) == 32
    token = member.auth_token
    assert world.settle().member("set-head-0").auth_token == token


def test_no_secret_is_reserved_without_entropy(make_world):
    world = make_world({"head": 1}, tokens=True)
    world.seen = lambda: type(world).seen(world).__class__(now=None, root={})
    world.operate()
    assert world.member("set-head-0").auth_token is None


def test_a_member_without_ports_has_no_service(make_world):
    world = make_world({"head": 2}, ports=False).settle()
    assert world.member("set-head-0").service == "n/a"
    world.wanted["head"] = 1
    assert list(world.settle().states()) == ["set-head-0"]


def test_names_of_member_services_follow_the_reserved_scheme(make_world):
    world = make_world({"head": 1})
    world.status = world.status.changed(reserved=world.resolved().reserved.changed(naming_scheme="CrNameRole"))
    world.operate()
    assert world.member("set-head-0").service == "set-head-0"


def test_names_of_member_services_follow_the_scheme_that_the_cluster_asks_for(make_world):
    world = make_world({"head": 1})
    spec = world.spec
    world.spec = lambda: spec().changed(naming_scheme="CrNameRole")
    world.operate()
    assert world.member("set-head-0").service == "set-head-0"


def test_growth_is_announced_to_those_that_did_not_know(make_world):
    world = make_world({"head": 1, "tail": 2}).settle()
    world.wanted["tail"] = 3
    world.settle()
    told = arguments("addnodes", "tail", "set-tail-2")
    assert [world.events(pod)[1:] for pod in ("set-head-0", "set-tail-0", "set-tail-1")] == [[told]] * 3
    assert world.events("set-tail-2") == [("--configure",)]
    assert world.status.spec_generation_to_process == 2
    assert {m.state_detail.last_config_data_generation for m in world.members()} == {2}
    assert {m.state_detail.last_setup_generation for m in world.members()} == {2}


def test_members_that_become_ready_one_by_one_are_not_announced_to_one_another(make_world):
    world = make_world({"head": 1}).settle()
    world.wanted["head"] = 3
    world.slow = {"set-head-2"}
    for _ in range(30):
        world.turn()
    world.slow = set()
    world.settle()
    first, second = (arguments("addnodes", "head", f"set-head-{number}") for number in (1, 2))
    assert world.events("set-head-0")[1:] == [first, second]
    assert world.events("set-head-1") == [("--configure",)]


def test_new_members_wait_until_configured_ones_hold_the_configmeta_that_lists_them(make_world):
    world = make_world({"head": 1}).settle()
    world.wanted["head"] = 2
    while not world.pods.get("set-head-1"):
        world.operate()
        world.kubernetes()
    world.operate()
    assert world.states()["set-head-1"] == "create pending"
    assert "waiting for configured members" in world.member("set-head-1").state_detail.progress
    world.work()
    world.operate()
    assert world.states()["set-head-1"] == "creating"


def test_w06_a_member_that_cannot_be_reached_delays_nobody_and_catches_up_later(make_world):
    world = make_world({"head": 2}).settle()
    world.unreachable = {"set-head-0"}
    world.wanted["head"] = 3
    for _ in range(20):
        world.turn()
    assert world.states()["set-head-2"] == "configured"
    assert world.events("set-head-1")[1:] == [arguments("addnodes", "head", "set-head-2")]
    assert world.member("set-head-0").state_detail.last_known_container_state == "unresponsive"
    world.unreachable = set()
    world.facts = []
    world.settle()
    assert world.events("set-head-0")[1:] == [arguments("addnodes", "head", "set-head-2")]


def test_shrinking_takes_the_highest_ordinals_and_tells_the_others(make_world):
    world = make_world({"head": 1, "tail": 3}, storage=True).settle()
    world.wanted["tail"] = 1
    world.settle()
    told = arguments("delnodes", "tail", "set-tail-1", "set-tail-2")
    assert world.states() == {"set-head-0": "configured", "set-tail-0": "configured"}
    assert world.events("set-head-0")[1:] == world.events("set-tail-0")[1:] == [told]
    assert set(world.volumes) == {"p-set-head-0", "p-set-tail-0"}


def test_node_ids_are_not_used_again(make_world):
    world = make_world({"head": 3}).settle()
    world.wanted["head"] = 1
    world.settle().wanted["head"] = 2
    assert [member.node_id for member in world.settle().members()] == [1, 4]


def test_members_nobody_was_told_of_go_without_delnodes(make_world):
    world = make_world({"head": 1}).settle()
    world.slow = {"set-head-1"}
    world.wanted["head"] = 2
    for _ in range(10):
        world.turn()
    world.wanted["head"] = 1
    world.settle()
    assert world.states() == {"set-head-0": "configured"}
    assert world.events("set-head-0") == [("--configure",)]


def test_a_hanging_set_up_does_not_hold_a_shrink_back(make_world):
    world = make_world({"head": 1}).settle()
    world.wanted["head"] = 2
    world.unreachable = {"set-head-1"}
    for _ in range(10):
        world.turn()
    assert world.states()["set-head-1"] == "creating"
    world.wanted["head"] = 1
    assert world.settle().states() == {"set-head-0": "configured"}


def test_a_role_that_leaves_the_spec_goes_away_whole(make_world):
    world = make_world({"head": 1, "tail": 2}).settle()
    del world.wanted["tail"]
    world.settle()
    assert [role.id for role in world.status.roles] == ["head"]
    assert set(world.sets) == {"set-head"}
    assert world.events("set-head-0")[1:] == [arguments("delnodes", "tail", "set-tail-0", "set-tail-1")]


def test_a_role_of_no_members_has_neither_set_nor_status(make_world):
    world = make_world({"head": 1, "tail": 0}).settle()
    assert [role.id for role in world.status.roles] == ["head"]
    assert set(world.sets) == {"set-head"}


def test_growing_waits_while_members_of_the_role_leave(make_world):
    world = make_world({"head": 3}).settle()
    world.wanted["head"] = 1
    world.operate()
    world.wanted["head"] = 3
    world.operate()
    assert world.states()["set-head-2"] == "deleting"
    assert [member.node_id for member in world.settle().members()] == [1, 4, 5]


def test_growth_right_after_a_shrink_is_a_change_of_its_own(make_world):
    """Whoever was set up between the two is told of the new member."""
    world = make_world({"head": 1, "tail": 1})
    world.operate()
    world.turn()
    world.wanted["head"] = 0
    world.turn()
    world.wanted["head"] = 1
    world.settle()
    assert world.status.spec_generation_to_process == 3
    assert world.events("set-tail-0")[1:] == [arguments("addnodes", "head", "set-head-0")]


def test_scaling_down_is_recorded_before_it_is_done(make_world):
    world = make_world({"head": 3}).settle()
    world.wanted["head"] = 1
    world.operate()
    assert world.states()["set-head-2"] == "delete pending"
    assert world.sets == {"set-head": 3}
    assert len(world.member("set-head-0").state_detail.pending_notify_cmds) == 1
    world.operate()
    assert world.sets == {"set-head": 1}


def test_a_set_deleted_by_hand_is_made_again_and_keeps_its_members(make_world):
    world = make_world({"head": 2}, storage=True).settle()
    ids, volumes = [member.node_id for member in world.members()], dict(world.volumes)
    world.sets, world.pods = {}, {}
    world.settle()
    assert [member.node_id for member in world.members()] == ids
    assert world.volumes == volumes


def test_a_new_container_is_set_up_anew_and_not_announced(make_world):
    world = make_world({"head": 2}).settle()
    before = world.pods["set-head-1"]
    world.start("set-head-1")
    world.settle()
    detail = world.member("set-head-1").state_detail
    assert world.events("set-head-1") == [("--configure",)]
    assert (detail.attempt, detail.last_configured_container) == (2, world.pods["set-head-1"].name)
    assert world.pods["set-head-1"] is not before
    assert world.events("set-head-0") == [("--configure",)]


def test_a_new_container_on_its_old_volume_is_not_configured_again(make_world):
    world = make_world({"head": 2}, storage=True).settle()
    world.start("set-head-1")
    world.settle()
    assert world.states()["set-head-1"] == "configured"
    assert world.events("set-head-1") == []


def test_a_success_that_nobody_saw_is_not_relied_on_in_a_new_container(make_world):
    world = make_world({"head": 1}, storage=True)
    while not world.tasks:
        world.operate()
        world.kubernetes()
    world.work()
    world.crash()
    world.start("set-head-0")
    world.settle()
    assert world.events("set-head-0") == [("--configure",)]


def test_what_was_queued_for_a_lost_container_is_moot_unless_its_volume_stays(make_world):
    for storage in (False, True):
        world = make_world({"head": 2}, storage=storage).settle()
        world.unreachable = {"set-head-0"}
        world.wanted["head"] = 3
        for _ in range(20):
            world.turn()
        world.start("set-head-0")
        world.unreachable = set()
        world.settle()
        told = [arguments("addnodes", "head", "set-head-2")] if storage else [("--configure",)]
        assert world.events("set-head-0") == told


def test_a_container_that_is_seen_again_is_not_set_up_again(make_world):
    world = make_world({"head": 2}).settle()
    pod = world.pods.pop("set-head-1")
    world.operate()
    assert world.states()["set-head-1"] == "create pending"
    world.pods["set-head-1"] = pod
    world.settle()
    assert world.states()["set-head-1"] == "configured"
    assert pod.events == [("--configure",)]


def test_an_attempt_whose_container_is_seen_again_keeps_its_number(make_world):
    world = make_world({"head": 1})
    while "creating" not in world.states().values():
        world.operate()
        world.kubernetes()
    pod = world.pods.pop("set-head-0")
    world.operate()
    world.pods["set-head-0"] = pod
    world.settle()
    assert world.member("set-head-0").state_detail.attempt == 1
    assert pod.events == [("--configure",)]


def test_an_attempt_is_recorded_before_it_starts(make_world):
    world = make_world({"head": 1})
    while "creating" not in world.states().values():
        assert world.life is None or world.life.actions == ()
        world.operate()
        world.kubernetes()
    assert world.life.actions == ()
    world.operate()
    assert [action.key for action in world.life.actions] == ["setup-1"]


def test_a_lost_status_write_starts_nothing_twice(make_world):
    world = make_world({"head": 1})
    while "creating" not in world.states().values():
        world.operate()
        world.kubernetes()
    for _ in range(4):
        world.operate(lose_write=True)
        world.work()
        world.crash()
    world.settle()
    assert world.events("set-head-0") == [("--configure",)]
    assert world.member("set-head-0").state_detail.attempt == 1


def test_a_failed_set_up_leaves_words_and_log_tails(make_world):
    world = make_world({"head": 1})
    world.exit_codes["set-head-0"] = 3
    member = world.settle().member("set-head-0")
    assert member.state == MemberState.CONFIG_ERROR
    assert "exit status 3" in member.state_detail.config_error_detail
    assert member.state_detail.start_script_stdout_message == "last words"
    assert member.state_detail.start_script_stderr_message == "oops\n"
    assert lifecycle.settled(world.status)


def test_what_a_failed_attempt_left_is_cleared_once_a_later_one_ends_well(make_world):
    world = make_world({"head": 1})
    world.exit_codes["set-head-0"] = 3
    world.settle()
    world.exit_codes.clear()
    world.annotations["kubedirector.hpe.com/retry"] = "1"
    detail = world.settle().member("set-head-0").state_detail
    assert detail.config_error_detail is None
    assert (detail.start_script_stdout_message, detail.start_script_stderr_message) == (None, None)


def test_a_failed_member_is_announced_only_once_it_is_configured(make_world):
    world = make_world({"head": 1}).settle()
    world.exit_codes["set-head-1"] = 3
    world.wanted["head"] = 2
    world.settle()
    assert world.events("set-head-0") == [("--configure",)]
    world.exit_codes.clear()
    world.annotations["kubedirector.hpe.com/retry"] = "1"
    world.settle()
    assert world.events("set-head-0")[1:] == [arguments("addnodes", "head", "set-head-1")]


@pytest.mark.parametrize("name", ["retry", "retry-set-head-0"])
def test_a_retry_happens_once_for_each_value(make_world, name):
    world = make_world({"head": 1})
    world.exit_codes["set-head-0"] = 3
    world.settle()
    for number in (1, 2):
        world.annotations[f"kubedirector.hpe.com/{name}"] = f"value {number}"
        world.settle()
        assert world.member("set-head-0").state_detail.attempt == number + 1
    world.annotations.clear()
    world.settle()
    assert world.events("set-head-0") == [("--configure",)] * 3
    assert world.states()["set-head-0"] == "config error"


def test_a_retry_of_one_member_leaves_others_alone(make_world):
    world = make_world({"head": 2})
    world.exit_codes = {"set-head-0": 3, "set-head-1": 3}
    world.settle()
    world.exit_codes = {}
    world.annotations["kubedirector.hpe.com/retry-set-head-1"] = "x"
    world.settle()
    assert world.states() == {"set-head-0": "config error", "set-head-1": "configured"}
    assert world.member("set-head-1").state_detail.config_error_detail is None


def test_an_old_request_retries_no_later_failure(make_world):
    world = make_world({"head": 1})
    world.annotations["kubedirector.hpe.com/retry"] = "old"
    world.exit_codes["set-head-0"] = 3
    assert world.settle().member("set-head-0").state_detail.attempt == 1


def test_a_failed_member_with_a_volume_starts_from_scratch_in_a_new_container(make_world):
    world = make_world({"head": 1}, storage=True)
    world.exit_codes["set-head-0"] = 3
    world.settle()
    world.volumes["p-set-head-0"] = "done"
    world.exit_codes.clear()
    world.start("set-head-0")
    world.settle()
    assert world.events("set-head-0") == [("--configure",)]
    assert world.states()["set-head-0"] == "configured"


def test_a_role_without_package_is_configured_without_any_exec(make_world):
    world = make_world({"head": 2, "tail": 1}, bare=("head",))
    seen = []
    while world.turn():
        seen.append(world.states().get("set-head-0"))
    assert list(dict.fromkeys(seen)) == ["create pending", "creating", "configured"]
    assert world.events("set-head-0") == []
    world.wanted["tail"] = 2
    world.settle()
    assert world.events("set-head-0") == []
    assert world.member("set-head-0").state_detail.last_config_data_generation is None


def test_events_reach_those_that_subscribed(make_world):
    events = {"deaf": [], "adds": ["configure", "addnodes"], "late": ["addnodes", "delnodes"]}
    world = make_world({"deaf": 1, "adds": 1, "late": 1, "grows": 1}, events=events).settle()
    world.wanted["grows"] = 2
    world.settle()
    world.wanted["grows"] = 1
    world.settle()
    added, removed = (arguments(event, "grows", "set-grows-1") for event in ("addnodes", "delnodes"))
    heard = {role: [e for e in world.events(f"set-{role}-0") if e != ("--configure",)] for role in world.wanted}
    assert heard == {"deaf": [], "adds": [added], "late": [added, removed], "grows": [added, removed]}


def test_a_start_script_that_refuses_a_change_stops_later_ones_until_a_retry(make_world):
    world = make_world({"head": 1, "tail": 1}).settle()
    world.exit_codes["set-head-0"] = 9
    world.wanted["tail"] = 2
    world.settle()
    world.exit_codes.clear()
    world.wanted["tail"] = 3
    world.settle()
    head = world.member("set-head-0")
    assert [entry.exit_code for entry in head.state_detail.pending_notify_cmds] == [9, None]
    failed = "the start script's addnodes ended with exit status 9"
    assert head.state_detail.progress == f"{failed}; mend it, then kdd retry c set-head-0 -n ns"
    assert head.state_detail.last_known_container_state == "running"
    assert head.state_detail.start_script_stdout_message == "last words"
    assert head.state_detail.start_script_stderr_message == "oops\n"
    assert not lifecycle.settled(world.status)
    world.annotations["kubedirector.hpe.com/retry"] = "again"
    world.settle()
    first, second = (arguments("addnodes", "tail", f"set-tail-{number}") for number in (1, 2))
    assert world.events("set-head-0")[1:] == [first, first, second]
    assert lifecycle.settled(world.status)
    assert world.member("set-head-0").state_detail.start_script_stderr_message is None


def test_changes_that_wait_behind_others_are_told_together(make_world):
    world = make_world({"head": 1, "tail": 1}).settle()
    world.unreachable = {"set-head-0"}
    for count in (2, 3, 4):
        world.wanted["tail"] = count
        for _ in range(12):
            world.turn()
    world.unreachable, world.facts = set(), []
    world.settle()
    one, more = arguments("addnodes", "tail", "set-tail-1"), arguments("addnodes", "tail", "set-tail-2", "set-tail-3")
    assert world.events("set-head-0")[1:] == [one, more]


def test_a_member_that_was_being_set_up_meanwhile_is_told_of_what_its_configmeta_lacked(make_world):
    world = make_world({"head": 1})
    while not world.life or not world.life.actions:
        world.operate()
        world.kubernetes()
    slow = world.pods["set-head-0"]
    world.run(slow, world.life.actions[0])
    slow.operations["setup-1"] = world.run(slow, world.life.actions[0])
    slow.events = [("--configure",)]
    world.unreachable = {"set-head-0"}
    world.wanted["head"] = 2
    for _ in range(15):
        world.turn()
    assert world.states() == {"set-head-0": "creating", "set-head-1": "configured"}
    world.unreachable, world.facts = set(), []
    world.settle()
    assert world.events("set-head-0")[1:] == [arguments("addnodes", "head", "set-head-1")]


def test_a_member_that_was_set_up_before_another_is_told_of_it_though_both_become_configured_at_once(make_world):
    world = make_world({"head": 1})
    while not world.tasks:
        world.operate()
        world.kubernetes()
    world.done(world.tasks[0])
    world.crash()
    world.wanted["head"] = 2
    while len(world.tasks) < 2:
        world.operate()
        world.kubernetes()
    world.settle()
    assert world.events("set-head-0") == [("--configure",), arguments("addnodes", "head", "set-head-1")]
    assert world.events("set-head-1") == [("--configure",)]


def test_scheduling_errors_and_waiting_reasons_are_reported(make_world):
    world = make_world({"head": 1})
    world.operate()
    world.operate()
    pending = {"type": "PodScheduled", "reason": "Unschedulable", "message": "no nodes"}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    statuses = [
        ({"conditions": [pending]}, "absent", "no nodes", "its pod cannot be scheduled: no nodes"),
        (
            {"containerStatuses": [{"name": "app", "state": waiting}]},
            "waiting",
            None,
            "its image cannot be pulled: no such image",
        ),
        (
            {
                "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "PodInitializing"}}}],
                "initContainerStatuses": [{"state": {"running": {}}}],
            },
            "initializing",
            None,
            "waiting for its container: PodInitializing",
        ),
        (
            {"containerStatuses": [{"name": "app", "state": {"terminated": {"reason": "Error"}}}]},
            "terminated",
            None,
            "waiting for its container: Error",
        ),
    ]
    for status, state, message, progress in statuses:
        world.pod = lambda name, _, status=status: {"kind": "Pod", "metadata": {"name": name}, "status": status}
        world.pods = {"set-head-0": None}
        world.operate()
        detail = world.member("set-head-0").state_detail
        assert (detail.last_known_container_state, detail.scheduling_error_message) == (state, message)
        assert detail.progress == progress


def test_a_pod_that_ends_is_not_set_up(make_world):
    world = make_world({"head": 1})
    world.operate()
    world.operate()
    world.kubernetes()
    plain = world.pod

    def ending(name, container):
        pod = plain(name, container)
        return {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}

    world.pod = ending
    world.operate()
    assert world.states()["set-head-0"] == "create pending"


def test_configmeta_lists_members_in_the_order_of_roles_and_ordinals(make_world):
    world = make_world({"tail": 11, "head": 1})
    world.exit_codes["set-tail-1"] = 1
    world.settle()
    listed = lifecycle.listed_members(world.life)
    assert [member.pod for _, member in listed] == [f"set-tail-{n}" for n in range(11)] + ["set-head-0"]
    assert lifecycle.fqdn(world.resolved(), "set-head-0") == f"set-head-0.{DOMAIN}"


def test_the_order_of_what_was_seen_does_not_matter(make_world):
    world = make_world({"head": 2, "tail": 2})
    for _ in range(6):
        world.turn()
        plain = lifecycle.advance(world.resolved())
        world.children = lambda: list(reversed(type(world).children(world)))
        assert lifecycle.advance(world.resolved()) == plain
        del world.children


def test_a_status_of_an_older_operator_is_gone_on_with(make_world):
    """Fields that only this operator writes are absent: nothing is announced or set up again."""
    world = make_world({"head": 2}).settle()
    ours = ("listed_since", "announced", "configuring_generation", "configured_generation", "attempt", "retry_handled")

    def stripped(member: MemberStatus) -> MemberStatus:
        detail = {name: v for name, v in member.state_detail.model_dump().items() if name not in ours}
        return member.changed(state_detail=StateDetail(**detail))

    world.status = world.status.changed(
        roles=tuple(role.changed(members=tuple(map(stripped, role.members))) for role in world.status.roles)
    )
    world.crash()
    assert not world.turn()
    world.start("set-head-1")
    world.settle()
    assert world.events("set-head-0") == [("--configure",)]


def test_a_lost_status_is_read_back_from_the_containers(make_world):
    """Names are found again; nothing runs twice, though attempts and generations are counted anew."""
    world = make_world({"head": 1}).settle()
    for count in (3, 2):
        world.wanted["head"] = count
        world.settle()
    events = {pod: list(container.events) for pod, container in world.pods.items()}
    world.status = ClusterStatus()
    world.crash()
    world.settle()
    assert set(world.states().values()) == {"configured"}
    assert {pod: container.events for pod, container in world.pods.items()} == events
    assert {member.state_detail.last_config_data_generation for member in world.members()} == {1}
    assert {container.held for container in world.pods.values()} == {1}
    world.wanted["head"] = 3
    world.settle()
    assert world.events("set-head-0")[-1] == arguments("addnodes", "head", "set-head-2")
