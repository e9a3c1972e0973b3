"""Watches over HTTP: whole lines only, dead connections noticed, refusals told."""

import asyncio
from contextlib import suppress

import orjson
import pytest
from aiohttp import web

from kdlib.errors import ApiError, UnreachableError
from kdlib.wire import Request, WatchEvent

WATCH = Request("GET", "/api/v1/pods", {"watch": "true"}, timeout_seconds=2.0)


def line(name: str, kind: str = "ADDED") -> bytes:
    return orjson.dumps({"type": kind, "object": {"metadata": {"name": name}}}) + b"\n"


def event(name: str, kind: str = "ADDED") -> WatchEvent:
    return WatchEvent(kind, {"metadata": {"name": name}})


def streaming(*chunks: bytes, then: str = "end"):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        match then:
            case "hang":
                await asyncio.sleep(60)
            case "reset":
                request.transport.abort()
        return response

    return handler


async def collected(transport, request=WATCH):
    events, error = [], None
    try:
        async with transport.watch(request) as stream:
            async for item in stream:
                events.append(item)  # noqa: PERF401 - what came before the error counts
    except (ApiError, UnreachableError) as raised:
        error = raised
    return events, error


async def test_lines_cut_anywhere_become_whole_events(server, transport):
    text = line("a") + line("bä", "MODIFIED") + b"\n" + line("c", "BOOKMARK")
    server.handler = streaming(*(text[index : index + 7] for index in range(0, len(text), 7)))
    events, error = await collected(transport)
    assert events == [event("a"), event("bä", "MODIFIED"), event("c", "BOOKMARK")]
    assert error is None


async def test_a_line_that_was_cut_at_the_end_is_never_given(server, transport):
    server.handler = streaming(line("a"), line("b")[:20])
    assert await collected(transport) == ([event("a")], None)


async def test_a_connection_that_breaks_is_unreachable_after_its_whole_lines(server, transport):
    server.handler = streaming(line("a"), line("b")[:20], then="reset")
    events, error = await collected(transport)
    assert events == [event("a")]
    assert isinstance(error, UnreachableError)


async def test_a_silent_connection_is_left_after_the_inactivity_limit(server, transport):
    server.handler = streaming(line("a"), then="hang")
    events, error = await collected(transport, Request("GET", "/api/v1/pods", timeout_seconds=0.05))
    assert events == [event("a")]
    assert isinstance(error, UnreachableError)
    assert "nothing came within 0.05 s" in str(error)


async def test_a_server_that_never_answers_ends_at_the_time_limit_for_opening(server):
    async def handler(request):
        await asyncio.sleep(60)
        return web.Response()

    server.handler = handler
    transport = server.transport(open_seconds=0.05)
    assert isinstance((await collected(transport))[1], UnreachableError)
    await transport.close()


@pytest.mark.parametrize("code", [410, 403, 502])
async def test_a_refusal_to_watch_is_raised_with_its_code(server, transport, code):
    async def handler(request):
        return web.Response(status=code, text="<html>refused</html>")

    server.handler = handler
    events, error = await collected(transport)
    assert events == []
    assert isinstance(error, ApiError)
    assert error.code == code


async def test_a_page_instead_of_events_is_no_event(server, transport):
    server.handler = streaming(b"<html>\n<body>Bad Gateway</body>\n</html>\n")
    events, error = await collected(transport)
    assert events == []
    assert isinstance(error, UnreachableError)


async def test_an_error_event_is_given_not_raised(server, transport):
    server.handler = streaming(orjson.dumps({"type": "ERROR", "object": {"kind": "Status", "code": 410}}) + b"\n")
    assert await collected(transport) == ([WatchEvent("ERROR", {"kind": "Status", "code": 410})], None)


async def test_a_line_of_two_megabytes_passes(server, transport):
    server.handler = streaming(line("x" * 2_000_000))
    assert await collected(transport) == ([event("x" * 2_000_000)], None)


async def test_leaving_a_watch_closes_its_connection(server, transport):
    ended = asyncio.Event()

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(line("a"))
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        ended.set()
        return response

    server.handler = handler
    async with transport.watch(WATCH) as stream:
        assert await anext(stream) == event("a")
    await asyncio.wait_for(ended.wait(), 5)
