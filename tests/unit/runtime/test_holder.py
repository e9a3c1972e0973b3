"""Holder: an app in use is held, whatever happens in between, and let go when nobody uses it any more."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from kdd.app_use import IN_USE, app_usage
from kdlib.errors import NotFoundError, UnreachableError, api_error
from kdlib.kube import Api
from kdlib.runtime import Holder
from kdlib.wire import KD_APP, KD_CLUSTER

SYSTEM = "kd"


def held(world, name="plain", namespace="default"):
    try:
        found = world.registry.get(KD_APP, namespace, name)
    except NotFoundError:
        return None
    return IN_USE in found["metadata"].get("finalizers", [])


@asynccontextmanager
async def holding(world, transport=None):
    transport = transport or world.transport()
    task = asyncio.create_task(Holder(Api(transport), app_usage(SYSTEM)).run())
    try:
        yield transport
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()


def in_namespace(obj, namespace):
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


def test_an_app_is_held_while_a_cluster_uses_it(play, made):
    async def scenario(world):
        async with holding(world):
            world.create(made.app(), made.app("other"), made.cluster("one"), made.cluster("two"))
            await world.until(lambda: held(world))
            world.registry.delete(KD_CLUSTER, "default", "one")
            await asyncio.sleep(60)
            assert (held(world), held(world, "other")) == (True, False)
            world.registry.delete(KD_CLUSTER, "default", "two")
            await world.until(lambda: not held(world))

    play(scenario)


def test_each_hold_and_each_release_is_one_write_and_settled_means_silent(play, made):
    async def scenario(world):
        async with holding(world) as transport:
            world.create(made.app(), made.cluster("one"), made.cluster("two"))
            await world.until(lambda: held(world))
            await asyncio.sleep(30)
            sent = len(transport.requests)
            await asyncio.sleep(3600)
            assert transport.requests[sent:] == []
            assert len(transport.writes) == 1
            for name in ("one", "two"):
                world.registry.delete(KD_CLUSTER, "default", name)
            await world.until(lambda: not held(world))
            await asyncio.sleep(30)
            assert len(transport.writes) == 2

    play(scenario)


def test_a_deleted_app_stays_until_its_last_cluster_goes(play, made):
    async def scenario(world):
        async with holding(world):
            world.create(made.app(), made.cluster())
            await world.until(lambda: held(world))
            world.registry.delete(KD_APP, "default", "plain")
            await asyncio.sleep(60)
            assert held(world)
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: held(world) is None)

    play(scenario)


def test_a_finalizer_that_somebody_takes_off_is_put_back(play, made):
    async def scenario(world):
        async with holding(world):
            world.create(made.app(), made.cluster())
            await world.until(lambda: held(world))
            world.registry.patch(KD_APP, "default", "plain", {"metadata": {"finalizers": ["example.org/theirs"]}})
            await world.until(lambda: held(world))
            finalizers = world.registry.get(KD_APP, "default", "plain")["metadata"]["finalizers"]
            assert finalizers == ["example.org/theirs", IN_USE]

    play(scenario)


def test_an_app_made_after_its_cluster_is_held(play, made):
    async def scenario(world):
        async with holding(world):
            world.create(made.cluster())
            await asyncio.sleep(10)
            world.create(made.app())
            await world.until(lambda: held(world))

    play(scenario)


def test_a_system_app_is_held_by_clusters_that_have_none_of_its_name_beside_them(play, made):
    async def scenario(world):
        async with holding(world):
            world.create(in_namespace(made.app(), SYSTEM), made.cluster())
            await world.until(lambda: held(world, namespace=SYSTEM))
            world.create(made.app())
            await world.until(lambda: held(world) and not held(world, namespace=SYSTEM))
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not held(world))

    play(scenario)


def test_a_holder_that_was_away_finds_out_what_changed(play, made):
    async def scenario(world):
        world.create(made.app(), made.app("other"), made.cluster())
        async with holding(world):
            await world.until(lambda: held(world))
        world.registry.delete(KD_CLUSTER, "default", "c1")
        world.create(made.cluster("c2", app="other"))
        async with holding(world):
            await world.until(lambda: held(world, "other") and not held(world))

    play(scenario)


def test_two_holders_come_to_the_same_end(play, made):
    async def scenario(world):
        async with holding(world), holding(world):
            world.create(made.app(), made.cluster())
            await world.until(lambda: held(world))
            await asyncio.sleep(60)
            assert world.registry.get(KD_APP, "default", "plain")["metadata"]["finalizers"] == [IN_USE]
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not held(world))

    play(scenario)


@pytest.mark.parametrize("error", [UnreachableError("gone"), api_error(409, "Conflict", "stale")], ids=repr)
def test_writes_that_fail_are_done_again(play, made, error):
    async def scenario(world):
        transport = world.transport()
        failures = [error, error]

        def fail(request):
            if request.method == "PATCH" and failures:
                raise failures.pop()

        transport.before = fail
        async with holding(world, transport):
            world.create(made.app(), made.cluster())
            await world.until(lambda: held(world))
            failures.extend([error, error])
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not held(world))

    play(scenario)


def test_an_app_is_let_go_only_after_the_storage_showed_no_user(play, made):
    """A cluster that comes at the moment of letting go is seen in the storage, before any watch tells of it."""

    async def scenario(world):
        transport = world.transport()
        async with holding(world, transport):
            world.create(made.app(), made.cluster())
            await world.until(lambda: held(world))
            raced = []

            def race(request):
                if request.method == "GET" and request.path.endswith(KD_CLUSTER.plural) and not raced:
                    raced.append(world.registry.create(made.cluster("late")))

            transport.before = race
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await asyncio.sleep(60)
            assert raced
            assert held(world)
            assert len([path for method, path in transport.writes if method == "PATCH"]) == 1

    play(scenario)
