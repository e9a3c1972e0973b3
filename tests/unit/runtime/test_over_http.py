"""The same operator over real HTTPS, and on several Kubernetes clusters at once."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import yaml
from waiting import until

from kdlib import kube
from kdlib.kube import Backoff
from kdlib.manifests import build
from kdlib.model import Cluster, crd
from kdlib.rules import TYPED, related, resolve
from kdlib.runtime import Controller, Crew, Related, Settings, Site, run_fleet
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing.hollow import HollowContainers, HollowNode, HollowSettings, echo
from kdlib.wire import CONFIG_MAP, KD_APP, KD_CLUSTER, KD_CONFIG


@asynccontextmanager
async def served(path):
    """An embedded cluster over HTTPS with hollow members, its kubeconfig written to the path."""
    containers = HollowContainers(echo)
    async with Sandbox(SandboxOptions(node=False, containers=containers)) as sandbox:
        for kind in (KD_APP, KD_CLUSTER, KD_CONFIG):
            sandbox.registry.create(crd(kind.name))
        async with HollowNode(sandbox.transport, containers, HollowSettings(heartbeat_seconds=0)):
            sandbox.write_kubeconfig(path)
            yield sandbox.registry, sandbox.access_log


def controllers(api):
    def desired(seen):
        return build(resolve(Cluster.of(seen.root), None, seen))

    refs = Related((KD_APP, KD_CLUSTER, KD_CONFIG), lambda root, look_up: related(root, look_up, "kd"), singles=TYPED)
    yield Controller(api, KD_CLUSTER, desired, related=refs, settings=Settings(grace_seconds=1.0))


def state(registry, name):
    return (registry.get(KD_CLUSTER, "default", name).get("status") or {}).get("state")


@asynccontextmanager
async def operating(*kubeconfigs):
    sites = [Site(path.stem, partial(kube.connect, kubeconfig=path, name=path.stem)) for path in kubeconfigs]
    task = asyncio.create_task(run_fleet(sites, Crew(controllers), backoff=Backoff(0.05, 0.1)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def test_a_cluster_lives_over_https_and_settled_means_silent(tmp_path, made):
    async with served(tmp_path / "a") as (registry, access_log):
        async with operating(tmp_path / "a"):
            registry.create(made.app())
            registry.create(made.cluster())
            await until(lambda: state(registry, "c1") == "configured")
            await asyncio.sleep(0.5)
            access_log.clear()
            await asyncio.sleep(1.5)
            assert access_log.matching(user_agent="kubedirector") == ()
            registry.delete(KD_CLUSTER, "default", "c1")
            await until(lambda: not registry.list(KD_CLUSTER, "default"))


async def test_w36_a_connected_object_is_watched_by_its_name_over_https(tmp_path, made):
    def versions(registry):
        return {
            item["name"]: item.get("version")
            for item in (registry.get(KD_CLUSTER, "default", "c1").get("status") or {}).get("connections", [])
        }

    def config_map(name):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default", "name": name}}

    async with served(tmp_path / "a") as (registry, access_log):
        async with operating(tmp_path / "a"):
            cluster = made.cluster(tails=0)
            cluster["spec"]["connections"] = {"configmaps": ["settings"]}
            for item in (made.app(), config_map("other"), cluster):
                registry.create(item)
            await until(lambda: versions(registry) == {"settings": None})
            first = registry.create(config_map("settings"))["metadata"]["resourceVersion"]
            await until(lambda: versions(registry) == {"settings": first})
            second = registry.patch(CONFIG_MAP, "default", "settings", {"data": {"a": "b"}})["metadata"]
            await until(lambda: versions(registry) == {"settings": second["resourceVersion"]})
            asked = [item for item in access_log.matching(user_agent="kubedirector") if "configmaps" in item.path]
            assert asked
            assert all("metadata.name%3Dsettings" in item.path for item in asked)


async def test_one_unreachable_kubernetes_cluster_disturbs_no_other(tmp_path, made):
    dead, broken = tmp_path / "dead", tmp_path / "broken"
    async with served(tmp_path / "a") as (first, _), served(tmp_path / "b") as (second, _):
        config = yaml.safe_load((tmp_path / "a").read_text())
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        dead.write_text(yaml.safe_dump(config))
        broken.write_text("this is no kubeconfig")
        async with operating(dead, tmp_path / "a", broken, tmp_path / "b"):
            for registry in (first, second):
                registry.create(made.app())
                registry.create(made.cluster(tails=1))
            await until(lambda: {state(first, "c1"), state(second, "c1")} == {"configured"})
