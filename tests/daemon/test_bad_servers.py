"""API servers that the daemon cannot work with: a line with the remedy, exit code 2 at the start, else a back-off."""

import asyncio
import copy
import json
import logging
import sys
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from waiting import until

from kdd.operate import operate
from kdd.reach import check_servers, reached
from kdd.settings import Settings
from kdd.stage import install_crds
from kdd.version import KUBERNETES
from kdlib import kube
from kdlib.errors import RefusedError
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.wire import KD_CLUSTER, Kind, Ref

TOP = Path(__file__).parents[2]
CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
CLUSTERS = Ref(CRD, "", "kubedirectorclusters.kubedirector.hpe.com")


class Server:
    """An API server whose lists are empty and whose watches are silent; `refusal` is what it says to all instead."""

    def __init__(self, version="v1.36.0"):
        self.version = version
        self.refusal = None
        self.asked = 0
        self.lists = {}

    async def answer(self, request):
        self.asked += 1
        if self.refusal is not None:
            return self.refusal()
        if request.path == "/version":
            return web.json_response({"gitVersion": self.version})
        self.lists[request.path] = self.lists.get(request.path, 0) + 1
        if "watch" in request.query:
            await asyncio.sleep(0.2)  # a watch is open for a while; it ends soon, as all do in the end
            return web.Response()
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})


def kubeconfig(path, url):
    """Write a kubeconfig; JSON is YAML."""
    contexts = [{"name": "east", "context": {"cluster": "east", "user": "u"}}]
    clusters, users = [{"name": "east", "cluster": {"server": url}}], [{"name": "u", "user": {"token": "t"}}]
    config = {"current-context": "east", "contexts": contexts, "clusters": clusters, "users": users}
    path.write_text(json.dumps(config))
    return str(path)


@asynccontextmanager
async def operating(path, **more):
    task = asyncio.create_task(operate(Settings(Path(path).parent, kubeconfig=str(path), **more)))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_an_api_server_that_is_too_old_ends_the_daemon_at_its_start_with_one_line(serving, tmp_path):
    async with serving(Server("v1.27.16+k3s1")) as url:
        path = kubeconfig(tmp_path / "config", url)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kdd", "run", "--kubeconfig", path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=TOP,
        )
        async with asyncio.timeout(60):
            output, log = await process.communicate()
    words = f"its Kubernetes is v1.27.16+k3s1, and {KUBERNETES[0]} is the oldest that is supported; upgrade Kubernetes"
    assert (process.returncode, output) == (2, b"")
    assert log.decode() == f"kdd: run: API server '{url}' of 'east': {words}, or name another context\n"


@pytest.mark.parametrize("version", [f"v{KUBERNETES[0]}.0", "v1.100.3", "v2.0.0", "", "main"])
async def test_an_api_server_that_is_young_enough_or_tells_no_version_is_worked_with(serving, tmp_path, version):
    async with serving(Server(version)) as url:
        connect = partial(kube.connect, kubeconfig=kubeconfig(tmp_path / "config", url))
        await check_servers([connect])
        async with reached(connect, "team") as api:
            assert api.namespace == "team"


async def test_an_api_server_that_becomes_too_old_while_the_daemon_runs_is_not_worked_with(serving, tmp_path):
    server = Server()
    async with serving(server) as url:
        connect = partial(kube.connect, kubeconfig=kubeconfig(tmp_path / "config", url))
        server.version = "v1.16.0"
        with pytest.raises(RefusedError, match=r"its Kubernetes is v1\.16\.0"):
            async with reached(connect, None):
                pass


async def test_an_api_server_that_is_away_at_the_start_ends_nothing(tmp_path):
    connect = partial(kube.connect, kubeconfig=kubeconfig(tmp_path / "config", "http://127.0.0.1:1"))
    await check_servers([connect])
    async with reached(connect, None) as api:
        assert api.name == "east"


