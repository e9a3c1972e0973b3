"""The daemon's HTTP port: /healthz, /readyz and /metrics, and nothing else.

Layer: shell.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from kdd.metrics import Metrics
from kdd.settings import HttpSettings
from kdd.standing import Standings
from kdlib.errors import Problem, RefusedError

__all__ = ["listening"]

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def listening(wanted: HttpSettings, standings: Standings, metrics: Metrics) -> AsyncIterator[int]:
    """Answer on the port as long as the context lasts; gives the port.

    Raises RefusedError where it cannot be listened on.
    """

    async def healthz(_: web.Request) -> web.Response:
        """Answer 500 with the reasons where a part of the daemon is stuck."""
        stuck = standings.stuck()
        return web.Response(text="\n".join(stuck or ("ok",)) + "\n", status=500 if stuck else 200)

    async def readyz(_: web.Request) -> web.Response:
        """Answer 503 until the daemon can do its work; the body tells of each Kubernetes cluster."""
        is_ready, lines = standings.readiness()
        return web.Response(text="".join(f"{line}\n" for line in lines), status=200 if is_ready else 503)

    async def render(_: web.Request) -> web.Response:
        """Answer with the metrics in the text format of Prometheus."""
        return web.Response(body=metrics.text(), headers={"Content-Type": _TEXT})

    app = web.Application(client_max_size=1024)
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", render)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, wanted.host, wanted.port).start()
        except OSError as error:
            what = f"cannot listen on {wanted.host!r} port {wanted.port}: {error.strerror}"
            remedy = "name a free port, or give --no-metrics"
            raise RefusedError("kdd run", [Problem("--metrics-port", what, remedy)]) from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
