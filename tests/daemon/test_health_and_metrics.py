"""What the daemon's port tells: health, readiness, and metrics of what it does and of how each cluster stands."""

import asyncio
import itertools
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import until

from kdd.crew import Home, crew, site
from kdd.listener import listening
from kdd.metrics import FAMILIES, Metrics
from kdd.operator import controller
from kdd.reference import metrics_page
from kdd.settings import HttpSettings, LeaseSettings, Settings
from kdd.standing import Standings
from kdlib import packages
from kdlib.errors import RefusedError, UnreachableError
from kdlib.kube import Api
from kdlib.runtime import run_fleet
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.testing import VirtualTime
from kdlib.wire import KD_CLUSTER

TOP = Path(__file__).parents[2]
SHELL = TOP / "tests" / "apps" / "shell"
LOCAL = HttpSettings("127.0.0.1", 0)


@pytest.fixture
def registry():
    made = Registry(lambda: datetime.now(UTC), map("uid-{}".format, itertools.count()).__next__)
    for path in sorted((TOP / "schemas").glob("*.yaml")):
        made.create(packages.load(path)[0].value)
    made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubedirector"}})
    return made


@asynccontextmanager
async def operating(registry, tmp_path, *names):
    """Run the crew of the daemon on sites that are all the same store; give standings and metrics."""
    standings = Standings()
    metrics = Metrics(standings)

    @asynccontextmanager
    async def connect(name):
        yield Api(LocalTransport(registry), name=name, host=f"https://{name}.example.org:6443")

    sites = [site(name, lambda name=name: connect(name), standings, metrics) for name in names]
    settings = Settings(cache=tmp_path, lease=LeaseSettings())
    task = asyncio.create_task(run_fleet(sites, crew(settings, standings, metrics, Home(names[0]))))
    try:
        yield standings, metrics
    finally:
        task.cancel()
        await asyncio.wait({task})


def samples(metrics):
    """Return all samples: name, labels without those of buckets, value."""
    families = text_string_to_metric_families(metrics.text().decode())
    return [sample for family in families for sample in family.samples]


def value(metrics, metric, /, **labels):
    found = [item.value for item in samples(metrics) if item.name == metric and labels.items() <= item.labels.items()]
    return sum(found) if found else None


def create(registry, name="shell"):
    found = packages.load(SHELL / "cluster.yaml")[0].value
    registry.create({**found, "metadata": {**found["metadata"], "namespace": "default", "name": name}})


