"""The HTTPS server of the webhook: takes reviews off the wire, within limits, and writes the answers.

Layer: shell.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Self

import anyio
from aiohttp.web import BaseRequest, Response, StreamResponse

from kdlib.admission.connections import Connection, Connections
from kdlib.admission.endpoints import Endpoint, endpoint_at
from kdlib.admission.listener import Listener
from kdlib.admission.reviews import Answer, MalformedError, asked, encoded, refusal
from kdlib.admission.tls import ServerTls
from kdlib.rules import Request

__all__ = ["Limits", "Reviewer", "WebhookServer"]

_log = logging.getLogger(__name__)

_JSON = "application/json"
_SERVED_TEXTS = {"/healthz": "ok", "/readyz": "ok"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server bears.

    A body holds an object twice, so `body_bytes` is more than twice what an API server stores of one;
    `buffered_bytes` bounds all bodies together. `review_seconds` bounds one review where the API server does not ask
    for less, `body_seconds` the arrival of a body, `exchange_seconds` a request from its head to the last byte of the
    answer. `reviews` run at once, `connections` are open at once.
    """

    body_bytes: int = 8 * 1024 * 1024
    buffered_bytes: int = 64 * 1024 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    review_seconds: float = 8.0
    exchange_seconds: float = 40.0
    idle_seconds: float = 120.0
    handshake_seconds: float = 10.0
    reviews: int = 64
    connections: int = 512


Reviewer = Callable[[Endpoint, Request, float, int], Awaitable[Answer]]
"""Answers a request within so many seconds; it came in a body of so many bytes. Raises nothing."""


class WebhookServer:
    """Serves reviews over HTTPS.

    Guarantees: every request is answered or its connection cut within `Limits.exchange_seconds`, whatever is sent;
    reviews that run when it is closed are answered.
    """

    def __init__(self, review: Reviewer, tls: ServerTls, *, limits: Limits | None = None) -> None:
        self._review = review
        self._tls = tls
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(self._limits.reviews)
        self._buffered = 0
        self.port = 0
        """Port that is listened on, once started."""

    async def start(self, host: str, port: int) -> Self:
        """Begin to listen; a port of 0 takes any that is free. Raises OSError where it is taken."""
        limits = self._limits
        self._connections = Connections(
            self._handle,
            limit=limits.connections,
            head_seconds=limits.head_seconds,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=1.0,
        )
        self._listener = Listener(self._connections, self._tls.context, handshake_seconds=limits.handshake_seconds)
        self.port = await self._listener.start(host, port)
        return self

    async def close(self, grace_seconds: float = 5.0) -> None:
        """Listen no more, let reviews that run end, then close every connection."""
        with anyio.CancelScope(shield=True):
            await self._listener.close()
            self._connections.pre_shutdown()
            await self._connections.shutdown(grace_seconds)

    async def _handle(self, http: BaseRequest) -> StreamResponse:
        with _busy(http.protocol):
            try:
                async with asyncio.timeout(self._limits.exchange_seconds):
                    response = await self._answer(http)
                    await response.prepare(http)
                    await response.write_eof()
                    return response
            except TimeoutError:
                # Whoever does not even take the answer is told nothing more.
                _drop(http.protocol)
                raise

    async def _answer(self, http: BaseRequest) -> Response:
        text = _SERVED_TEXTS.get(http.path)
        if text is not None:
            return Response(text=text) if http.method in ("GET", "HEAD") else _wrong_method("GET, HEAD")
        endpoint = endpoint_at(http.path)
        if endpoint is None:
            return _said(404, f"there is no {http.path[:200]!r} here")
        if http.method != "POST":
            return _wrong_method("POST")
        if http.content_type != _JSON or http.headers.get("Content-Encoding", "identity") != "identity":
            return _said(415, f"a review comes as plain {_JSON}")
        return await self._reviewed(http, endpoint)

    async def _reviewed(self, http: BaseRequest, endpoint: Endpoint) -> Response:
        deadline = asyncio.get_running_loop().time() + self._seconds_for(http)
        with self._buffer() as buffer:
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    body = await buffer.read(http)
            except TimeoutError:
                return _said(408, f"the body did not arrive within {self._limits.body_seconds:g} s")
            except _RefusedBodyError as refused:
                return refused.response
            if not body:
                return _said(400, "the body is empty")
            try:
                review = asked(body, endpoint)
            except MalformedError as error:
                return _malformed(error)
            size = len(body)
            del body
            answer = await self._in_turn(endpoint, review.request, deadline, size)
        return Response(body=encoded(answer, review.uid), content_type=_JSON)

    async def _in_turn(self, endpoint: Endpoint, request: Request, deadline: float, size: int) -> Answer:
        """Review when there is a free place, if there is one in time."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            words = f"{self._limits.reviews} reviews run, and none of them ended in time; try again"
            return refusal(429, "TooManyRequests", words, retry_after_seconds=1)
        try:
            return await self._review(endpoint, request, deadline - asyncio.get_running_loop().time(), size)
        finally:
            self._slots.release()

    def _seconds_for(self, http: BaseRequest) -> float:
        """Return the time for one review: what the API server grants by `timeout`, less what the way back takes."""
        text = http.query.get("timeout", "").removesuffix("s")
        try:
            asked_seconds = float(text)
        except ValueError:
            return self._limits.review_seconds
        return max(0.1, min(self._limits.review_seconds, asked_seconds * 0.9 - 0.2))

    def _buffer(self) -> "_Buffer":
        return _Buffer(self)

    def reserve(self, size: int) -> bool:
        """Count bytes that are kept; False where there would be too many in all."""
        if self._buffered + size > self._limits.buffered_bytes:
            return False
        self._buffered += size
        return True

    def release(self, size: int) -> None:
        """Count bytes no more."""
        self._buffered -= size

    @property
    def limits(self) -> Limits:
        """Return what the server bears."""
        return self._limits


class _RefusedBodyError(Exception):
    """A body that is not read to its end."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.text)
        self.response = response


