"""The daemon with its webhook: the main job goes as without, and what is wrong is refused before it is stored."""

import asyncio

import pytest
from typer.testing import CliRunner

from kdd.app_use import IN_USE
from kdd.main import app
from kdlib import admission
from kdlib.errors import ApiError, NotFoundError
from kdlib.wire import KD_APP, Ref

APP = Ref(KD_APP, "default", "shell")
MUTATING, VALIDATING = admission.registered_refs()


async def test_a_cluster_lives_its_life_and_its_app_is_held_as_long(world, shell, cluster, reviewing_daemon):
    await world.apply(shell / "app.yaml")
    with pytest.raises(ApiError, match="denied the request"):
        await world.apply(shell / "cluster.yaml", app="no-such-app")
    await world.apply(shell / "cluster.yaml")
    await world.until_configured(cluster, 3)
    await world.until(APP, lambda found: IN_USE in found["metadata"].get("finalizers", []))
    with pytest.raises(ApiError, match="in use by"):
        await world.api.delete(APP)
    await world.resize(cluster, "tail", 1)
    found = await world.until_configured(cluster, 2)
    assert "NotEnforced" not in {item["type"] for item in found["status"]["conditions"]}

    await world.api.delete(cluster)
    await world.until(cluster, lambda found: found is None)
    await world.until_nothing_is_left(cluster)
    await world.until(APP, lambda found: IN_USE not in found["metadata"].get("finalizers", []))
    await world.api.delete(APP)


async def test_the_registration_outlives_the_daemon_until_it_is_removed(world, shell, reviewing_daemon):
    reviewing_daemon.kill()
    await reviewing_daemon.gone()
    with pytest.raises(ApiError, match="failed calling webhook"):
        await world.apply(shell / "app.yaml")
    told = await asyncio.to_thread(
        CliRunner().invoke, app, ["webhook", "remove", "--kubeconfig", str(world.kubeconfig)]
    )
    assert (told.exit_code, told.output.count("removed")) == (0, 2), told.output
    await world.apply(shell / "app.yaml")
    with pytest.raises(NotFoundError):
        await world.api.get(MUTATING)
