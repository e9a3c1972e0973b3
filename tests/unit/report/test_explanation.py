"""Laws: what waits is named with its reason, those that it waits for, and what comes next; what rests is not named."""

from pathlib import Path

import pytest
from wording import hold

from kdlib import report
from kdlib.lifecycle import TABLE
from kdlib.model import MemberState, PendingNotify

WORDS = Path(__file__).parent / "golden" / "words.yaml"
ADDED = PendingNotify(
    arguments=("--addnodes", "--nodegroup 1", "--role", "a", "--fqdns", "s-a-1.h.team.svc,s-a-2.h.team.svc"),
    change="addnodes-1",
)
REMOVED = PendingNotify(
    arguments=("--delnodes", "--nodegroup 1", "--role", "b", "--fqdns", "s-b-1.h.team.svc"), change="delnodes-1"
)


def explained(desired):
    root = {**desired.seen.root, "status": report.status(desired.seen, desired)}
    return as_written(report.explanation(root))


def as_written(found):
    """Hold the words of an explanation, and return it."""
    for text in (found.line, *found.told, *(f"{wait.why}; {wait.next}" for wait in found.waits)):
        hold(WORDS, "explanation", text)
    return found


def test_a_cluster_at_rest_has_nothing_to_explain(make, member):
    found = explained(make({"a": [member("s-a-0")]}))
    assert (found.line, found.told, found.waits) == ("configured 1/1", (), ())


def test_each_member_that_waits_says_why_and_what_comes_next(make, member):
    desired = make(
        {
            "a": [
                member("s-a-0"),
                member("s-a-1", "create pending", progress="waiting for its pod"),
                member("s-a-2", "creating", progress="set-up under way, attempt 1"),
            ]
        }
    )
    waits = {wait.pod: wait for wait in explained(desired).waits}
    assert set(waits) == {"s-a-1", "s-a-2"}
    assert waits["s-a-1"].why == "waiting for its pod"
    assert waits["s-a-1"].next == "creating, once its container runs and all know of it"
    assert waits["s-a-2"].next == "configured, once set-up ended well"


def test_a_new_member_names_those_whose_configmeta_does_not_list_it_yet(make, member):
    pending = member("s-a-1", "create pending", last_known_container_state="running", listed_since=3)
    desired = make({"a": [member("s-a-0"), pending, member("s-a-2", last_config_data_generation=3)]})
    waits = {wait.pod: wait for wait in explained(desired).waits}
    assert waits["s-a-1"].for_whom == ("s-a-0",)


def test_a_member_whose_role_comes_later_names_the_members_of_the_earlier_role_that_are_not_up(make, member):
    pending = member("s-b-0", "create pending", last_known_container_state="running", awaited_role="a")
    earlier = [member("s-a-0"), member("s-a-1", "creating"), member("s-a-2", "config error")]
    waits = {wait.pod: wait for wait in explained(make({"a": earlier, "b": [pending]})).waits}
    assert waits["s-b-0"].for_whom == ("s-a-1 (role a)", "s-a-2 (role a)")


def test_a_failed_member_waits_for_a_person(make, member):
    found = explained(make({"a": [member("s-a-0", "config error", config_error_detail="exit status 3")]}))
    assert found.waits[0].for_whom == ("a person",)
    assert found.waits[0].why == "exit status 3"
    assert found.waits[0].next == "creating, once a retry was asked for"
    assert any("Stalled is True" in words for words in found.told)


def test_one_that_failed_and_is_to_go_says_why_and_how_it_goes_here_and_in_the_conditions(make, member):
    going = "it is to go; kdd retry c s-a-0 --give-up"
    failed = member("s-a-0", "config error", config_error_detail="exit status 3", progress=going)
    found = explained(make({"a": [failed]}))
    assert found.waits[0].why == f"exit status 3; {going}"
    assert any("Stalled is True" in words and going in words for words in found.told)


def test_a_member_that_is_told_of_changes_says_which_ones_in_order(make, member):
    found = explained(make({"a": [member("s-a-0", pending_notify_cmds=(ADDED, REMOVED))]}))
    assert found.waits[0].why == "is being told: addnodes of s-a-1, s-a-2"
    assert found.waits[0].next == "then it is told of delnodes of s-b-1"


def test_an_operator_that_does_not_look_is_the_first_thing_told(make, member):
    root = make({"a": [member("s-a-0")]}).seen.root
    assert "has not seen it yet" in as_written(report.explanation(root)).told[0]
    desired = make({"a": [member("s-a-0")]})
    status = report.status(desired.seen, desired)
    later = {**root, "metadata": {**root["metadata"], "generation": 9}, "status": status}
    assert (
        as_written(report.explanation(later)).told[0].startswith("the operator has seen generation 4, the spec is at")
    )


@pytest.mark.parametrize("key", ["restart", "restart-role-a", "restart-s-a-0"])
def test_a_restart_that_was_asked_for_a_moment_ago_is_left_to_do(make, member, key):
    """Nothing but the annotation tells of it, until the operator has begun."""
    desired = make({"a": [member("s-a-0")]})
    root = {**desired.seen.root, "status": report.status(desired.seen, desired)}
    root["metadata"] = {**root["metadata"], "annotations": {f"kubedirector.hpe.com/{key}": "1"}}
    assert as_written(report.explanation(root)).told == (
        "a restart was asked for of s-a-0; it has not begun: if that lasts, is kdd running?",
    )


@pytest.mark.parametrize(
    ("key", "handled"), [("restart", "1"), ("restart-s-a-0", "||1")], ids=["of all", "of the member"]
)
def test_a_restart_that_was_done_is_nothing_to_explain(make, member, key, handled):
    desired = make({"a": [member("s-a-0", restart_handled=handled)]})
    root = {**desired.seen.root, "status": report.status(desired.seen, desired)}
    root["metadata"] = {**root["metadata"], "annotations": {f"kubedirector.hpe.com/{key}": "1"}}
    assert as_written(report.explanation(root)).told == ()


def test_every_state_has_a_way_on(make, member):
    for state in MemberState:
        known = {cause for (source, cause) in TABLE if source is state}
        assert known, state
        found = explained(make({"a": [member("s-a-0", str(state), progress="something")]}))
        assert found.waits[0].next
