"""Daemons for one namespace alone, on a real API server with RBAC: each with its Role, and nothing beside it."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from deployed import (
    ANYBODY,
    administrator,
    audited_plane,
    daemon_kubeconfig,
    lives_a_whole_life,
    refused,
    unused,
    uses,
    with_hollow_node,
)

from kdd.rights import DAEMON
from kdlib import packages
from kdlib.frozen import dig
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, LEASE, STATEFUL_SET, Ref

pytestmark = pytest.mark.control_plane

DEPLOY = Path(__file__).parents[2] / "deploy"
ALONE = tuple(replace(right, verbs=right.alone) for right in DAEMON if right.alone)
PLACES = ("default", "team")
CONFIG = Ref(KD_CONFIG, "default", "kd-global-config")


def user(namespace):
    return f"system:serviceaccount:{namespace}:kubedirector"


@pytest.fixture(scope="module")
def plane():
    with audited_plane() as plane:
        yield plane


@pytest.fixture(scope="module")
def kubectl(plane, tmp_path_factory):
    """Return kubectl as the administrator runs it; a daemon is deployed in each of two namespaces, for it alone."""
    run = administrator(plane, tmp_path_factory.mktemp("admin"))
    run("create", "namespace", "team")
    run("apply", "--server-side", "-k", str(DEPLOY / "crds"))
    run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    for namespace in PLACES:
        folder = tmp_path_factory.mktemp(namespace)
        source = os.path.relpath(DEPLOY / "namespaced", folder)
        (folder / "kustomization.yaml").write_text(f"namespace: {namespace}\nresources: [{source}]\n")
        run("apply", "--server-side", "--validate=strict", "-k", str(folder))
    return run


@pytest.fixture
async def world(plane, kubectl, make_world):
    async with with_hollow_node(plane, kubectl.kubeconfig) as api:
        yield make_world(api, kubectl.kubeconfig)


@pytest.fixture
async def daemons(plane, world, make_daemon, tmp_path):
    """Return the daemon of each namespace, with the rights of its account; none is started."""
    made = {}
    for namespace in PLACES:
        kubeconfig = daemon_kubeconfig(plane, namespace, tmp_path / f"{namespace}.kubeconfig")
        arguments = ("--leader-elect", "--namespace", namespace)
        made[namespace] = make_daemon(kubeconfig, tmp_path / f"{namespace}.log", *arguments)
    yield made
    for daemon in made.values():
        daemon.kill()
        await daemon.gone()


async def apply_to(world, path, namespace):
    found = packages.load(path)[0].value
    await world.api.apply({**found, "metadata": {**found["metadata"], "namespace": namespace}}, field_manager="test")


async def test_w36_a_daemon_for_one_namespace_has_no_other_right_needs_each_and_leaves_all_others_alone(
    plane, world, daemons, shell, cluster
):
    for name in ("app.yaml", "cluster.yaml"):
        await apply_to(world, shell / name, "team")
    foreign = [Ref(KD_APP, "team", "shell"), Ref(KD_CLUSTER, "team", "shell")]
    before = [await world.api.get(ref) for ref in foreign]
    await daemons["default"].start()
    await lives_a_whole_life(world, shell, cluster, config=CONFIG, is_reviewed=False)

    assert [await world.api.get(ref) for ref in foreign] == before
    events = plane.audited(user("default"))
    assert refused(events) == set()
    used, beyond = uses(events, ALONE, "default")
    assert beyond <= ANYBODY
    assert unused(used, ALONE) == []
    places = {dig(event, "objectRef", "namespace", default="default") for event in events}
    assert places == {"default"}
    assert "looks after namespace 'default' alone" in daemons["default"].log


async def test_two_daemons_for_two_namespaces_lead_side_by_side_and_each_looks_after_its_own(
    plane, world, daemons, shell
):
    for namespace in PLACES:
        for name in ("app.yaml", "cluster.yaml"):
            await apply_to(world, shell / name, namespace)
    async with asyncio.TaskGroup() as group:
        for daemon in daemons.values():
            group.create_task(daemon.start())
    for namespace in PLACES:
        await world.until_configured(Ref(KD_CLUSTER, namespace, "shell"), 3)
    sets = (await world.api.list(STATEFUL_SET)).items
    assert {item["metadata"]["namespace"] for item in sets} == set(PLACES)
    for namespace in PLACES:
        held = await world.api.get(Ref(LEASE, namespace, "kubedirector"))
        assert dig(held, "spec", "holderIdentity")
        events = plane.audited(user(namespace))
        assert refused(events) == set()
        assert {dig(event, "objectRef", "namespace", default=namespace) for event in events} == {namespace}
