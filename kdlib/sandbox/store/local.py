"""The Transport in process: requests reach the store with no socket between.

Layer: shell.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from kdlib.errors import UnreachableError, api_error
from kdlib.frozen import Json, copied
from kdlib.sandbox.store.options import Caller, System
from kdlib.sandbox.store.registry import Registry
from kdlib.wire import ExecRequest, ExecStream, Request, WatchEvent

__all__ = ["ExecHook", "LocalTransport"]

ExecHook = Callable[[ExecRequest], AbstractAsyncContextManager[ExecStream]]
"""Opens an exec in a pod of the embedded cluster."""


class LocalTransport:
    """A `wire.Transport` over a registry; `exec_hook` is where commands are run.

    Answers are the store's own objects: read them, never change them. Bodies are copied on the way in.
    """

    def __init__(self, registry: Registry, user: Caller | None = None, exec_hook: ExecHook | None = None) -> None:
        self._registry = registry
        self._user = user or System()
        self._exec = exec_hook
        self._is_closed = False

    async def request(self, request: Request) -> Json:
        """Send a request; raises ApiError, or UnreachableError when time runs out."""
        self._check_open()
        try:
            async with asyncio.timeout(request.timeout_seconds):
                _, body = await self._registry.handle(replace(request, body=copied(request.body)), self._user)
        except TimeoutError as error:
            raise UnreachableError(f"{request.method} {request.path}: no answer in time") from error
        return body

    @asynccontextmanager
    async def watch(self, request: Request) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """Open a watch; UnreachableError is raised when nothing comes for `request.timeout_seconds`."""
        self._check_open()
        async with self._registry.watch(request, self._user) as events:
            yield _within(events, request.timeout_seconds)

    def exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecStream]:
        """Open an exec through the hook; raises ApiError where there is none."""
        self._check_open()
        if self._exec is None:
            raise api_error(501, "NotImplemented", "this cluster runs no containers")
        return self._exec(request)

    async def close(self) -> None:
        """Let no further requests through."""
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise UnreachableError("the transport is closed")


async def _within(events: AsyncIterator[WatchEvent], limit_seconds: float) -> AsyncIterator[WatchEvent]:
    while True:
        try:
            async with asyncio.timeout(limit_seconds):
                event = await anext(events, None)
        except TimeoutError as error:
            raise UnreachableError(f"the watch was silent for {limit_seconds:g} s") from error
        if event is None:
            return
        yield event
