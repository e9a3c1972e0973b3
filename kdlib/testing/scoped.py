"""A Transport that shows an operator one namespace as if it were all of them.

Layer: shell.
"""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from kdlib.frozen import Json
from kdlib.testing.discovery import Resources
from kdlib.wire import ExecRequest, ExecStream, Request, Transport, WatchEvent

__all__ = ["ScopedTransport"]

_COLLECTION = re.compile(r"/(?:api|apis)/((?:[^/]+/)?v[^/]+)/([^/]+)")


class ScopedTransport:
    """Lists and watches of all namespaces become those of one; everything else goes through as it is."""

    def __init__(self, inner: Transport, namespace: str, resources: Resources) -> None:
        self._inner = inner
        self._namespace = namespace
        self._resources = resources

    async def request(self, request: Request) -> Json:
        """Send a request."""
        return await self._inner.request(await self._scoped(request))

    @asynccontextmanager
    async def watch(self, request: Request) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """Open a watch."""
        async with self._inner.watch(await self._scoped(request)) as events:
            yield events

    def exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecStream]:
        """Open an exec."""
        return self._inner.exec(request)

    async def close(self) -> None:
        """Do nothing: the way to the server is whose gave it."""

    async def _scoped(self, request: Request) -> Request:
        found = _COLLECTION.fullmatch(request.path)
        if found is None or request.method != "GET":
            return request
        api_version, plural = found.groups()
        if not await self._resources.is_namespaced(api_version, plural):
            return request
        return replace(request, path=f"{request.path.removesuffix(plural)}namespaces/{self._namespace}/{plural}")
