"""Requests over HTTP: answers, errors, time limits, credentials."""

import asyncio

import pytest
from aiohttp import web
from kubernetes_asyncio.client import Configuration

from kdlib.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    ExpiredError,
    NotFoundError,
    UnreachableError,
    WorldError,
)
from kdlib.kube import Access, HttpTransport
from kdlib.wire import APPLY, POD, Request


def status(code: int, reason: str = "", message: str = "no", **more: object) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, **more}
    if reason:
        body["reason"] = reason
    return web.json_response(body, status=code)


async def test_a_good_answer_is_decoded_and_an_empty_one_is_an_empty_object(server, transport):
    async def handler(request):
        return web.json_response({"kind": "Pod"}) if request.path.endswith("x") else web.Response()

    server.handler = handler
    assert await transport.request(Request("GET", POD.path("ns", "x"))) == {"kind": "Pod"}
    assert await transport.request(Request("GET", POD.path("ns", "y"))) == {}


async def test_a_request_carries_its_query_body_type_and_our_name(server):
    transport = server.transport(user_agent="kdd/1.2")
    await transport.request(
        Request("PATCH", POD.path("a b", "x/y"), {"fieldManager": "kd d&"}, {"a": [1]}, content_type=APPLY)
    )
    await transport.close()
    assert server.requests == [("PATCH", "/api/v1/namespaces/a b/pods/x/y", {"fieldManager": "kd d&"}, {"a": [1]})]
    assert server.headers[0]["User-Agent"] == "kdd/1.2"
    assert server.headers[0]["Content-Type"] == APPLY


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (404, "NotFound", NotFoundError),
        (409, "Conflict", ConflictError),
        (409, "AlreadyExists", AlreadyExistsError),
        (410, "Expired", ExpiredError),
        (422, "Invalid", ApiError),
    ],
)
async def test_a_status_is_raised_as_the_error_that_callers_catch(server, transport, code, reason, expected):
    async def handler(request):
        return status(code, reason, "words of the server")

    server.handler = handler
    with pytest.raises(expected, match="words of the server") as caught:
        await transport.request(Request("GET", "/api/v1/pods"))
    assert caught.value.code == code


async def test_retry_after_is_told_whoever_wrote_it(server, transport):
    async def handler(request):
        if request.query.get("by") == "proxy":
            return web.Response(status=503, text="busy", headers={"Retry-After": "7"})
        return status(429, "TooManyRequests", details={"retryAfterSeconds": 3})

    server.handler = handler
    for by, seconds in (("proxy", 7), ("server", 3)):
        with pytest.raises(ApiError) as caught:
            await transport.request(Request("GET", "/api/v1/pods", {"by": by}))
        assert caught.value.retry_after_seconds == seconds


async def test_an_html_page_is_an_error_of_its_code_or_of_the_world(server, transport):
    async def handler(request):
        code = int(request.query["code"])
        return web.Response(status=code, text="<html>Bad Gateway</html>", content_type="text/html")

    server.handler = handler
    with pytest.raises(ApiError, match="Bad Gateway") as caught:
        await transport.request(Request("GET", "/api/v1/pods", {"code": "502"}))
    assert caught.value.code == 502
    with pytest.raises(UnreachableError, match="not JSON"):
        await transport.request(Request("GET", "/api/v1/pods", {"code": "200"}))


async def test_a_slow_answer_ends_at_the_time_limit(server, transport):
    async def handler(request):
        await asyncio.sleep(60)
        return web.Response()

    server.handler = handler
    with pytest.raises(UnreachableError, match="nothing came within"):
        await transport.request(Request("GET", "/api/v1/pods", timeout_seconds=0.05))


async def test_an_answer_that_stops_in_the_middle_ends_at_the_time_limit(server, transport):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"kind":')
        await asyncio.sleep(60)
        return response

    server.handler = handler
    with pytest.raises(UnreachableError, match="nothing came"):
        await transport.request(Request("GET", "/api/v1/pods", timeout_seconds=0.05))


async def test_nobody_there_is_unreachable(server, transport):
    other = server.url.rpartition(":")[0] + ":1"
    configuration = transport._access.configuration
    configuration.host = other
    lonely = HttpTransport(Access(configuration))
    with pytest.raises(UnreachableError, match="no answer from"):
        await lonely.request(Request("GET", "/api/v1/pods"))
    await lonely.close()


async def test_a_refused_token_is_renewed_once_and_the_request_sent_again(server):
    from kubernetes_asyncio.client import Configuration

    async def handler(request):
        good = request.headers.get("Authorization") == "Bearer new"
        return web.json_response({"ok": True}) if good else status(401, "Unauthorized")

    server.handler = handler
    configuration = Configuration(host=server.url, api_key={"BearerToken": "Bearer old"})
    renewals = []

    async def reload():
        renewals.append(1)
        configuration.api_key["BearerToken"] = "Bearer new"

    transport = HttpTransport(Access(configuration, reload=reload))
    answers = await asyncio.gather(*(transport.request(Request("GET", "/api/v1/pods")) for _ in range(5)))
    assert answers == [{"ok": True}] * 5
    assert len(renewals) == 1
    await transport.close()


async def test_credentials_that_stay_refused_are_told(server, transport):
    async def handler(request):
        return status(401, "Unauthorized", "who are you")

    server.handler = handler
    with pytest.raises(ApiError, match="who are you"):
        await transport.request(Request("GET", "/api/v1/pods"))


async def test_watches_never_starve_requests(server):
    async def handler(request):
        if "watch" not in request.query:
            return web.json_response({"items": []})
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)
        return response

    server.handler = handler
    transport = server.transport(connections=1)
    async with transport.watch(Request("GET", "/api/v1/pods", {"watch": "true"})):
        async with transport.watch(Request("GET", "/api/v1/services", {"watch": "true"})):
            assert await transport.request(Request("GET", "/api/v1/pods", timeout_seconds=5)) == {"items": []}
    await transport.close()


async def test_the_cause_of_an_unreachable_server_is_the_same_for_every_request():
    transport = HttpTransport(Access(Configuration(host="http://127.0.0.1:1"), name="down"))
    causes = set()
    for path in ("/api/v1/pods", "/api/v1/services"):
        with pytest.raises(UnreachableError) as raised:
            await transport.request(Request("GET", path))
        causes.add(raised.value.cause)
    await transport.close()
    assert causes == {'no answer from "http://127.0.0.1:1": connection refused'}


async def test_a_write_that_waited_for_its_connection_is_sent_only_if_it_still_may_be(server):
    transport, entered, release = server.transport(connections=1), asyncio.Event(), asyncio.Event()
    allowed = True

    async def handler(request):
        entered.set()
        await release.wait()
        return web.json_response({})

    def permit():
        if not allowed:
            raise WorldError("not any more")

    server.handler = handler
    async with asyncio.timeout(30):
        first = asyncio.ensure_future(transport.request(Request("POST", "/first", body={}, permit=permit)))
        await entered.wait()
        second = asyncio.ensure_future(transport.request(Request("POST", "/second", body={}, permit=permit)))
        await asyncio.sleep(0)
        allowed = False
        release.set()
        await first
        with pytest.raises(WorldError, match="not any more"):
            await second
        # The connection is as good as new for those who may.
        allowed = True
        await transport.request(Request("POST", "/third", body={}, permit=permit))
    await transport.close()
    assert [path for _, path, _, _ in server.requests] == ["/first", "/third"]
