"""The main job with hollow members, on the sandbox and on a real API server: no process of a member is started."""

import asyncio
import contextlib
import json
import os
from pathlib import Path

import pytest

from kdd.operate import operate
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
from kdlib.wire import CONTROLLER_REVISION, KD_CLUSTER, PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET, Ref

SHELL = Path(__file__).parents[1] / "apps" / "shell"
CLUSTER = Ref(KD_CLUSTER, "default", "shell")
KINDS = (KD_CLUSTER, STATEFUL_SET, POD, SERVICE, CONTROLLER_REVISION)
MEMBERS = 40
PATIENCE_SECONDS = 60


class Hollow:
    """A server with a hollow node, the operator, and what the members' start scripts were told."""

    def __init__(self):
        self.told = []
        self.members = HollowMembers(self._script)
        self.containers = HollowContainers(self.members)
        self.requests = None
        self._changed = asyncio.Event()
        self._seen = {kind: kube.Cache() for kind in KINDS}

    def _script(self, request, arguments):
        self.told.append((request.pod, arguments))
        self._changed.set()
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

    async def until(self, holds):
        """Wait until a look at what was told gives something true, and return that."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (found := holds()):
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            pytest.fail(f"never so: {json.dumps(dig(self.cluster, 'status'), indent=1)[:4000]}")

    @property
    def cluster(self):
        return self._seen[KD_CLUSTER].get("default", CLUSTER.name)

    @property
    def members_told(self):
        """Return the cluster's members by pod, as its status tells them."""
        roles = dig(self.cluster, "status", "roles", default=[])
        return {each["pod"]: each for role in roles for each in role.get("members", [])}

    async def configured(self, members):
        """Wait until the cluster is configured, with so many members; return them by pod."""

        def holds():
            found, there = self.cluster, self.members_told
            settled = dig(found, "status", "state") == "configured" and len(there) == members
            seen = settled and dig(found, "status", "observedGeneration") == found["metadata"]["generation"]
            return there if seen and all(each["state"] == "configured" for each in there.values()) else None

        return await self.until(holds)

    def owned(self, kind):
        """Return the cluster's objects of a kind."""
        return [obj for obj in self._seen[kind] if LABEL_CLUSTER in obj["metadata"].get("labels", {})]

    def left(self):
        """Return all objects of the cluster, and itself."""
        return [
            obj
            for kind in KINDS
            for obj in self._seen[kind]
            if kind is KD_CLUSTER or LABEL_CLUSTER in obj["metadata"].get("labels", {})
        ]

    @contextlib.asynccontextmanager
    async def following(self):
        """Follow all kinds of objects that a cluster consists of."""
        async with asyncio.TaskGroup() as group:
            tasks = []
            for kind, cache in self._seen.items():
                cache.subscribe(lambda _: self._changed.set())
                tasks.append(group.create_task(kube.Reflector(self.api, kube.Selection(kind), cache).run()))
            yield
            for task in tasks:
                task.cancel()


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
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
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
            async with hollow.following(), operated(tmp_path):
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
    await hollow.until(lambda: all(hollow.runs(pod, "--addnodes") == 1 for pod in members))
    assert hollow.runs(new, "--addnodes") == 0

    lost = sorted(members)[0]
    fresh = await hollow.node.restart("default", lost, "app")
    await hollow.until(lambda: dig(hollow.members_told[lost], "stateDetail", "lastConfiguredContainer") == fresh)
    healed = await hollow.configured(MEMBERS + 1)
    assert hollow.runs(lost) == 2
    assert set(healed) == set(grown)

    if hollow.requests is not None:
        await asyncio.sleep(1)
        before = hollow.requests()
        await asyncio.sleep(2)
        assert hollow.requests() == before

    await hollow.api.delete(CLUSTER)
    await hollow.until(lambda: not hollow.left())


def uids(objects):
    return {obj["metadata"]["name"]: obj["metadata"]["uid"] for obj in objects}


@pytest.mark.parametrize("propagation", ["Background", "Orphan"])
async def test_w30_sets_deleted_by_hand_cost_no_claim_and_restart_no_more_than_kubernetes_does(hollow, propagation):
    """The same on the sandbox and on a real API server, whose garbage collector and set controller decide."""
    head, tail = roles(2)
    await hollow.apply("cluster.yaml", roles=[head, {**tail, "storage": {"size": "1Gi"}}])
    members = await hollow.configured(3)
    claims = uids((await hollow.api.list(kube.Selection(PERSISTENT_VOLUME_CLAIM, "default"))).items)
    sets, pods = uids(hollow.owned(STATEFUL_SET)), uids(hollow.owned(POD))
    assert (len(claims), len(sets), len(pods)) == (2, 2, 3)
    for name in sets:
        await hollow.api.delete(Ref(STATEFUL_SET, "default", name), propagation=propagation)

    def made_anew():
        found = uids(hollow.owned(STATEFUL_SET))
        return set(found) == set(sets) and not set(found.values()) & set(sets.values())

    def held():
        """Tell whether each pod belongs to a set that is there, and runs."""
        there, found = set(uids(hollow.owned(STATEFUL_SET)).values()), hollow.owned(POD)
        owners = {owner["uid"] for pod in found for owner in pod["metadata"].get("ownerReferences", [{"uid": ""}])}
        running = [pod for pod in found if dig(pod, "status", "phase") == "Running"]
        return len(running) == len(found) == 3 and owners == there

    await hollow.until(lambda: made_anew() and held())
    again = await hollow.configured(3)
    assert {pod: each["nodeID"] for pod, each in again.items()} == {
        pod: each["nodeID"] for pod, each in members.items()
    }
    if propagation == "Orphan":
        assert uids(hollow.owned(POD)) == pods
        assert [hollow.runs(pod) for pod in members] == [1, 1, 1]
    assert not [arguments for _, arguments in hollow.told if arguments[0] == "--delnodes"]
    assert uids((await hollow.api.list(kube.Selection(PERSISTENT_VOLUME_CLAIM, "default"))).items) == claims
    assert "MembersOutdated" not in {item["type"] for item in hollow.cluster["status"]["conditions"]}
