"""Exec over WebSocket: channels, exit codes, cut connections, refusals."""

import asyncio
import gc

import aiohttp
import orjson
import pytest
from aiohttp import web

from kdlib.errors import ApiError, NotFoundError, UnreachableError, api_error
from kdlib.kube.answers import with_exec_right
from kdlib.wire import ExecRequest

COMMAND = ExecRequest("ns", "pod-0", "app", ("sh", "-c", "echo $A & b"), stdin=True)
SUCCESS = orjson.dumps({"status": "Success"})


def failed(code: int) -> bytes:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return orjson.dumps({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}})


def kubelet(*frames: bytes, reads: list[bytes] | None = None, wanted: int = 0, then: str = "close"):
    async def handler(request):
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",), max_msg_size=0)
        await socket.prepare(request)
        received = 0
        while received < wanted:
            data = await socket.receive_bytes()
            assert reads is not None
            reads.append(data)
            received += len(data) - 1
        for frame in frames:
            await socket.send_bytes(frame)
        match then:
            case "hang":
                await asyncio.sleep(60)
            case "abort":
                request.transport.abort()
        return socket

    return handler


async def outcome(transport, request=COMMAND, sent=b""):
    async with transport.exec(request) as stream:
        if sent:
            await stream.send(sent)
        out = [item async for item in stream]
        return out, await stream.exit_code()


async def test_output_and_exit_code_arrive_in_order(server, transport):
    server.handler = kubelet(b"\1", b"\1out", b"\2err\xff\xfe", b"\1more", b"\3" + failed(7))
    assert await outcome(transport) == ([(1, b"out"), (2, b"err\xff\xfe"), (1, b"more")], 7)
    server.handler = kubelet(b"\3" + SUCCESS)
    assert await outcome(transport) == ([], 0)


async def test_the_command_travels_word_by_word(server, transport):
    queries = []

    async def handler(request):
        queries.append((request.path, request.query.getall("command"), request.query["container"]))
        queries.append([request.query[name] for name in ("stdin", "stdout", "stderr", "tty")])
        return await kubelet(b"\3" + SUCCESS)(request)

    server.handler = handler
    await outcome(transport)
    assert queries[0] == ("/api/v1/namespaces/ns/pods/pod-0/exec", ["sh", "-c", "echo $A & b"], "app")
    assert queries[1] == ["true", "true", "true", "false"]


async def test_large_input_is_sent_whole_in_small_frames(server, transport):
    reads: list[bytes] = []
    data = bytes(range(256)) * 4096
    server.handler = kubelet(b"\3" + SUCCESS, reads=reads, wanted=len(data))
    await outcome(transport, sent=data)
    assert b"".join(frame[1:] for frame in reads) == data
    assert {frame[0] for frame in reads} == {0}
    assert max(map(len, reads)) <= 64 * 1024 + 1


@pytest.mark.parametrize("then", ["close", "abort"])
async def test_a_connection_that_ends_without_an_exit_code_is_unreachable(server, transport, then):
    server.handler = kubelet(b"\1out", then=then)
    with pytest.raises(UnreachableError, match="cut before the command's end"):
        await outcome(transport)


async def test_a_command_that_cannot_be_run_is_an_api_error(server, transport):
    end = {"status": "Failure", "reason": "InternalError", "message": "executable file not found", "code": 500}
    server.handler = kubelet(b"\3" + orjson.dumps(end))
    with pytest.raises(ApiError, match="executable file not found"):
        await outcome(transport)


@pytest.mark.parametrize(("code", "expected"), [(403, ApiError), (404, NotFoundError), (500, ApiError)])
async def test_a_refused_handshake_is_an_api_error_that_names_the_container(server, transport, code, expected):
    async def handler(request):
        return web.json_response({"kind": "Status"}, status=code)

    server.handler = handler
    with pytest.raises(expected, match='container "app" of Pod ns/pod-0') as caught:
        await outcome(transport)
    assert caught.value.code == code


async def test_a_refused_exec_is_told_in_the_servers_words(server, transport):
    async def handler(request):
        status = {"kind": "Status", "reason": "Forbidden", "code": 403, "message": "user x cannot create pods/exec"}
        return web.json_response(status, status=403)

    server.handler = handler
    with pytest.raises(ApiError, match="user x cannot create pods/exec"):
        await outcome(transport)


async def test_a_dead_connection_is_noticed_by_its_heartbeat(server):
    async def handler(request):
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",), autoping=False)
        await socket.prepare(request)
        await asyncio.sleep(60)
        return socket

    server.handler = handler
    transport = server.transport(heartbeat_seconds=0.1)
    with pytest.raises(UnreachableError):
        await asyncio.wait_for(outcome(transport), 5)
    await transport.close()


async def test_a_quiet_command_outlives_many_heartbeats(server):
    async def handler(request):
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.5)
        await socket.send_bytes(b"\3" + SUCCESS)
        return socket

    server.handler = handler
    transport = server.transport(heartbeat_seconds=0.1)
    assert await asyncio.wait_for(outcome(transport), 5) == ([], 0)
    await transport.close()


async def test_what_an_exec_used_is_given_back_when_it_has_ended(server, transport):
    server.handler = kubelet(b"\3" + SUCCESS)
    for _ in range(20):
        await outcome(transport)
    gc.collect()
    # The last one's connection may still be on its way out.
    assert sum(isinstance(found, aiohttp.ClientWebSocketResponse) for found in gc.get_objects()) <= 1


async def test_sending_over_a_cut_connection_is_unreachable(server, transport):
    server.handler = kubelet(then="abort")
    async with transport.exec(COMMAND) as stream:
        assert [item async for item in stream] == []
        with pytest.raises(UnreachableError):
            await stream.send(b"x" * 100_000_000)


async def test_leaving_the_context_cuts_the_connection(server, transport):
    gone = asyncio.Event()

    async def handler(request):
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        message = await socket.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        gone.set()
        return socket

    server.handler = handler
    async with transport.exec(COMMAND):
        pass
    await asyncio.wait_for(gone.wait(), 5)


RIGHT = "give our account the verb create on pods/exec in namespace 'default'"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ('pods "p" is forbidden: ', f'pods "p" is forbidden; {RIGHT}'),
        ('pods "p" is forbidden: User "u" cannot create resource "pods/exec"', f'resource "pods/exec"; {RIGHT}'),
        ('admission webhook "w" denied the request: no shells here', "denied the request: no shells here"),
    ],
    ids=["no reason", "a reason", "a webhook"],
)
def test_a_refused_exec_names_the_right_that_is_missing_and_no_other_cause(words, told):
    found = with_exec_right(api_error(403, "Forbidden", words), "default")
    assert str(found).endswith(told)
    assert (found.code, found.reason) == (403, "Forbidden")


def test_what_is_not_there_needs_no_right():
    assert str(with_exec_right(api_error(404, "NotFound", 'pods "p" cannot be found'), "default")).endswith("found")
