"""W-42: a pod refused by a quota or by Pod Security is told by the cluster, in the words of a real API server."""

import asyncio
import contextlib
import os

import pytest

from kdd.operate import operate
from kdd.settings import Settings
from kdd.stage import install_crds
from kdlib import kube
from kdlib.frozen import dig
from kdlib.testing import ControlPlane, ControlPlaneError, an_app, control_plane_folder
from kdlib.wire import KD_APP, KD_CLUSTER, NAMESPACE, POD, Kind, Ref

QUOTA = Kind("v1", "ResourceQuota")
SMALL = {"limits": {"memory": "16Mi", "cpu": "10m"}}
PATIENCE_SECONDS = 120

pytestmark = pytest.mark.control_plane


def app(namespace):
    return {**an_app("plain", {"head": "1"}), "metadata": {"namespace": namespace, "name": "plain"}}


def cluster(namespace):
    spec = {"app": "plain", "serviceType": "ClusterIP", "roles": [{"id": "head", "resources": SMALL}]}
    metadata = {"namespace": namespace, "name": "c1"}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": spec}


@pytest.fixture
async def api(tmp_path):
    try:
        plane = ControlPlane(control_plane_folder(os.environ))
    except ControlPlaneError as error:
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
    with plane:
        path = tmp_path / "kubeconfig"
        plane.write_kubeconfig(path)
        async with kube.connect(kubeconfig=path) as api:
            await install_crds(api)
            task = asyncio.create_task(operate(Settings(cache=tmp_path, kubeconfig=str(path))))
            try:
                yield api
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def until(api, ref, holds):
    """Follow an object until something holds for it; return it."""
    cache, changed = kube.Cache(), asyncio.Event()
    cache.subscribe(lambda _: changed.set())
    selection = kube.Selection(ref.kind, ref.namespace, fields=f"metadata.name={ref.name}")
    task = asyncio.create_task(kube.Reflector(api, selection, cache).run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (found := cache.get(ref.namespace, ref.name)) is None or not holds(found):
                changed.clear()
                await changed.wait()
        return found
    finally:
        task.cancel()


def stalled(found):
    conditions = dig(found, "status", "conditions", default=[])
    words = next((item["message"] for item in conditions if item["type"] == "Stalled" and item["status"] == "True"), "")
    return words if "its pod is refused: " in words else ""


async def made(api, namespace, **labels):
    metadata = {"name": namespace, "labels": labels}
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, kind=NAMESPACE)


async def test_w42_a_pod_beyond_the_quota_is_told_in_the_server_s_words_until_there_is_room(api):
    await made(api, "quota")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": "quota"}}
    await api.create({**quota, "spec": {"hard": {"pods": "0"}}}, kind=QUOTA)
    await until(api, Ref(QUOTA, "quota", "none"), lambda found: dig(found, "status", "hard"))
    await api.create(app("quota"), kind=KD_APP)
    await api.create(cluster("quota"), kind=KD_CLUSTER)
    found = await until(api, Ref(KD_CLUSTER, "quota", "c1"), stalled)
    assert "is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0" in stalled(found)
    assert "have it allowed in the namespace" in stalled(found)
    (member,) = found["status"]["roles"][0]["members"]
    assert member["stateDetail"]["trouble"] == "pod refused"

    await api.delete(Ref(QUOTA, "quota", "none"))
    found = await until(api, Ref(KD_CLUSTER, "quota", "c1"), lambda found: not stalled(found))
    (pod,) = (await api.list(kube.Selection(POD, "quota"))).items
    assert pod["metadata"]["name"] == member["pod"]


async def test_w42_a_pod_that_pod_security_forbids_is_told_in_the_server_s_words(api):
    await made(api, "strict", **{"pod-security.kubernetes.io/enforce": "restricted"})
    await api.create(app("strict"), kind=KD_APP)
    await api.create(cluster("strict"), kind=KD_CLUSTER)
    found = await until(api, Ref(KD_CLUSTER, "strict", "c1"), stalled)
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in stalled(found)