def unauthorized():
    status = {"kind": "Status", "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401}
    return web.json_response(status, status=401)


def bad_gateway():
    return web.Response(status=502, text="<html>\n<h1>502 Bad Gateway</h1>\n</html>", content_type="text/html")


def login_page():
    return web.Response(text="<html>Who are you?</html>", content_type="text/html")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            unauthorized,
            "our credentials are refused: Unauthorized; tried again; renew the token or the client certificate",
        ),
        (
            bad_gateway,
            "not the API server but a proxy before it answers HTTP 502: <html> <h1>502 Bad Gateway</h1> </html>",
        ),
        (login_page, "no API server answers at"),
    ],
)
async def test_what_all_requests_are_answered_with_from_now_on_is_one_line_and_a_back_off(
    serving, tmp_path, caplog, refusal, words
):
    """Some seconds are for the back-off, which is of real servers; a daemon without one asks thousands of times."""
    caplog.set_level(logging.INFO)
    server = Server()
    async with serving(server) as url, operating(kubeconfig(tmp_path / "config", url)):
        await until(lambda: len(server.lists) > 10)
        server.asked, server.refusal = 0, refusal
        await until(lambda: warnings(caplog), 30)
        began, asked = time.monotonic(), server.asked
        await until(lambda: server.asked >= asked + 2 * len(server.lists), 60)
        # Without a back-off this takes some milliseconds.
        assert time.monotonic() - began > 0.1
        (line,) = warnings(caplog)
        assert line.startswith(f"east: {words}")
        assert server.asked < 20 * len(server.lists)
        server.refusal = None
        await until(lambda: "east: works again, after: " in caplog.text, 30)
        assert len(warnings(caplog)) == 1


@asynccontextmanager
async def sandbox(tmp_path):
    async with Sandbox(SandboxOptions(node=False)) as running:
        path = tmp_path / "kubeconfig"
        running.write_kubeconfig(path)
        async with kube.connect(kubeconfig=path) as api:
            await install_crds(api)
            yield path, api


async def replace_crd(api, change):
    """Install the definition of clusters in another form; return how to install our own."""
    own = yaml.safe_load((TOP / "schemas" / f"kubedirector.hpe.com_{CLUSTERS.name.partition('.')[0]}.yaml").read_text())

    async def install(definition):
        await api.delete(CLUSTERS)
        await until(partial(_is_gone, api))
        await api.create(definition, kind=CRD)

    other = copy.deepcopy(own)
    change(other["spec"]["versions"])
    await install(other)
    return partial(install, own)


async def _is_gone(api):
    return not [item for item in (await api.list(CRD)).items if item["metadata"]["name"] == CLUSTERS.name]


async def test_definitions_of_another_version_are_one_line_and_clusters_are_looked_after_once_ours_are_there(
    tmp_path, caplog
):
    caplog.set_level(logging.INFO)

    def rename(versions):
        versions[0]["name"] = "v1alpha1"

    async with sandbox(tmp_path) as (path, api):
        install = await replace_crd(api, rename)
        async with operating(path):
            await until(lambda: warnings(caplog))
            await install()
            await until(lambda: "works again, after: kubedirector.hpe.com/v1beta1 is not served" in caplog.text)
            (line,) = warnings(caplog)
    assert "kubedirector.hpe.com/v1beta1 is not served; tried again until it is; install it: kubectl apply" in line


async def test_definitions_older_than_the_daemon_are_told_for_a_cluster_whose_status_they_have_no_fields_for(
    tmp_path, caplog
):
    def age(versions):
        status = versions[0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
        for name in ("conditions", "reserved", "observedGeneration"):
            del status[name]

    async with sandbox(tmp_path) as (path, api):
        await replace_crd(api, age)
        async with operating(path):
            spec = {"app": "none", "roles": []}
            body = {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "spec": spec}
            await api.create({**body, "metadata": {"name": "c1", "namespace": "default"}})
            await until(lambda: "older than this operator" in caplog.text)
            (line,) = [text for text in warnings(caplog) if "c1" in text]
    assert "the definitions are older than this operator, install its own: kubectl apply --server-side -f" in line
