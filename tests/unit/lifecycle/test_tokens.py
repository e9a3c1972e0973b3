"""Auth tokens of members that were asked for anew."""

from kdlib.lifecycle.retries import ROTATE_TOKENS


def test_a_request_for_a_token_that_its_role_needs_no_more_leaves_the_cluster_at_rest(make_world):
    """Another app may have taken the token's service away; the member keeps what it was given."""
    world = make_world({"head": 2}).settle()
    (role,) = world.status.roles
    members = tuple(member.changed(auth_token="0" * 32) for member in role.members)
    world.status = world.status.changed(roles=(role.changed(members=members),))
    world.settle()
    generation = world.status.spec_generation_to_process
    world.annotations[ROTATE_TOKENS] = "1"
    world.settle()
    assert world.status.spec_generation_to_process == generation
    assert {member.auth_token for member in world.members()} == {"0" * 32}
