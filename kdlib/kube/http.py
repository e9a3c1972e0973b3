"""The Transport over HTTP: kubernetes-asyncio's sessions, our own request path, watch and exec.

Two sessions, since each watch and each exec holds a connection for as long as it lasts: requests have their own
bounded pool and are never starved.

Layer: shell.
"""

import asyncio
import gc
import ssl
from asyncio.trsock import TransportSocket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from socket import SHUT_RDWR
from typing import Any

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from yarl import URL

from kdlib.errors import ApiError, UnreachableError, WorldError
from kdlib.frozen import Json
from kdlib.kube.access import Access
from kdlib.kube.answers import decoded, failure, with_exec_right
from kdlib.kube.channels import PROTOCOL, ChannelStream, exec_path, exec_query
from kdlib.kube.lines import LineSplitter
from kdlib.kube.silence import why_silent
from kdlib.wire import ExecRequest, ExecStream, Request, WatchEvent

__all__ = ["HttpTransport"]

_FAILURES = (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError)
_PAGE = "text/html"
_SEARCHED_EVERY = 64
_LEAVE_SECONDS = 1.0
_NO_LIMIT = aiohttp.ClientTimeout(total=None)


class HttpTransport:
    """Carries requests to one API server over HTTP.

    Guarantees: every call ends within its time limit; what is raised are KubeDirectorErrors; a line of a watch that
    was cut is never given.
    Assumes: it is made, used and closed in one event loop.
    """

    def __init__(
        self,
        access: Access,
        *,
        user_agent: str = "kubedirector",
        connections: int = 32,
        open_seconds: float = 30.0,
        heartbeat_seconds: float = 30.0,
    ) -> None:
        self._access = access
        self._host = str(access.configuration.host).rstrip("/")
        self._user_agent = user_agent
        self._open_seconds = open_seconds
        self._heartbeat_seconds = heartbeat_seconds
        # Reading the certificates is what may fail, and it fails before the first session is made.
        self._requests = _rest_client(access.configuration, connections)
        self._streams = _rest_client(access.configuration, 0)
        self._ended_execs = 0
        self._leaving: set[asyncio.Future[None]] = set()

    async def request(self, request: Request) -> Json:
        """Send the request, return the decoded JSON answer ({} for an empty one)."""
        subject = f"{request.method} {request.path}"
        try:
            async with asyncio.timeout(request.timeout_seconds):
                async with await self._send(self._requests, request) as response:
                    payload = await response.read()
        except _FAILURES as error:
            if isinstance(error.__cause__, WorldError):
                # Not the network, but what had to permit the request, kept it back.
                raise error.__cause__ from None
            raise self._unreachable(subject, error, request.timeout_seconds) from error
        if response.status // 100 != 2:
            raise failure(response.status, payload, response.headers, subject)
        return decoded(payload, subject, self._host)

    @asynccontextmanager
    async def watch(self, request: Request) -> AsyncGenerator[AsyncIterator[WatchEvent]]:
        """Open a watch; iteration ends when the server ends it."""
        subject = f"watch of {request.path}"
        try:
            async with asyncio.timeout(self._open_seconds):
                response = await self._send(self._streams, request)
                is_page = response.content_type == _PAGE
                refusal = b"" if response.status == 200 and not is_page else await response.read()
        except _FAILURES as error:
            raise self._unreachable(subject, error, self._open_seconds) from error
        try:
            if response.status != 200:
                raise failure(response.status, refusal, response.headers, subject)
            if is_page:
                # It has no whole line, or none that is an event, and would pass for a watch that ended.
                decoded(refusal, subject, self._host)
            async with aclosing(self._events(response, subject, request.timeout_seconds)) as events:
                yield events
        finally:
            # A watch is seldom read to its end, and then its connection cannot serve again.
            held = _held(response.connection)
            response.close()
            self._cut(held)

    @asynccontextmanager
    async def exec(self, request: ExecRequest) -> AsyncGenerator[ExecStream]:
        """Open an exec over WebSocket; leaving the context cuts the connection."""
        subject = f'exec in container "{request.container}" of Pod {request.namespace}/{request.pod}'
        try:
            async with asyncio.timeout(self._open_seconds):
                socket = await self._socket(request)
        except aiohttp.WSServerHandshakeError as error:
            raise await self._refusal(request, error, subject) from error
        except _FAILURES as error:
            raise self._unreachable(subject, error, self._open_seconds) from error
        # It is released when the server closes first. aiohttp 3.14 offers no public way to it.
        held = _held(socket._conn)
        try:
            yield ChannelStream(socket, subject)
        finally:
            try:
                await socket.close()
            finally:
                self._cut(held)
                _end_heartbeat(socket)
                self._search_seldom()

    def _search_seldom(self) -> None:
        """Have garbage searched for after a number of execs.

        The connection of each is a cycle of few objects with buffers of 256 KiB and more, for which Python would wait
        until objects are many.
        """
        self._ended_execs += 1
        if self._ended_execs % _SEARCHED_EVERY == 0:
            gc.collect()

    async def close(self) -> None:
        """Release connections; further calls fail."""
        await self._requests.close()
        await self._streams.close()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=_LEAVE_SECONDS)
        self._access.close()

    def _cut(self, held: "_Held | None") -> None:
        """End a stream's connection that was closed without awaiting TLS's farewell; `close` waits until it is gone.

        The session forgets a connection that cannot serve again, and asyncio awaits the server's farewell for up to
        30 s: a connection would outlive the session and the loop.
        """
        if held is None or (closed := held.protocol.closed) is None:
            return
        self._leaving.add(closed)
        closed.add_done_callback(self._left)
        # What was written goes out; what is read is the end. It may have been cut at the other side.
        with suppress(OSError):
            held.socket.shutdown(SHUT_RDWR)

    def _left(self, closed: asyncio.Future[None]) -> None:
        self._leaving.discard(closed)
        # How a connection ended that nobody needs any more is nobody's trouble.
        closed.cancelled() or closed.exception()

    async def _events(
        self, response: aiohttp.ClientResponse, subject: str, idle_seconds: float
    ) -> AsyncGenerator[WatchEvent]:
        splitter = LineSplitter()
        try:
            while True:
                async with asyncio.timeout(idle_seconds):
                    chunk = await response.content.readany()
                if not chunk:
                    return
                for line in splitter.feed(chunk):
                    yield _event(line, subject)
        except (*_FAILURES, ValueError) as error:
            raise self._unreachable(subject, error, idle_seconds) from error

    async def _send(self, client: Any, request: Request) -> aiohttp.ClientResponse:
        """Send once, and a second time with new credentials where the server answers 401."""
        proof = await self._access.headers()
        response = await self._send_as(proof, client, request)
        if response.status != 401 or not await self._access.renew(proof):
            return response
        response.release()
        return await self._send_as(await self._access.headers(), client, request)

    async def _send_as(self, proof: Mapping[str, str], client: Any, request: Request) -> aiohttp.ClientResponse:
        session: aiohttp.ClientSession = client.pool_manager
        url = URL(self._host + request.path, encoded=True).with_query(dict(request.query))
        headers = {**proof, "User-Agent": self._user_agent, "Accept": "application/json"}
        body: bytes | aiohttp.BytesPayload | None = None
        if request.body is not None:
            body, headers["Content-Type"] = orjson.dumps(request.body), request.content_type
            body = _Permitted(body, request.permit) if request.permit is not None else body
        return await session.request(
            request.method, url, headers=headers, data=body, timeout=_NO_LIMIT, allow_redirects=False, **_route(client)
        )

    async def _socket(self, request: ExecRequest) -> aiohttp.ClientWebSocketResponse:
        proof = await self._access.headers()
        try:
            return await self._socket_as(proof, request)
        except aiohttp.WSServerHandshakeError as error:
            if error.status != 401 or not await self._access.renew(proof):
                raise
        return await self._socket_as(await self._access.headers(), request)

    async def _socket_as(self, proof: Mapping[str, str], request: ExecRequest) -> aiohttp.ClientWebSocketResponse:
        session: aiohttp.ClientSession = self._streams.pool_manager
        url = URL(f"{self._host}{exec_path(request)}?{exec_query(request)}", encoded=True)
        socket: aiohttp.ClientWebSocketResponse = await session.ws_connect(
            url,
            headers={**proof, "User-Agent": self._user_agent},
            protocols=(PROTOCOL,),
            heartbeat=self._heartbeat_seconds,
            timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            max_msg_size=64 * 1024 * 1024,
            **_route(self._streams),
        )
        return socket

    async def _refusal(self, request: ExecRequest, error: aiohttp.WSServerHandshakeError, subject: str) -> ApiError:
        """Return why an exec was refused: asked again without WebSocket, an API server says it in words."""
        if error.status in (403, 404):
            try:
                await self.request(Request("GET", exec_path(request), {"container": request.container}))
            except ApiError as told:
                if told.code == error.status and told.status.get("message"):
                    return with_exec_right(told, request.namespace)
            except UnreachableError:
                pass
        return with_exec_right(
            failure(error.status, error.message.encode(), error.headers or {}, subject), request.namespace
        )

    def _unreachable(self, subject: str, error: BaseException, limit_seconds: float) -> UnreachableError:
        cause = f'no answer from "{self._host}": {why_silent(error, limit_seconds)}'
        return UnreachableError(f"{subject}: {cause}", cause=cause)


