"""The transport in process: requests, watches and execs without a socket."""

import asyncio

import pytest

from kdlib.errors import ApiError, NotFoundError, UnreachableError
from kdlib.sandbox.store import LocalTransport
from kdlib.wire import CONFIG_MAP, ExecRequest, Request, Transport

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_requests_are_answered_by_the_store(world, make):
    transport: Transport = LocalTransport(world.registry)
    body = make.config_map(data={"k": "v"})

    made = await transport.request(Request("POST", MAPS, {}, body))
    body["data"]["k"] = "changed"

    assert made == world.registry.get(CONFIG_MAP, "default", "a")
    assert made["data"] == {"k": "v"}
    with pytest.raises(NotFoundError):
        await transport.request(Request("GET", f"{MAPS}/b"))


async def test_a_request_that_takes_too_long_is_given_up(world):
    transport = LocalTransport(world.registry)
    query = {"resourceVersion": "99999"}

    with pytest.raises(UnreachableError):
        await transport.request(Request("GET", MAPS, query, timeout_seconds=0.05))


async def test_a_watch_yields_events_until_it_is_left(world, make):
    transport = LocalTransport(world.registry)

    async with transport.watch(Request("GET", MAPS, {"watch": "true", "resourceVersion": "1"})) as events:
        world.registry.create(make.config_map())
        async with asyncio.timeout(5):
            event = await anext(events)

    assert (event.type, event.object["metadata"]["name"]) == ("ADDED", "a")


async def test_a_silent_watch_is_given_up(world):
    transport = LocalTransport(world.registry)
    request = Request("GET", MAPS, {"watch": "true", "resourceVersion": "1"}, timeout_seconds=0.05)

    async with transport.watch(request) as events:
        with pytest.raises(UnreachableError, match=r"silent for 0\.05 s"):
            async for _ in events:
                pass


async def test_bookmarks_break_the_silence(world):
    transport = LocalTransport(world.registry)
    query = {"watch": "true", "resourceVersion": "1", "allowWatchBookmarks": "true"}

    async with transport.watch(Request("GET", MAPS, query, timeout_seconds=5)) as events:
        assert [(await anext(events)).type for _ in range(3)] == ["BOOKMARK"] * 3


async def test_a_closed_transport_reaches_nothing(world):
    transport = LocalTransport(world.registry)
    await transport.close()

    with pytest.raises(UnreachableError):
        await transport.request(Request("GET", MAPS))


def test_an_exec_goes_through_the_hook(world):
    request = ExecRequest("default", "a", "app", ("true",))

    with pytest.raises(ApiError):
        LocalTransport(world.registry).exec(request)
    assert LocalTransport(world.registry, exec_hook=lambda asked: asked).exec(request) == request
