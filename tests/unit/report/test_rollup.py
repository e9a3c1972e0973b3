"""The seven flags, row by row of table 3.15."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib import report
from kdlib.model import ClusterStatus, ContainerState, MemberState, MemberStatus, RoleStatus, StateDetail

CHANGING, DOWN, INITIALIZING, WAITING = "membership_changing", "members_down", "members_initializing", "members_waiting"
RESTARTING, ERRORS, UNSCHEDULED = "members_restarting", "config_errors", "members_not_scheduled"

ROWS = [
    ("create pending", "waiting", {}, {CHANGING, WAITING}),
    ("create pending", "absent", {}, {CHANGING, WAITING}),
    ("create pending", "running", {"last_configured_container": "c"}, {RESTARTING}),
    ("create pending", "absent", {"scheduling_error_message": "no room"}, {CHANGING, WAITING, UNSCHEDULED}),
    ("create pending", "terminated", {}, {CHANGING}),
    ("create pending", "initializing", {}, {CHANGING, INITIALIZING}),
    ("creating", "running", {}, {CHANGING}),
    ("creating", "terminated", {"last_configured_container": "c"}, {RESTARTING, DOWN}),
    ("creating", "absent", {}, {CHANGING, DOWN}),
    ("configured", "running", {}, set()),
    ("configured", "unresponsive", {}, {DOWN}),
    ("configured", "absent", {}, {DOWN}),
    ("configured", "unknown", {}, set()),
    ("delete pending", "running", {}, {CHANGING}),
    ("delete pending", "terminated", {}, {CHANGING, DOWN}),
    ("deleting", "absent", {}, {CHANGING}),
    ("config error", "running", {}, {ERRORS}),
    ("config error", "unresponsive", {}, {ERRORS, DOWN}),
]


def status_of(*members):
    return ClusterStatus(roles=(RoleStatus(id="a", members=members),))


def member_of(state, container, **detail):
    return MemberStatus(
        state=MemberState(state),
        state_detail=StateDetail(last_known_container_state=ContainerState(container), **detail),
    )


def flags(status):
    return {name for name, value in report.rollup(status).model_dump().items() if value}


@pytest.mark.parametrize(("state", "container", "detail", "expected"), ROWS)
def test_a_member_raises_its_flags(state, container, detail, expected) -> None:
    assert flags(status_of(member_of(state, container, **detail))) == expected


@given(st.lists(st.sampled_from(ROWS), max_size=5), st.randoms(use_true_random=False))
def test_flags_are_those_of_all_members_in_any_order(rows, random) -> None:
    members = [member_of(state, container, **detail) for state, container, detail, _ in rows]
    expected = set().union(*(row[3] for row in rows))
    assert flags(status_of(*members)) == expected
    random.shuffle(members)
    assert flags(status_of(*members)) == expected


def test_all_flags_are_written_even_where_none_holds() -> None:
    assert report.rollup(status_of()).dumped() == {
        "membershipChanging": False,
        "membersDown": False,
        "membersInitializing": False,
        "membersWaiting": False,
        "membersRestarting": False,
        "configErrors": False,
        "membersNotScheduled": False,
    }