async def test_every_metric_that_is_documented_is_served_with_its_labels_and_no_other(registry, tmp_path):
    async with operating(registry, tmp_path, "east") as (_, metrics):
        create(registry)
        await until(lambda: value(metrics, "kubedirector_cluster_state", name="shell"))
        await until(lambda: value(metrics, "controller_runtime_reconcile_total"))
        text = metrics.text().decode()
    served = {}
    for family in text_string_to_metric_families(text):
        if not family.name.startswith("process_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            served[name] = ("gauge" if family.type == "state" else family.type, labels)
    # This cluster names an app that is not there: it has no members, and nothing went wrong.
    written = {item.name: ("gauge" if item.kind == "state" else item.kind, set(item.labels)) for item in FAMILIES}
    assert served.pop("kubedirector_members")[0] == written.pop("kubedirector_members")[0]
    assert served == written
    assert "process_resident_memory_bytes" in text


def test_the_reference_page_is_what_the_generator_writes():
    path = TOP / "docs" / "reference" / "metrics.md"
    assert path.read_text(encoding="utf-8") == metrics_page(), "metrics.md is outdated: run `make schemas`"


async def test_the_states_of_clusters_and_members_are_told_and_go_with_them(registry, tmp_path):
    async with operating(registry, tmp_path, "east") as (_, metrics):
        app = packages.load(SHELL / "app.yaml")[0].value
        registry.create({**app, "metadata": {**app["metadata"], "namespace": "default"}})
        create(registry)
        await until(lambda: value(metrics, "kubedirector_members", name="shell"))
        assert value(metrics, "kubedirector_members", name="shell", role="tail", state="create pending") == 2
        assert value(metrics, "kubedirector_cluster_state", kubernetes="east", namespace="default", name="shell") == 1
        assert value(metrics, "kubedirector_cluster_ready", name="shell") == 0
        registry.delete(KD_CLUSTER, "default", "shell")
        await until(lambda: value(metrics, "kubedirector_cluster_state") is None)
        assert [item for item in samples(metrics) if item.labels.get("name") == "shell"] == []


async def test_passes_requests_and_leadership_are_counted_for_each_kubernetes_cluster(registry, tmp_path):
    async with operating(registry, tmp_path, "east", "west") as (_, metrics):
        await until(lambda: value(metrics, "leader_election_master_status", name="kubedirector"))
        leader = next(
            name for name in ("east", "west") if value(metrics, "leader_election_master_status", kubernetes=name)
        )
        other = {"east": "west", "west": "east"}[leader]
        create(registry)
        await until(lambda: value(metrics, "controller_runtime_reconcile_total", kubernetes=leader, result="success"))
        assert value(metrics, "workqueue_adds_total", kubernetes=leader, name="kubedirectorcluster") >= 1
        assert value(metrics, "controller_runtime_reconcile_time_seconds_count", kubernetes=leader) >= 1
        assert value(metrics, "rest_client_requests_total", kubernetes=leader, method="PATCH", code="200") >= 1
        assert value(metrics, "rest_client_requests_total", host=f"{leader}.example.org:6443") >= 1
        assert not value(metrics, "controller_runtime_reconcile_total", kubernetes=other)
        # The one that stands by has filled its caches, and one root waits there for the day on which it leads.
        assert value(metrics, "kubedirector_kubernetes_synced", kubernetes=other) == 1
        assert value(metrics, "kubedirector_cluster_state", kubernetes=other) is None
        metrics.forget(other)
        assert value(metrics, "rest_client_requests_total", kubernetes=other) is None


async def test_the_port_answers_three_questions_and_no_other(registry, tmp_path):
    async with operating(registry, tmp_path, "east") as (standings, metrics):
        async with listening(LOCAL, standings, metrics) as port, aiohttp.ClientSession() as session:
            await until(lambda: standings.readiness()[0])
            url = f"http://127.0.0.1:{port}"
            for path, words in (("healthz", "ok\n"), ("readyz", "[+]east leads\n"), ("metrics", "# HELP ")):
                async with session.get(f"{url}/{path}") as answer:
                    assert (answer.status, (await answer.text()).startswith(words)) == (200, True)
            for path in ("", "debug", "metrics/all"):
                async with session.get(f"{url}/{path}") as answer:
                    assert answer.status == 404
            async with session.post(f"{url}/metrics", data="x") as answer:
                assert answer.status == 405


async def test_a_port_that_is_taken_is_one_line_with_what_to_do():
    standings = Standings()
    metrics = Metrics(standings)
    async with listening(LOCAL, standings, metrics) as port:
        with pytest.raises(RefusedError, match=r"--metrics-port: cannot listen on .* give --no-metrics"):
            async with listening(HttpSettings("127.0.0.1", port), standings, metrics):
                pass


class Away:
    """An API server that does not answer."""

    async def request(self, request):
        raise UnreachableError("no answer", cause="no answer")


def stand(standings, tmp_path, name, *, synced, trouble="", silent=False):
    standing = standings.of(name)
    standing.api = Api(Away(), name=name)
    standing.controller = controller(standing.api, Settings(cache=tmp_path))
    if synced:
        standing.controller.synced.set()
    if trouble:
        standing.api.outages.begin("x", trouble, silent=silent)
    return standing


async def test_ready_is_who_follows_its_clusters_and_one_in_trouble_disturbs_no_other(tmp_path):
    standings = Standings()
    assert standings.readiness() == (False, ())
    standings.of("east")
    assert standings.readiness() == (False, ("[-]east not connected",))
    stand(standings, tmp_path, "east", synced=False)
    assert standings.readiness() == (False, ("[-]east fills its caches",))
    stand(standings, tmp_path, "east", synced=True)
    assert standings.readiness()[0]
    # What is missing but answered keeps nothing waiting; silence does.
    stand(standings, tmp_path, "east", synced=True, trouble="services: forbidden")
    assert standings.readiness()[0]
    stand(standings, tmp_path, "east", synced=True, trouble="no answer", silent=True)
    assert standings.readiness() == (False, ("[-]east no answer",))
    stand(standings, tmp_path, "west", synced=True)
    assert standings.readiness() == (True, ("[-]east no answer", "[+]west leads"))
    stand(standings, tmp_path, "north", synced=False)
    assert not standings.readiness()[0]


async def test_a_daemon_that_is_to_answer_reviews_is_ready_once_it_does(tmp_path):
    standings = Standings()
    standing = stand(standings, tmp_path, "east", synced=True)
    standing.reviewing = asyncio.Event()
    assert standings.readiness() == (False, ("[-]east does not answer reviews yet",))
    standing.reviewing.set()
    assert standings.readiness()[0]


def test_a_watch_that_gives_no_sign_of_life_for_minutes_is_unhealthy(tmp_path):
    time = VirtualTime()

    async def scenario():
        standings = Standings()
        standing = stand(standings, tmp_path, "east", synced=True)
        standing.api.pulse.beat("x", "pods")
        await asyncio.sleep(290)
        assert standings.stuck() == ()
        await asyncio.sleep(20)
        assert standings.stuck() == ("east: pods is stuck",)
        standing.api.pulse.forget("x")
        assert standings.stuck() == ()

    time.run(scenario())


def test_what_metrics_need_is_not_loaded_where_none_are_served():
    code = "import sys, kdd.operate; sys.exit('prometheus_client' in sys.modules or 'aiohttp.web' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=TOP, check=False).returncode == 0
