"""Closing the transport ends its connections: none outlives it, whatever the server does."""

import asyncio
import gc
import threading
import warnings
from contextlib import contextmanager

import orjson
import pytest
from aiohttp import WSMsgType, web
from kubernetes_asyncio.client import Configuration

from kdlib.kube import Access, HttpTransport
from kdlib.sandbox.http import Authority, server_context
from kdlib.testing.loops import LoopThread
from kdlib.wire import POD, ExecRequest, Request

COMMAND = ExecRequest("ns", "pod-0", "app", ("true",))
CLOSE = (1000).to_bytes(2)
SUCCESS = orjson.dumps({"status": "Success"})


class Stuck:
    """Serves over TLS until it is asked for a stream: begins it, and then reads nothing more, a farewell neither."""

    def __init__(self, authority):
        self.context = server_context(authority, "localhost")
        self.released = threading.Event()
        self.runner = None

    async def begin(self):
        app = web.Application()
        app.router.add_get("/api/v1/pods", self.watch)
        app.router.add_get("/{tail:.*}/exec", self.exec)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "localhost", 0, ssl_context=self.context).start()
        return self.runner.addresses[0][1]

    def stop(self):
        self.released.wait(30)

    async def watch(self, request):
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"{}\n")
        self.stop()
        return answer

    async def exec(self, request):
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        await socket.send_bytes(b"\3" + SUCCESS)
        await socket.send_frame(CLOSE, WSMsgType.CLOSE)
        self.stop()
        return socket


@contextmanager
def stuck(authority):
    server = Stuck(authority)
    with LoopThread("stuck") as loop:
        port = loop.call(server.begin())
        try:
            yield port
        finally:
            server.released.set()
            loop.call(server.runner.cleanup())


async def watched(transport):
    async with transport.watch(Request("GET", POD.path(), {"watch": "true"})):
        pass


async def executed(transport):
    async with transport.exec(COMMAND) as stream:
        assert [item async for item in stream] == []
        assert await stream.exit_code() == 0


@pytest.mark.parametrize("used", [watched, executed])
def test_no_connection_outlives_the_transport_that_was_closed(tmp_path, used):
    authority = Authority("test")
    (tmp_path / "ca.crt").write_text(authority.certificate)

    async def used_and_closed(port):
        configuration = Configuration(host=f"https://localhost:{port}")
        configuration.ssl_ca_cert = str(tmp_path / "ca.crt")
        transport = HttpTransport(Access(configuration))
        async with asyncio.timeout(20):
            await used(transport)
            await transport.close()

    with stuck(authority) as port, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(used_and_closed(port))
        gc.collect()
        assert [str(item.message) for item in told if item.category is ResourceWarning] == []