class _Buffer:
    """Holds one body, and gives its bytes back at the end."""

    def __init__(self, server: WebhookServer) -> None:
        self._server = server
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.release(self._size)

    async def read(self, http: BaseRequest) -> bytes:
        """Return the body; raises _RefusedBodyError where it is longer than one, or all bodies together, may be."""
        limit = self._server.limits.body_bytes
        if (http.content_length or 0) > limit:
            raise _RefusedBodyError(_said(413, f"a review has at most {limit} bytes"))
        chunks = []
        async for chunk in http.content.iter_any():
            if self._size + len(chunk) > limit:
                raise _RefusedBodyError(_said(413, f"a review has at most {limit} bytes"))
            if not self._server.reserve(len(chunk)):
                busy = _said(503, "too many bytes of reviews wait to be read; try again")
                busy.headers["Retry-After"] = "1"
                raise _RefusedBodyError(busy)
            self._size += len(chunk)
            chunks.append(chunk)
        return b"".join(chunks)


@contextlib.contextmanager
def _busy(protocol: object) -> Iterator[None]:
    match protocol:
        case Connection():
            protocol.begin()
            try:
                yield
            finally:
                protocol.end()
        case _:
            yield


def _drop(protocol: object) -> None:
    match protocol:
        case Connection():
            protocol.drop()


def _malformed(error: MalformedError) -> Response:
    if not error.uid:
        return _said(400, str(error))
    answer = refusal(400, "BadRequest", str(error))
    return Response(body=encoded(answer, error.uid), content_type=_JSON)


def _wrong_method(allowed: str) -> Response:
    response = _said(405, f"here is answered {allowed}")
    response.headers["Allow"] = allowed
    return response


def _said(code: int, words: str) -> Response:
    response = Response(status=code, text=f"{words}\n")
    # What is left of the request is not read.
    if code in (408, 413, 415, 503):
        response.force_close()
    return response
