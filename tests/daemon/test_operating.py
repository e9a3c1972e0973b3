"""What the daemon says of a Kubernetes cluster that lacks something: one line with the remedy, then silence."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from kdd.operate import operate
from kdd.settings import Settings

TOP = Path(__file__).parents[2]
GROUP = "/apis/kubedirector.hpe.com/"
KINDS = 4


class Bare:
    """An API server without CustomResourceDefinitions: its lists are empty, its watches silent."""

    def __init__(self):
        self.asked = {}
        self.changed = asyncio.Event()

    async def answer(self, request):
        self.asked[request.path] = self.asked.get(request.path, 0) + 1
        self.changed.set()
        if request.path.startswith(GROUP):
            return web.Response(status=404, text="404 page not found\n")
        if "watch" in request.query:
            await asyncio.Event().wait()
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})

    async def until_asked_again(self, times):
        """Wait until each kind of ours was asked for so often."""
        async with asyncio.timeout(90):
            while True:
                ours = [count for path, count in self.asked.items() if path.startswith(GROUP)]
                if len(ours) == KINDS and min(ours) >= times:
                    return
                self.changed.clear()
                await self.changed.wait()


def kubeconfig(path, **servers):
    """Write a kubeconfig with a context for each server; JSON is YAML."""
    contexts = [{"name": name, "context": {"cluster": name, "user": "u"}} for name in servers]
    clusters = [{"name": name, "cluster": {"server": url}} for name, url in servers.items()]
    users = [{"name": "u", "user": {"token": "t"}}]
    path.write_text(json.dumps({"contexts": contexts, "clusters": clusters, "users": users}))
    return str(path)


@asynccontextmanager
async def operating(tmp_path, **servers):
    path = kubeconfig(tmp_path / "config", **servers)
    task = asyncio.create_task(operate(Settings(tmp_path, kubeconfig=path, contexts=tuple(servers))))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_missing_definitions_are_one_line_with_the_command_that_installs_them(
    serving, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(TOP)
    caplog.set_level(logging.WARNING)
    server = Bare()
    async with serving(server) as url, operating(tmp_path, east=url):
        await server.until_asked_again(4)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("east: kubedirector.hpe.com/v1beta1 is not served; tried again until it is; ")
    assert line.endswith("; install it: kubectl apply --server-side -f schemas/")


async def test_an_unreachable_cluster_is_one_line_and_disturbs_no_other(serving, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    server = Bare()
    async with serving(server) as url, operating(tmp_path, west="http://127.0.0.1:1", east=url):
        await server.until_asked_again(5)
    west = [text for text in (record.getMessage() for record in caplog.records) if text.startswith("west")]
    assert west == ['west: no answer from "http://127.0.0.1:1": connection refused; tried again until it answers']
