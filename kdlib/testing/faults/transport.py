"""A Transport on which a schedule of faults strikes.

Layer: shell.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

from kdlib.errors import ApiError, UnreachableError, api_error
from kdlib.frozen import Json
from kdlib.testing.faults.execs import FaultyExec
from kdlib.testing.faults.life import ProcessLife, Stragglers
from kdlib.testing.faults.points import Channel
from kdlib.testing.faults.schedule import Schedule
from kdlib.testing.faults.watches import Replicas, events_of
from kdlib.wire import ExecRequest, ExecStream, Request, Transport, WatchEvent

__all__ = ["FaultyTransport"]

_DELAY_SECONDS = 20.0
_LATE_SECONDS = 5.0


class FaultyTransport:
    """One operator process's way to an API server and to members.

    `requests` and `execs` tell what was asked for. A further process gets a transport of its own, on the same
    schedule, `replicas` and `stragglers`.
    """

    def __init__(
        self, inner: Transport, schedule: Schedule, *, replicas: Replicas, stragglers: Stragglers | None = None
    ) -> None:
        self.life = ProcessLife()
        self.requests: list[Request] = []
        self.execs: list[ExecRequest] = []
        self._inner = inner
        self._schedule = schedule
        self._replicas = replicas
        self._stragglers = stragglers or Stragglers()

    async def request(self, request: Request) -> Json:
        """Send a request, if nothing comes between."""
        await self.life.check()
        self.requests.append(request)
        is_list = request.method == "GET" and "limit" in request.query
        request = self._replicas.redirected(request) if is_list else request
        kind = self._schedule.at(_channel(request), f"{request.method} {request.path}")
        if kind:
            return await self._struck(kind, request)
        answer = await self._inner.request(request)
        await self.life.check()
        return answer

    async def _struck(self, kind: str, request: Request) -> Json:
        match kind:
            case "lost" | "hung" | "killed-before" | "killed-late" | "late":
                await self._not_done(kind, request)
            case "conflict" | "throttled" | "broken" | "unavailable":
                raise refusal(kind)
            case "delayed":
                await asyncio.sleep(_DELAY_SECONDS)
                await self.life.check()
        answer = await self._inner.request(request)
        match kind:
            case "repeated":
                return await self._inner.request(request)
            case "answer-lost":
                raise UnreachableError(f"{request.method} {request.path}: the answer was lost")
            case "timed-out":
                await asyncio.sleep(request.timeout_seconds)
                raise UnreachableError(f"{request.method} {request.path}: no answer in time")
            case "killed-after":
                await self.life.die()
        return answer

    async def _not_done(self, kind: str, request: Request) -> None:
        """Let the request come to nothing, or to something much later."""
        if kind in {"late", "killed-late"}:
            self._stragglers.follow(_LATE_SECONDS, lambda: self._inner.request(request))
        if kind.startswith("killed"):
            await self.life.die()
        if kind == "hung":
            await asyncio.sleep(request.timeout_seconds)
        raise UnreachableError(f"{request.method} {request.path}: {kind}")

    @asynccontextmanager
    async def watch(self, request: Request) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """Open a watch on which faults may strike."""
        await self.life.check()
        await asyncio.sleep(self._replicas.opens_after_seconds(request))
        async with self._inner.watch(request) as events:
            told = events_of(events, request, self._schedule, life=self.life, replicas=self._replicas)
            async with aclosing(told):
                yield told

    def exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecStream]:
        """Open an exec on which faults may strike."""
        self.execs.append(request)
        kind = "" if self.life.ended.is_set() else self._schedule.at(Channel.EXEC, _words(request))
        return FaultyExec(self._inner, request, kind, life=self.life, stragglers=self._stragglers)

    async def close(self) -> None:
        """Do nothing: the way to the server is whose gave it."""


def refusal(kind: str) -> ApiError:
    """Make the answer of a server that refuses."""
    match kind:
        case "conflict":
            return api_error(409, "Conflict", "the object has been modified")
        case "throttled":
            return api_error(429, "TooManyRequests", "later", details={"retryAfterSeconds": 7})
        case "unavailable":
            return api_error(503, "ServiceUnavailable", "the server is on its way out")
        case _:
            return api_error(500, "InternalError", "the server is broken")


def _channel(request: Request) -> Channel:
    if request.method == "GET":
        return Channel.READ
    return Channel.TELL if request.path.endswith("/events") else Channel.WRITE


def _words(request: ExecRequest) -> str:
    return f"{request.pod} {request.command[-1]}" if request.stdin else f"{request.pod} waits"
