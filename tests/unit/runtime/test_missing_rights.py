"""An operator whose rights are older than it is, in virtual time: it does without what no cluster asks for."""

import asyncio

import pytest

from kdlib.errors import api_error
from kdlib.kube import ReflectorSettings
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


def test_a_cluster_whose_status_is_refused_is_told_of_in_the_log_once_and_goes_on_when_it_is_taken(play, made, caplog):
    """So it is where the definitions are older than the operator: no status can say so."""

    async def scenario(world):
        transport = world.transport()

        def before(request):
            if getattr(request, "path", "").endswith("/c1/status"):
                raise api_error(500, "", "failed to create typed patch:\n  .status.roles: field not declared in schema")

        transport.before = before
        async with world.operating(transport, watches=ReflectorSettings(missing_remedy="kubectl apply -f schemas/")):
            world.create(made.app(), made.cluster(), made.cluster("c2"))
            await asyncio.sleep(600)
            assert world.status("c2")["state"] == "configured"
            lines = [record.getMessage() for record in caplog.records if "looked after" in record.getMessage()]
            assert len(lines) == 1
            assert lines[0].startswith("KubeDirectorCluster default/c1: cannot be looked after")
            assert lines[0].endswith("older than this operator, install its own: kubectl apply -f schemas/")
            transport.before = lambda _: None
            await world.until(world.configured(head=1, tail=2))

    play(scenario)
