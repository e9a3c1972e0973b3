"""A sandbox with a data folder goes on where it was: objects, versions, claims' content; its pods start anew."""

import asyncio
import shutil

import pytest

from kdlib.errors import RefusedError
from kdlib.sandbox import LogRequest, Sandbox, SandboxOptions
from kdlib.wire import CONFIG_MAP, POD, SERVICE, STATEFUL_SET, Kind

ENDPOINTS = Kind("v1", "Endpoints")
SCRIPT = "echo life >> /data/lives; cat /data/lives; exec sleep 1000"
SET = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {
        "serviceName": "web",
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "app",
                        "image": "any",
                        "command": ["sh", "-c", SCRIPT],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
            },
        },
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }
        ],
    },
}
ENDED = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "ended", "namespace": "default"},
    "spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "any", "command": ["true"]}]},
}
FRONT = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "front", "namespace": "default"},
    "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]},
}


async def until(sandbox, holds):
    """Wait until something holds of the store."""
    changed = asyncio.Event()
    end = sandbox.registry.subscribe(lambda _event, _obj: changed.set())
    try:
        async with asyncio.timeout(20):
            while not holds(sandbox.registry):
                changed.clear()
                await changed.wait()
    finally:
        end()


def container(registry):
    pod = registry.find(POD, "default", "web-0") or {}
    return (pod.get("status", {}).get("containerStatuses") or [{}])[0]


def is_ready(registry):
    return container(registry).get("ready")


async def lines(sandbox, count):
    """Return so many lines of the container's log."""
    order = LogRequest("default", "web-0", "app", follow=True)
    async with asyncio.timeout(10), sandbox.node.logs(order) as chunks:
        return [await anext(chunks) for _ in range(count)]


async def test_a_cluster_goes_on_after_a_restart(tmp_path):
    options = SandboxOptions(any_image=True, data=tmp_path / "data")
    async with Sandbox(options) as first:
        for obj in (SET, FRONT, ENDED):
            first.registry.create(obj)
        await until(first, is_ready)
        await until(first, lambda registry: registry.get(POD, "default", "ended")["status"]["phase"] == "Succeeded")
        before = {kind: first.registry.list(kind) for kind in (POD, SERVICE, STATEFUL_SET)}
        life, version = container(first.registry)["containerID"], first.registry.version
        assert await lines(first, 1) == [b"life\n"]

    async with Sandbox(options) as again:
        await until(again, lambda registry: is_ready(registry) and container(registry)["containerID"] != life)
        registry = again.registry

        assert registry.version > version
        for kind, objects in before.items():
            assert [each["metadata"]["uid"] for each in registry.list(kind)] == [
                each["metadata"]["uid"] for each in objects
            ]
        # Claims keep their content, Services their addresses and ports, and what has ended stays so.
        assert await lines(again, 2) == [b"life\n"] * 2
        front = next(each for each in before[SERVICE] if each["metadata"]["name"] == "front")
        assert registry.get(SERVICE, "default", "front")["spec"] == front["spec"]
        assert registry.get(POD, "default", "ended")["status"]["phase"] == "Succeeded"
        # What tells where the API server is, tells where it is now.
        port = registry.get(ENDPOINTS, "default", "kubernetes")["subsets"][0]["ports"][0]["port"]
        assert again.url.endswith(f":{port}")
        certificate = registry.get(CONFIG_MAP, "default", "kube-root-ca.crt")["data"]["ca.crt"]
        assert certificate == again.authority.certificate

        with pytest.raises(RefusedError, match="is in use by another sandbox"):
            Sandbox(options)
        registry.delete(STATEFUL_SET, "default", "web")
        await until(again, lambda registry: not registry.find(POD, "default", "web-0"))
    shutil.rmtree(options.data)
