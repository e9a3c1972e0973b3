"""Commands run in the process of the tests: what one configures is undone before the next.

One API server, embedded and real, serves all tests that leave nothing behind but what `server` takes away.
"""

import asyncio
import contextlib
import logging
import os
import threading
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial

import pytest
from aiohttp import web
from typer.testing import CliRunner

from kdd.main import app
from kdd.stage import install_crds
from kdlib import kube
from kdlib.errors import NotFoundError
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing import ControlPlane, control_plane_folder
from kdlib.wire import KD_APP, KD_CLUSTER, NAMESPACE, Ref

REF = Ref(KD_CLUSTER, "team", "c1")


@pytest.fixture(autouse=True)
def log_as_before():
    """Restore the root logger, which `kdd run` sends to the stderr of its own time."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def serving():
    """Return how to serve what answers all requests, as a context that gives its URL."""

    @asynccontextmanager
    async def served(server):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", server.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    return served


class Server:
    """An API server that has our definitions, as kdd and kubectl reach it."""

    def __init__(self, path, runner, api):
        self.path, self._runner, self._api = str(path), runner, api

    def kdd(self, *arguments):
        """Run a command as it is typed; return its exit code and what it said."""
        done = CliRunner().invoke(app, [*arguments, "-n", "team", "--kubeconfig", self.path])
        return done.exit_code, done.output

    def ask(self, work):
        return self._runner.run(work(self._api))

    def apply(self, obj, manager="kubectl"):
        """Do as `kubectl apply --server-side` does."""
        kind = {KD_APP.name: KD_APP, KD_CLUSTER.name: KD_CLUSTER}[obj["kind"]]
        return self.ask(lambda api: api.apply(obj, kind=kind, field_manager=manager, force=False))

    def spec(self):
        return self.ask(lambda api: api.get(REF))["spec"]

    def members(self):
        return {role["id"]: role.get("members") for role in self.spec()["roles"]}


@contextmanager
def embedded(path):
    """Run a sandbox in a thread of its own, so that commands may have an event loop each."""
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve():
        async with Sandbox(SandboxOptions(node=False)) as sandbox:
            sandbox.write_kubeconfig(path)
            ready.set()
            await stop.wait()

    def run():
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="sandbox")
    thread.start()
    try:
        assert ready.wait(30), "the sandbox did not become ready"
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextmanager
def real(path):
    with ControlPlane(control_plane_folder(os.environ)) as plane:
        plane.write_kubeconfig(path)
        yield


async def connected(stack, path):
    return await stack.enter_async_context(kube.connect(kubeconfig=str(path)))


@pytest.fixture(scope="session", params=[embedded, pytest.param(real, marks=pytest.mark.control_plane)])
def furnished(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("server") / "kubeconfig"
    with request.param(path), asyncio.Runner() as runner:
        stack = AsyncExitStack()
        server = Server(path, runner, runner.run(connected(stack, path)))
        server.ask(install_crds)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
        server.ask(lambda api: api.create(namespace, kind=NAMESPACE))
        yield server
        runner.run(stack.aclose())


@pytest.fixture
def server(furnished):
    yield furnished
    for ref in (REF, Ref(KD_APP, "team", "demo")):
        with contextlib.suppress(NotFoundError):
            furnished.ask(partial(kube.Api.delete, ref=ref))