@dataclass(frozen=True, slots=True)
class _Held:
    """The connection of a stream: asyncio's two ends of it, which outlive aiohttp's."""

    protocol: ResponseHandler
    socket: TransportSocket


def _held(connection: Connection | None) -> _Held | None:
    protocol = connection.protocol if connection is not None else None
    if protocol is None or protocol.transport is None:
        return None
    return _Held(protocol, protocol.transport.get_extra_info("socket"))


class _Permitted(aiohttp.BytesPayload):
    """A body that asks for permission when its connection stands, right before it, and its headers, are sent."""

    def __init__(self, body: bytes, permit: Callable[[], None]) -> None:
        super().__init__(body)
        self._permit = permit

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body, if that is permitted."""
        self._permit()
        await super().write_with_length(writer, content_length)


def _end_heartbeat(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Stop the timer that aiohttp starts anew when the answer to our close comes.

    It would hold the connection with its buffers of 256 KiB for 45 s more, which adds up where members are many.
    """
    # aiohttp 3.14 offers no public way.
    socket._cancel_heartbeat()


def _rest_client(configuration: Any, connections: int) -> Any:
    """Make the session; it holds the TLS context, the proxy and at most `connections` connections (0: any number)."""
    from kubernetes_asyncio.client import rest

    return rest.RESTClientObject(configuration, maxsize=connections)


def _route(client: Any) -> dict[str, Any]:
    route = {"proxy": client.proxy, "proxy_headers": client.proxy_headers, "server_hostname": client.server_hostname}
    return {key: value for key, value in route.items() if value}


def _event(line: bytes, subject: str) -> WatchEvent:
    match orjson.loads(line):
        case {"type": str() as kind, "object": dict() as thing}:
            return WatchEvent(kind, thing)
        case _:
            raise ValueError(f"{subject} gave a line that is no event: {line[:200]!r}")
