"""Exec and attach over WebSockets: the channel protocols v4 and v5 of Kubernetes.

Each message begins with the number of its channel: 0 stdin, 1 stdout, 2 stderr, 3 the Status at the end, 4 the
terminal's size; in v5, 255 and a channel's number close that channel.
Source: https://kubernetes.io/blog/2024/08/20/websockets-transition/.

Layer: shell.
"""

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import orjson
from aiohttp import WSMsgType
from aiohttp.web import BaseRequest, StreamResponse, WebSocketResponse
from multidict import MultiMapping

from kdlib.errors import ApiError, api_error
from kdlib.frozen import Json
from kdlib.sandbox.http.pod_targets import PodPath, truth
from kdlib.sandbox.streams import ContainerSession
from kdlib.wire import ExecRequest

__all__ = ["Wanted", "carry_streams", "exec_request", "wanted_streams"]

_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_HEARTBEAT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams to carry, and whether they are a terminal's."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


def wanted_streams(query: MultiMapping[str]) -> Wanted:
    """Read which streams a request wants; raises a 400 for none, or for values that are none."""
    one = {name: query.get(name, "") for name in ("stdin", "stdout", "stderr", "tty")}
    stdin, stdout, stderr, tty = (truth(one, name) for name in one)
    if not (stdin or stdout or stderr):
        raise api_error(400, "BadRequest", "you must specify at least 1 of stdin, stdout, stderr")
    return Wanted(stdin, stdout, stderr, tty)


def exec_request(where: PodPath, container: str, query: MultiMapping[str]) -> ExecRequest:
    """Read what an exec is to run; raises a 400 for no command, no stream, or values that are none."""
    wanted = wanted_streams(query)
    command = tuple(query.getall("command", ()))
    if not command:
        raise api_error(400, "BadRequest", "you must specify at least 1 argument for the command")
    return ExecRequest(where.namespace, where.pod, container, command, stdin=wanted.stdin)


async def carry_streams(
    request: BaseRequest, opening: AbstractAsyncContextManager[ContainerSession], wanted: Wanted
) -> StreamResponse:
    """Open a session, and carry its streams until it ends or the client goes.

    Raises ApiError while the connection is not yet a WebSocket: 400 for one that asks for no upgrade or for another,
    and whatever the node says.
    """
    if request.headers.get("Upgrade", "").lower() != "websocket":
        message = "unable to upgrade: only WebSocket is spoken here, with v5.channel.k8s.io or v4.channel.k8s.io"
        raise api_error(400, "BadRequest", message)
    async with opening as session:
        socket = WebSocketResponse(protocols=_PROTOCOLS, compress=False, max_msg_size=0, heartbeat=_HEARTBEAT_SECONDS)
        await socket.prepare(request)
        # A write fails when the client has gone; the session is left then.
        with contextlib.suppress(ConnectionResetError):
            await _carry(socket, session, wanted)
        return socket


async def _carry(socket: WebSocketResponse, session: ContainerSession, wanted: Wanted) -> None:
    # The first, empty message tells clients that the connection stands.
    await _send(socket, _STDOUT if wanted.stdout else _STDERR if wanted.stderr else _ERROR, b"")
    async with asyncio.TaskGroup() as group:
        receiving = group.create_task(_receive(socket, session, takes_stdin=wanted.stdin))
        delivering = group.create_task(_deliver(socket, session, wanted))
        # The command ending ends the exec; so does the client going, since nobody is left to tell.
        await asyncio.wait((receiving, delivering), return_when=asyncio.FIRST_COMPLETED)
        receiving.cancel()
        delivering.cancel()
    await socket.close()


async def _receive(socket: WebSocketResponse, session: ContainerSession, *, takes_stdin: bool) -> None:
    async for message in socket:
        match message.type:
            case WSMsgType.TEXT:
                data = message.data.encode()
            case WSMsgType.BINARY:
                data = message.data
            case _:
                return
        if takes_stdin or data[:1] == bytes([_RESIZE]):
            await _handle(data, session)


async def _handle(data: bytes, session: ContainerSession) -> None:
    channel, rest = data[:1], data[1:]
    if channel == bytes([_STDIN]) and rest:
        # The command may have ended, or closed its stdin: what is sent to it then goes nowhere, as in a pipe.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await session.send(rest)
    elif channel == bytes([_RESIZE]):
        with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            size = orjson.loads(rest)
            await session.resize(int(size["Width"]), int(size["Height"]))
    elif channel == bytes([_CLOSE]) and rest[:1] == bytes([_STDIN]):
        await session.close_stdin()


async def _deliver(socket: WebSocketResponse, session: ContainerSession, wanted: Wanted) -> None:
    with contextlib.suppress(ConnectionResetError):
        async for stream, data in session:
            if wanted.stdout if stream == _STDOUT else wanted.stderr:
                await _send(socket, stream, data)
        await _send(socket, _ERROR, orjson.dumps(await _end(session)))


async def _send(socket: WebSocketResponse, channel: int, data: bytes) -> None:
    await socket.send_bytes(bytes([channel]) + data)


async def _end(session: ContainerSession) -> Json:
    try:
        code = await session.exit_code()
    except ApiError as error:
        return error.status
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }
