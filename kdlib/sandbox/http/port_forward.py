"""Port forwarding: SPDY streams inside a WebSocket, two for each connection to a port of a pod.

Source: https://kubernetes.io/blog/2024/08/20/websockets-transition/ (KEP 4006). A connection's streams carry the same
`requestID`: one its data, one the words of what went wrong.

Layer: shell.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType
from aiohttp.web import BaseRequest, StreamResponse, WebSocketResponse

from kdlib.errors import api_error
from kdlib.sandbox.http.spdy import Data, Frames, Opened, Pinged, Reset, SpdyError

__all__ = ["Connect", "forward_ports"]

Connect = Callable[[int], Awaitable[socket.socket]]
"""Connects to a port of the pod; returns a connected, non-blocking socket. Raises OSError."""

_PROTOCOL = "SPDY/3.1+portforward.k8s.io"
_CHUNK_BYTES = 32 * 1024
_MOST_WAITING = 64
"""Pieces that may wait for one port before nothing more is read from the client."""
_HEARTBEAT_SECONDS = 30.0


@dataclass
class _Connection:
    """One forwarded connection: its streams, its port, and what waits to be sent to that; None is the end."""

    port: int = 0
    streams: dict[str, int] = field(default_factory=dict)
    waiting: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))


async def forward_ports(request: BaseRequest, connect: Connect) -> StreamResponse:
    """Carry connections until the client goes; raises a 400 for one that asks for no upgrade, or for another."""
    offered = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if request.headers.get("Upgrade", "").lower() != "websocket" or _PROTOCOL not in offered:
        message = f"unable to upgrade: only WebSocket is spoken here, with {_PROTOCOL}"
        raise api_error(400, "BadRequest", message)
    channel = WebSocketResponse(protocols=(_PROTOCOL,), compress=False, max_msg_size=0, heartbeat=_HEARTBEAT_SECONDS)
    await channel.prepare(request)
    # A write fails when the client has gone; what it had open ends with it.
    with contextlib.suppress(ConnectionResetError):
        await _Tunnel(channel, connect).run()
    return channel


class _Tunnel:
    """All connections that one client forwards."""

    def __init__(self, channel: WebSocketResponse, connect: Connect) -> None:
        self._channel = channel
        self._connect = connect
        self._frames = Frames()
        self._connections: dict[str, _Connection] = {}
        self._by_stream: dict[int, _Connection] = {}
        """Connections that take data, by their data stream."""

    async def run(self) -> None:
        """Carry what the client opens until it goes, or sends what is no SPDY."""
        async with asyncio.TaskGroup() as group:
            carrying: set[asyncio.Task[None]] = set()
            with contextlib.suppress(SpdyError):
                async for message in self._channel:
                    if message.type is WSMsgType.BINARY:
                        for frame in self._frames.read(message.data):
                            await self._take(frame, group, carrying)
            for task in carrying:
                task.cancel()
        await self._channel.close()

    async def _take(self, frame: object, group: asyncio.TaskGroup, carrying: set[asyncio.Task[None]]) -> None:
        match frame:
            case Opened():
                await self._channel.send_bytes(self._frames.reply(frame.stream))
                connection = self._opened(frame)
                if len(connection.streams) == 2:
                    task = group.create_task(self._carry(frame.headers.get("requestid", ""), connection))
                    carrying.add(task)
                    task.add_done_callback(carrying.discard)
            case Data(stream=stream) if stream in self._by_stream:
                waiting = self._by_stream[stream].waiting
                if frame.data:
                    await waiting.put(frame.data)
                if frame.is_last:
                    await waiting.put(None)
            case Reset(stream=stream) if stream in self._by_stream:
                await self._by_stream[stream].waiting.put(None)
            case Pinged():
                await self._channel.send_bytes(self._frames.pong(frame.number))

    def _opened(self, frame: Opened) -> _Connection:
        connection = self._connections.setdefault(frame.headers.get("requestid", ""), _Connection())
        kind, port = frame.headers.get("streamtype", ""), frame.headers.get("port", "")
        connection.streams[kind] = frame.stream
        connection.port = int(port) if port.isdecimal() else 0
        if kind == "data":
            self._by_stream[frame.stream] = connection
        return connection

    async def _carry(self, name: str, connection: _Connection) -> None:
        """Carry one connection until the pod ends it; what cannot be done is told on its error stream."""
        data, error = connection.streams.get("data", 0), connection.streams.get("error", 0)
        problem = ""
        try:
            with await self._connect(connection.port) as made:
                await self._exchange(connection, made, data)
        except OSError as failure:
            what = os.strerror(failure.errno).lower() if failure.errno else str(failure)
            problem = (
                f"error forwarding port {connection.port}: failed to connect to localhost:{connection.port}: {what}"
            )
        finally:
            self._by_stream.pop(data, None)
            self._connections.pop(name, None)
            # Whoever waits to hand more over must not wait for ever.
            while not connection.waiting.empty():
                connection.waiting.get_nowait()
        await self._send(error, problem.encode(), is_last=True)
        await self._send(data, b"", is_last=True)

    async def _exchange(self, connection: _Connection, made: socket.socket, data: int) -> None:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_hand_over(connection.waiting, made))
            loop = asyncio.get_running_loop()
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                while piece := await loop.sock_recv(made, _CHUNK_BYTES):
                    await self._send(data, piece)
            sending.cancel()

    async def _send(self, stream: int, data: bytes, *, is_last: bool = False) -> None:
        await self._channel.send_bytes(self._frames.data(stream, data, is_last=is_last))


async def _hand_over(waiting: asyncio.Queue[bytes | None], made: socket.socket) -> None:
    """Send what waits to the port, then its end; what nobody takes any more goes nowhere."""
    loop = asyncio.get_running_loop()
    is_open = True
    while (piece := await waiting.get()) is not None:
        try:
            if is_open:
                await loop.sock_sendall(made, piece)
        except OSError:
            is_open = False
    with contextlib.suppress(OSError):
        made.shutdown(socket.SHUT_WR)
