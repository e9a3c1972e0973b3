"""An API server that does as it is told, for tests of the client side."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from kubernetes_asyncio.client import Configuration

from kdlib.kube import Access, HttpTransport

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Scripted:
    """Serves what `handler` says and remembers each request."""

    def __init__(self) -> None:
        self.handler: Handler = self._nothing
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.method, request.path, dict(request.query), orjson.loads(body) if body else None))
        self.headers.append(dict(request.headers))
        return await self.handler(request)

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({})

    def transport(self, **options: Any) -> HttpTransport:
        return HttpTransport(Access(Configuration(host=self.url), name="scripted"), **options)


@asynccontextmanager
async def running() -> AsyncIterator[Scripted]:
    server = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with running() as started:
        yield started


@pytest.fixture
async def transport(server: Scripted) -> AsyncIterator[HttpTransport]:
    made = server.transport()
    yield made
    await made.close()
    await asyncio.sleep(0)
