"""Whom members are told of, and how long that is in the status of a large cluster."""

from hypothesis import given
from hypothesis import strategies as st

from kdlib.lifecycle.announcements import ADD, Announcement, spelled_arguments, told
from kdlib.lifecycle.name_lists import shortened, spelled_out
from kdlib.model import AppRole, MemberStatus, ResolvedRole, RoleStatus

DOMAIN = "kdhs-x7k2p.team.svc.cluster.local"
ROLE = {
    "tail": ResolvedRole(
        id="tail",
        app=AppRole.model_validate(
            {"id": "tail", "cardinality": "0+", "configPackage": {"packageURL": "file:///a.tgz"}}
        ),
        spec=None,
        wanted=0,
        stateful_set="kdss-9dnrk",
    )
}


def name(number):
    return f"kdss-9dnrk-{number}.{DOMAIN}"


def member(number, generation=1):
    detail = {"configuredGeneration": generation, "lastConfiguredContainer": "c", "announced": True}
    return MemberStatus.model_validate(
        {"pod": f"kdss-9dnrk-{number}", "nodeID": number + 1, "state": "configured", "stateDetail": detail}
    )


def role(numbers, generation=1):
    return RoleStatus(id="tail", members=tuple(member(number, generation) for number in numbers))


def came(numbers, since):
    return Announcement(ADD, "tail", tuple((name(number), f"kdss-9dnrk-{number}", since) for number in numbers))


def written(roles):
    """Return how many characters of names all queues hold."""
    return sum(
        len(entry.arguments[-1]) for item in roles[0].members for entry in item.state_detail.pending_notify_cmds or ()
    )


def test_a_cluster_that_doubles_names_no_member_once_for_each_other_member():
    """In waves too, and where the new members come up in any order: 100 characters for each that is told."""
    roles = (role(range(500)),)
    for numbers in (range(500, 600), range(600, 1000, 2), range(601, 1000, 2)):
        roles = told(roles, [came(numbers, since=2)], ROLE)
    for item in roles[0].members:
        heard = ",".join(spelled_arguments(entry)[-1] for entry in item.state_detail.pending_notify_cmds)
        assert sorted(heard.split(",")) == sorted(map(name, range(500, 1000)))
    assert written(roles) < 500 * 200
    while_odd_ones_are_missing = told((role(range(500)),), [came(range(600, 1000, 2), since=2)], ROLE)
    assert written(while_odd_ones_are_missing) < 500 * 1000


def test_members_that_started_together_are_told_nothing_of_one_another():
    roles = (role(range(1000)),)
    assert told(roles, [came(range(1000), since=1)], ROLE) == roles


def test_few_names_are_written_one_by_one_as_ever():
    roles = told((role(range(1)),), [came(range(1, 17), since=2)], ROLE)
    (entry,) = roles[0].members[0].state_detail.pending_notify_cmds
    assert entry.arguments[-1] == ",".join(map(name, range(1, 17)))
    assert spelled_arguments(entry)[:-1] == ("--addnodes", "--nodegroup", "1", "--role", "tail", "--fqdns")


LABELS = st.sampled_from(["a-", "a-1-", "kdss-9dnrk-", "-"])
NAMES = st.one_of(
    st.builds("{}{}{}".format, LABELS, st.integers(0, 60), st.sampled_from(["", ".h.ns.svc", ".h-1.ns"])),
    st.sampled_from(["plain", "a-01.h", "a-", "a.b-3", "10.0.0.1"]),
)


@given(st.lists(NAMES, unique=True, max_size=120))
def test_a_short_list_stands_for_the_same_names(names):
    assert sorted(spelled_out(shortened(names))) == sorted(names or [""])
    assert shortened([name(number) for number in (*range(20), 22)]) == f"kdss-9dnrk-[0-19+22].{DOMAIN}"
