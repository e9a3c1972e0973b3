"""`kdd plan` says what would happen, and nothing that would not, over a cluster that runs. In virtual time."""

import pytest

from kdd.plan import forecast
from kdlib.errors import api_error
from kdlib.kube import Api
from kdlib.wire import KD_CLUSTER, KD_CONFIG, POD_DISRUPTION_BUDGET, Ref

CLUSTER = Ref(KD_CLUSTER, "default", "c1")
BUDGET = {"podDisruptionBudget": {"maxUnavailable": 1}}


def manifest(made, *, tails=2, **tail):
    found = made.cluster(tails=tails)
    found["spec"]["roles"][1] |= tail
    return found


async def planned(transport, wanted):
    return await forecast(Api(transport), CLUSTER, {CLUSTER: wanted}, system_namespace="kd")


def test_a_disruption_budget_that_is_there_is_not_made_again_and_is_deleted_when_it_is_asked_for_no_more(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), manifest(made, **BUDGET))
            await world.until(world.configured(head=1, tail=2))
            (name,) = [item["metadata"]["name"] for item in world.registry.list(POD_DISRUPTION_BUDGET)]
            assert (await planned(world.user(), world.cluster())).steps == ()
            found = await planned(world.user(), {**world.cluster(), "spec": manifest(made)["spec"]})
            assert f"delete {Ref(POD_DISRUPTION_BUDGET, 'default', name)}" in found.steps

    play(scenario)


def test_who_may_not_read_the_configuration_is_told_the_rest(play, made):
    """Nobody but the operator and administrators should read it: it holds the key."""

    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
        user = world.transport()

        def before(request):
            if f"/{KD_CONFIG.plural}" in request.path:
                raise api_error(403, "Forbidden", "ann cannot get the configuration")

        user.before = before
        found = await planned(user, {**world.cluster(), "spec": manifest(made, tails=3)["spec"]})
        assert found.problems == ()
        assert "spec.roles[1].members changes from 2 to 3" in found.steps
        assert found.unknown == ("ann cannot get the configuration",)

    play(scenario)


@pytest.mark.parametrize("may_read", [True, False])
def test_a_plan_for_a_cluster_with_hidden_tokens_needs_no_token(play, made, app_of, cluster_of, may_read):
    """Who may not read the Secret is told all the same what would happen, and nobody is told a token."""

    async def scenario(world):
        async with world.operating():
            world.create(app_of(), cluster_of())
            await world.until(world.configured(head=2, tail=1))
        user = world.transport()

        def before(request):
            if "/secrets" in request.path and not may_read:
                raise api_error(403, "Forbidden", "ann cannot get secrets")

        user.before = before
        found = await planned(user, world.cluster())
        assert (found.problems, found.steps) == ((), ())
        wanted = cluster_of()
        wanted["spec"]["roles"][0]["members"] = 3
        found = await planned(user, {**world.cluster(), "spec": wanted["spec"]})
        assert "spec.roles[0].members changes from 2 to 3" in found.steps
        assert not any("restart" in step for step in found.steps)
        assert found.unknown == (() if may_read else ("ann cannot get secrets",))

    play(scenario, made.members())
