"""An operator whose rights are older than it is, in virtual time: it does without what no cluster asks for."""

import pytest

from kdlib.errors import api_error
from kdlib.wire import KD_STATUS_BACKUP, POD_DISRUPTION_BUDGET


def forbid(transport, kind):
    """Refuse every request about a kind; return how to allow them again."""

    def before(request):
        if f"/{kind.plural}" in getattr(request, "path", ""):
            raise api_error(403, "Forbidden", f"{kind.plural} is forbidden: cannot list resource {kind.plural!r}")

    transport.before = before

    def allow():
        transport.before = lambda _: None

    return allow


@pytest.mark.parametrize("kind", [KD_STATUS_BACKUP, POD_DISRUPTION_BUDGET], ids=str)
def test_clusters_are_looked_after_without_a_right_that_none_of_them_needs(play, made, caplog, kind):
    async def scenario(world):
        transport = world.transport()
        forbid(transport, kind)
        async with world.operating(transport):
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
        assert f"cannot list resource {kind.plural!r}" in caplog.text

    play(scenario)


def test_a_disruption_budget_is_made_once_the_right_is_there_and_its_cluster_runs_before(play, made):
    async def scenario(world):
        transport = world.transport()
        allow = forbid(transport, POD_DISRUPTION_BUDGET)
        cluster = made.cluster()
        cluster["spec"]["roles"][1]["podDisruptionBudget"] = {"maxUnavailable": 1}
        async with world.operating(transport):
            world.create(made.app(), cluster)
            await world.until(lambda: len(world.states().get("tail", ())) == 2)
            await world.until(lambda: all(state == ["configured"] * len(state) for state in world.states().values()))
            assert not world.registry.list(POD_DISRUPTION_BUDGET)
            allow()
            await world.until(lambda: world.registry.list(POD_DISRUPTION_BUDGET))

    play(scenario)
