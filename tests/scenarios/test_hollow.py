"""The main job with hollow members, on the sandbox and on a real API server: no process of a member is started."""

import asyncio
import contextlib
import json
import os
from pathlib import Path

import pytest

from kdd.operator import operate
from kdd.settings import Settings
from kdd.stage import install_crds
from kdlib import kube, packages
from kdlib.frozen import dig
from kdlib.guest import EmulatedRun
from kdlib.names import LABEL_CLUSTER
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing import (
    ControlPlane,
    ControlPlaneError,
    HollowContainers,
    HollowKubelet,
    HollowMembers,
    HollowNode,
    HollowSettings,
    control_plane_folder,
    held_configmeta,
)
from kdlib.wire import CONTROLLER_REVISION, KD_CLUSTER, POD, SERVICE, STATEFUL_SET, Ref

SHELL = Path(__file__).parents[1] / "apps" / "shell"
CLUSTER = Ref(KD_CLUSTER, "default", "shell")
MEMBERS = 40
PATIENCE_SECONDS = 60


class Hollow:
    """A server with a hollow node, the operator, and what the members' start scripts were told."""

    def __init__(self):
        self.told = []
        self.members = HollowMembers(self._script)
        self.containers = HollowContainers(self.members)
        self.requests = None

    def _script(self, request, arguments):
        self.told.append((request.pod, arguments))
        return EmulatedRun()

    def runs(self, pod, event="--configure"):
        return sum(name == pod and arguments[0] == event for name, arguments in self.told)

    async def apply(self, name, **changes):
        found = packages.load(SHELL / name)[0].value
        metadata = {"namespace": "default", **found["metadata"]}
        spec = {**found["spec"], **changes}
        await self.api.apply({**found, "metadata": metadata, "spec": spec}, field_manager="test")

    async def resize(self, members):
        await self.api.json_patch(CLUSTER, [{"op": "add", "path": "/spec/roles/1/members", "value": members}])

    async def configured(self, members):
        """Wait until the cluster is configured, with so many members; return its members by pod."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    found = await self.api.get(CLUSTER)
                    roles = dig(found, "status", "roles", default=[])
                    there = {each["pod"]: each for role in roles for each in role.get("members", [])}
                    settled = dig(found, "status", "state") == "configured" and len(there) == members
                    seen = dig(found, "status", "observedGeneration") == found["metadata"]["generation"]
                    if settled and seen and all(each["state"] == "configured" for each in there.values()):
                        return there
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not configured: {json.dumps(dig(found, 'status'), indent=1)[:4000]}")

    async def nothing_left(self):
        """Wait until no object of the cluster is left."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            for kind in (KD_CLUSTER, STATEFUL_SET, POD, SERVICE, CONTROLLER_REVISION):
                labels = "" if kind is KD_CLUSTER else f"{LABEL_CLUSTER}={CLUSTER.name}"
                while (await self.api.list(kube.Selection(kind, "default", labels=labels))).items:
                    await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def on_the_sandbox(hollow, folder):
    async with Sandbox(SandboxOptions(node=False, containers=hollow.containers)) as sandbox:
        sandbox.write_kubeconfig(folder / "kubeconfig")
        hollow.requests = lambda: sandbox.access_log.total
        async with HollowNode(sandbox.transport, hollow.containers, HollowSettings(heartbeat_seconds=0)) as node:
            yield node


@contextlib.asynccontextmanager
async def on_a_real_server(hollow, folder):
    try:
        plane = ControlPlane(control_plane_folder(os.environ))
    except ControlPlaneError as error:
        pytest.skip(str(error))
    with plane:
        plane.write_kubeconfig(folder / "kubeconfig")
        async with (
            HollowKubelet(hollow.containers, plane.authority) as kubelet,
            kube.connect(kubeconfig=folder / "kubeconfig") as api,
            HollowNode(api.transport, hollow.containers, HollowSettings(binds=True, port=kubelet.port)) as node,
        ):
            yield node


@contextlib.asynccontextmanager
async def operated(folder):
    """Run the operator while the context is open; a crash of it is raised."""
    task = asyncio.create_task(operate(Settings(cache=folder, kubeconfig=str(folder / "kubeconfig"))))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.control_plane)])
async def hollow(request, tmp_path):
    hollow = Hollow()
    place = on_the_sandbox if request.param == "sandbox" else on_a_real_server
    async with place(hollow, tmp_path) as hollow.node:
        async with kube.connect(kubeconfig=tmp_path / "kubeconfig", user_agent="test") as hollow.api:
            await install_crds(hollow.api)
            async with operated(tmp_path):
                await hollow.apply("app.yaml")
                yield hollow


def roles(tails):
    found = packages.load(SHELL / "cluster.yaml")[0].value["spec"]["roles"]
    return [found[0], {**found[1], "members": tails}]


async def test_a_cluster_of_forty_comes_up_grows_heals_and_goes(hollow):
    await hollow.apply("cluster.yaml", roles=roles(MEMBERS - 1))
    members = await hollow.configured(MEMBERS)
    assert hollow.members.execs == 2 * MEMBERS
    assert all(hollow.runs(pod) == 1 for pod in members)
    held = {held_configmeta(hollow.containers, "default", pod) for pod in members}
    assert all(json.loads(each) for each in held)

    await hollow.resize(MEMBERS)
    grown = await hollow.configured(MEMBERS + 1)
    (new,) = set(grown) - set(members)
    assert hollow.runs(new) == 1
    await until(lambda: all(hollow.runs(pod, "--addnodes") == 1 for pod in members))
    assert hollow.runs(new, "--addnodes") == 0

    lost = sorted(members)[0]
    fresh = await hollow.node.restart("default", lost, "app")
    await until_async(lambda: container_of(hollow, lost), fresh)
    healed = await hollow.configured(MEMBERS + 1)
    assert hollow.runs(lost) == 2
    assert set(healed) == set(grown)

    if hollow.requests is not None:
        await asyncio.sleep(1)
        before = hollow.requests()
        await asyncio.sleep(2)
        assert hollow.requests() == before

    await hollow.api.delete(CLUSTER)
    await hollow.nothing_left()


async def container_of(hollow, pod):
    """Return the container in which the cluster's status says that a member was set up."""
    found = await hollow.api.get(CLUSTER)
    for role in dig(found, "status", "roles", default=[]):
        for member in role.get("members", []):
            if member["pod"] == pod:
                return dig(member, "stateDetail", "lastConfiguredContainer")
    return None


async def until(holds):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.05)


async def until_async(look, wanted):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await look() != wanted:
            await asyncio.sleep(0.05)
