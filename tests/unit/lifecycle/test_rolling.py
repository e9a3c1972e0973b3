"""What stops a rollout: what waits for a person, and nothing else."""

import pytest

from kdlib import lifecycle
from kdlib.model import Life, MemberState, PendingNotify

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
