"""What stops a rollout: what waits for a person, and nothing else."""

from dataclasses import replace

import pytest

from kdlib import lifecycle
from kdlib.model import Life, MemberState, PendingNotify, Rollout

REFUSED = PendingNotify(arguments=("--addnodes", "--nodegroup 1"), change="c1", exit_code=3)


@pytest.mark.parametrize(("state", "is_stopped"), [(MemberState.CONFIGURED, True), (MemberState.CREATE_PENDING, False)])
def test_a_change_that_was_refused_stops_a_rollout_only_while_it_waits_for_a_person(make_world, state, is_stopped):
    """A member that is on its way to a new container is told of it there again."""
    world = make_world({"head": 2}).settle()
    (role,) = world.status.roles
    first, last = role.members
    deaf = last.changed(state=state, state_detail=last.state_detail.changed(pending_notify_cmds=(REFUSED,)))
    world.status = world.status.changed(roles=(role.changed(members=(first, deaf), rollout=1),))
    found = lifecycle.roll_out(world.resolved(), Life(status=world.status), ["head"])
    assert found.rollout is not None
    assert found.rollout.is_stopped is is_stopped


class Rolled:
    """A cluster of a head and a tail that is rolled out to the tail: pods of an older template than their set's."""

    def __init__(self, world, unready):
        self.world, self.unready = world, unready
        head, tail = world.status.roles
        self.roles = (head, tail.changed(rollout=1))
        world.status = world.status.changed(roles=self.roles)

    def resolved(self):
        """Return what is seen, with what the other tests leave out: readiness, UIDs and revisions."""
        found = self.world.resolved()
        return replace(found, seen=replace(found.seen, children=tuple(map(self.completed, found.seen.children))))

    def completed(self, child):
        metadata = {**child["metadata"], "uid": f"uid-{child['metadata']['name']}"}
        if child["kind"] == "StatefulSet":
            return {**child, "metadata": metadata, "status": {**child["status"], "updateRevision": "new"}}
        if child["kind"] == "Pod":
            ready = "False" if metadata["name"] in self.unready else "True"
            status = {**child["status"], "conditions": [{"type": "Ready", "status": ready}]}
            return {**child, "metadata": {**metadata, "labels": {"controller-revision-hash": "old"}}, "status": status}
        return child

    def roll(self):
        return lifecycle.roll_out(self.resolved(), Life(status=self.world.status), ["head", "tail"])


def test_members_that_are_down_when_their_image_changes_go_together_and_those_that_work_wait(make_world):
    world = make_world({"head": 1, "tail": 3}).settle()
    world.pods["set-tail-0"] = world.pods["set-tail-2"] = None
    world.slow = {"set-tail-0", "set-tail-2"}
    rolled = Rolled(world.settle(), unready=set())
    head, tail = world.status.roles
    former = tuple(item.changed(state_detail=item.state_detail.changed(set_up_from="former")) for item in tail.members)
    world.status = world.status.changed(roles=(head, tail.changed(members=former)))
    found = lifecycle.renewable_members(rolled.resolved(), world.status)
    assert {member.pod for member in found} == {"set-tail-0", "set-tail-2"}
    assert set(rolled.roll().renewals) <= {"set-tail-0", "set-tail-2"}


def test_a_rollout_that_a_member_of_another_role_holds_up_names_it_its_reason_and_what_helps(make_world):
    rolled = Rolled(make_world({"head": 1, "tail": 1}).settle(), unready={"set-head-0"})
    life = rolled.roll()
    assert life.renewals == ()
    assert life.rollout is not None
    assert life.rollout.words == (
        "member 'set-head-0': its container is not ready; kubectl describe pod set-head-0 -n ns says why; the others"
        " wait until it is mended; to restart it: kdd restart c set-head-0 -n ns"
    )
    rolled.world.annotations["kubedirector.hpe.com/restart-set-head-0"] = "1"
    asked = rolled.roll()
    (head, _) = asked.status.roles
    assert head.members[0].state_detail.restarting == "uid-set-head-0"
    rolled.unready = set()
    rolled.world.annotations.clear()
    assert rolled.roll().renewals == ("set-tail-0",)


def test_a_member_that_is_only_being_told_of_a_change_keeps_its_pod_and_its_place_in_the_order(make_world):
    """It works: to end it first would try the change on it, whatever became of those before it."""
    world = make_world({"head": 1, "tail": 3}).settle()
    untold = world.unreachable = {"set-tail-0"}
    head, tail = world.status.roles
    first, *others = tail.members
    behind = first.changed(state_detail=first.state_detail.changed(last_config_data_generation=0))
    world.status = world.status.changed(roles=(head, tail.changed(members=(behind, *others))))
    for _ in range(3):
        world.turn()
    rolled = Rolled(world, unready=set())
    life = rolled.roll()
    assert (life.renewals, life.rollout.is_stopped) == ((), False)
    assert life.rollout.words == (
        "member 'set-tail-0': cannot be reached; the others wait until it is told; to restart it: "
        "kdd restart c set-tail-0 -n ns"
    )
    world.annotations["kubedirector.hpe.com/restart-set-tail-0"] = "1"
    (_, asked) = rolled.roll().status.roles
    assert asked.members[0].state_detail.restarting == "uid-set-tail-0"
    world.annotations.clear()
    untold.clear()
    world.crash()
    world.settle()
    assert rolled.roll().renewals == ("set-tail-2",)


def test_a_member_that_refused_a_change_goes_before_those_that_work(make_world):
    world = make_world({"head": 1, "tail": 3}).settle()
    head, tail = world.status.roles
    first, *others = tail.members
    deaf = first.changed(state_detail=first.state_detail.changed(pending_notify_cmds=(REFUSED,)))
    world.status = world.status.changed(roles=(head, tail.changed(members=(deaf, *others))))
    assert Rolled(world, unready=set()).roll().renewals == ("set-tail-0",)


def test_a_member_that_has_just_been_configured_keeps_its_place_in_the_order(make_world):
    """What is not recorded yet is a reason to wait, not to end what has just begun to work."""
    world = make_world({"head": 1, "tail": 3}).settle()
    rolled, (head, tail) = Rolled(world, unready=set()), world.status.roles
    first, *others = tail.members
    pending = first.changed(state=MemberState.CREATE_PENDING)
    stored = world.status.changed(roles=(head, tail.changed(members=(pending, *others), rollout=1)))
    before = replace(rolled.resolved(), status=stored)
    assert lifecycle.roll_out(before, Life(status=world.status), ["head", "tail"]).renewals == ()


def test_nobody_goes_before_the_statefulset_of_its_role_makes_pods_of_the_new_form(make_world):
    rolled = Rolled(make_world({"head": 1, "tail": 2}).settle(), unready=set())
    life = lifecycle.roll_out(rolled.resolved(), Life(status=rolled.world.status), ["head"])
    assert life.renewals == ()
    assert life.rollout == Rollout(done=0, total=2, words="the StatefulSet of role 'tail' is being changed")
    assert rolled.roll().renewals == ("set-tail-1",)
    assert rolled.roll().rollout == Rollout(done=0, total=2, words="member 'set-tail-1' is next")
