"""The global configuration under the daemon: held while there is a cluster, told how it stands (3.19)."""

import asyncio
from contextlib import asynccontextmanager

from kdd.operator import config_services
from kdd.settings import Settings
from kdlib.errors import NotFoundError, UnreachableError
from kdlib.kube import Api
from kdlib.reconcile import CLEANUP
from kdlib.wire import KD_CLUSTER, KD_CONFIG, STORAGE_CLASS

KEY = "0f" * 32


def config(namespace="kd", **spec):
    metadata = {"name": "kd-global-config", "namespace": namespace}
    given = {"masterEncryptionKey": KEY, **spec}
    return {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata, "spec": given}


def found(world, namespace="kd"):
    try:
        return world.registry.get(KD_CONFIG, namespace, "kd-global-config")
    except NotFoundError:
        return None


def state(world):
    return ((found(world) or {}).get("status") or {}).get("state")


def is_held(world):
    return CLEANUP in found(world)["metadata"].get("finalizers", [])


def ready(world, namespace="kd"):
    conditions = (found(world, namespace).get("status") or {}).get("conditions") or [{}]
    return conditions[0].get("status"), conditions[0].get("message", "")


@asynccontextmanager
async def serving(world, tmp_path, transport=None, **settings):
    transport = transport or world.transport()
    services = config_services(Api(transport), Settings(cache=tmp_path, system_namespace="kd", **settings))
    tasks = [asyncio.create_task(service.run()) for service in services]
    try:
        yield transport
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert [task.exception() for task in tasks if not task.cancelled()] == []


def prepared(world):
    world.registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})


def test_a_configuration_becomes_ready_and_is_left_alone_then(play, tmp_path):
    async def scenario(world):
        prepared(world)
        async with serving(world, tmp_path) as transport:
            world.create(config())
            await world.until(lambda: state(world) == "ready")
            assert found(world)["status"]["generationUID"]
            await asyncio.sleep(60)
            assert len(transport.writes) == 1

    play(scenario)


def test_the_configuration_outlives_its_deletion_while_there_is_a_cluster(play, made, tmp_path):
    """CFG-V-01 without a webhook: keys of clusters that run are not lost by a slip."""

    async def scenario(world):
        prepared(world)
        async with serving(world, tmp_path):
            world.create(config(), made.cluster())
            await world.until(lambda: is_held(world))
            world.registry.delete(KD_CONFIG, "kd", "kd-global-config")
            await asyncio.sleep(60)
            assert found(world)["spec"]["masterEncryptionKey"] == KEY
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: found(world) is None)

    play(scenario)


def test_a_configuration_without_clusters_goes_when_it_is_asked_to(play, tmp_path):
    async def scenario(world):
        prepared(world)
        async with serving(world, tmp_path):
            world.create(config())
            await world.until(lambda: state(world) == "ready")
            world.registry.delete(KD_CONFIG, "kd", "kd-global-config")
            assert found(world) is None

    play(scenario)


def test_what_cannot_be_used_is_told_until_it_can(play, tmp_path):
    """W-44: a storage class that comes or goes is noticed, without any edit of the configuration."""

    async def scenario(world):
        prepared(world)
        storage = {"apiVersion": STORAGE_CLASS.api_version, "kind": STORAGE_CLASS.name, "provisioner": "x"}
        storage["metadata"] = {"name": "fast"}
        async with serving(world, tmp_path):
            world.create(config(defaultStorageClassName="fast"), config("team"))
            await world.until(lambda: "'fast' does not exist" in ready(world)[1])
            assert state(world) == "creating"
            await world.until(lambda: "nobody reads it here" in ready(world, "team")[1])
            world.create(storage)
            await world.until(lambda: ready(world)[0] == "True")
            world.registry.delete(STORAGE_CLASS, "", "fast")
            await world.until(lambda: ready(world)[0] == "False")
            assert state(world) == "ready"

    play(scenario)


def test_a_write_that_fails_is_made_again(play, tmp_path):
    async def scenario(world):
        prepared(world)
        transport, failures = world.transport(), [UnreachableError("cut")] * 3

        def fail(request):
            if getattr(request, "method", "GET") == "PATCH" and failures:
                raise failures.pop()

        transport.before = fail
        async with serving(world, tmp_path, transport):
            world.create(config())
            await world.until(lambda: state(world) == "ready")
            assert failures == []

    play(scenario)


def test_w36_without_any_right_outside_of_its_namespace_a_configuration_becomes_ready(play, tmp_path):
    async def scenario(world):
        prepared(world)
        transport = world.transport()

        def forbid(request):
            if "/storageclasses" in getattr(request, "path", ""):
                raise AssertionError("a StorageClass was asked for")

        transport.before = forbid
        async with serving(world, tmp_path, transport, namespace="kd"):
            world.create(config(defaultStorageClassName="fast"))
            await world.until(lambda: state(world) == "ready")
            assert ready(world)[0] == "True"

    play(scenario)
