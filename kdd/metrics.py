"""The daemon's metrics, in Prometheus' form: controller-runtime's names where they exist, and how each cluster stands.

Layer: shell.
"""

import time
from collections import Counter as Counted
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, Metric

from kdd.standing import Standing, Standings
from kdlib import kube
from kdlib.errors import ApiError, UnreachableError
from kdlib.frozen import Json, dig
from kdlib.wire import ExecRequest, ExecStream, Request, Transport, WatchEvent

__all__ = ["FAMILIES", "Family", "Metrics"]

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "state"]
    """What it is; a state is a gauge that is read from the caches whenever somebody asks."""
    labels: tuple[str, ...]
    help: str


_CONTROLLER = ("kubernetes", "controller")
_QUEUE = ("kubernetes", "name")
_CLUSTER = ("kubernetes", "namespace", "name")

FAMILIES = (
    Family("controller_runtime_reconcile_total", "counter", (*_CONTROLLER, "result"), "Passes, by how they ended"),
    Family("controller_runtime_reconcile_errors_total", "counter", _CONTROLLER, "Passes that ended in an error"),
    Family("controller_runtime_reconcile_time_seconds", "histogram", _CONTROLLER, "How long passes took"),
    Family("controller_runtime_active_workers", "gauge", _CONTROLLER, "Passes that run now"),
    Family("controller_runtime_max_concurrent_reconciles", "gauge", _CONTROLLER, "Passes that may run at once"),
    Family("workqueue_depth", "gauge", _QUEUE, "Roots that wait for a pass"),
    Family("workqueue_adds_total", "counter", _QUEUE, "Roots that were put into the queue"),
    Family("workqueue_queue_duration_seconds", "histogram", _QUEUE, "How long roots waited for a pass"),
    Family("workqueue_work_duration_seconds", "histogram", _QUEUE, "How long passes took"),
    Family("workqueue_retries_total", "counter", _QUEUE, "Roots that were put back after a failure"),
    Family(
        "rest_client_requests_total",
        "counter",
        ("kubernetes", "code", "method", "host"),
        "Requests to API servers, watches and execs included; the code is `<error>` where no answer came",
    ),
    Family("leader_election_master_status", "state", ("kubernetes", "name"), "1 while this daemon leads, else 0"),
    Family(
        "kubedirector_kubernetes_synced",
        "state",
        ("kubernetes",),
        "1 once all caches of a Kubernetes cluster are filled, else 0",
    ),
    Family("kubedirector_cluster_state", "state", (*_CLUSTER, "state"), "1 for the present state of each cluster"),
    Family("kubedirector_cluster_ready", "state", _CLUSTER, "1 where the condition Ready is True, else 0"),
    Family("kubedirector_members", "state", (*_CLUSTER, "role", "state"), "Members of each role, by their state"),
)
"""All metrics of our own; besides them come those of the process (`process_*`)."""


class Metrics:
    """Counts, and renders what was counted and what stands in the caches."""

    def __init__(self, standings: Standings) -> None:
        library: Any = prometheus_client
        library.disable_created_metrics()
        self._registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        self._made = {item.name: _made(item, self._registry) for item in FAMILIES if item.kind != "state"}
        self._registry.register(_States(standings))

    def text(self) -> bytes:
        """Return all metrics in the text format."""
        return prometheus_client.generate_latest(self._registry)

    def observer(self, kubernetes: str, controller: str, *, workers: int) -> "QueueObserver":
        """Return who counts for the controller of one Kubernetes cluster."""
        self._made["controller_runtime_max_concurrent_reconciles"].labels(kubernetes, controller).set(workers)
        return QueueObserver(self._made, kubernetes, controller)

    def counting(self, api: kube.Api) -> kube.Api:
        """Return the API server with its requests counted."""
        requests = self._made["rest_client_requests_total"]
        return api.over(_CountingTransport(api.transport, requests, api.name, urlsplit(api.host).netloc))

    def forget(self, kubernetes: str) -> None:
        """Drop what was counted of a Kubernetes cluster that is looked after no more."""
        for metric in self._made.values():
            metric.remove_by_labels({"kubernetes": kubernetes})


def _made(family: Family, registry: prometheus_client.CollectorRegistry) -> Any:
    match family.kind:
        case "counter":
            return prometheus_client.Counter(family.name, family.help, family.labels, registry=registry)
        case "histogram":
            return prometheus_client.Histogram(
                family.name, family.help, family.labels, registry=registry, buckets=_QUICK
            )
        case _:
            return prometheus_client.Gauge(family.name, family.help, family.labels, registry=registry)


class QueueObserver:
    """A `runtime.Observer` that counts."""

    def __init__(self, made: dict[str, Any], kubernetes: str, controller: str) -> None:
        both = (kubernetes, controller)
        self._waiting: dict[Hashable, float] = {}
        self._worked: dict[Hashable, float] = {}
        self._results, self._both = made["controller_runtime_reconcile_total"], both
        self._errors = made["controller_runtime_reconcile_errors_total"].labels(*both)
        self._times = made["controller_runtime_reconcile_time_seconds"].labels(*both)
        self._active = made["controller_runtime_active_workers"].labels(*both)
        self._depth = made["workqueue_depth"].labels(*both)
        self._adds = made["workqueue_adds_total"].labels(*both)
        self._waits = made["workqueue_queue_duration_seconds"].labels(*both)
        self._works = made["workqueue_work_duration_seconds"].labels(*both)
        self._retries = made["workqueue_retries_total"].labels(*both)
        self._tell()

    def added(self, key: Hashable) -> None:
        """Count a root that waits."""
        self._adds.inc()
        self._waiting[key] = time.perf_counter()
        self._tell()

    def taken(self, key: Hashable) -> None:
        """Count a pass that begins."""
        now = time.perf_counter()
        self._waits.observe(now - self._waiting.pop(key, now))
        self._worked[key] = now
        self._tell()

    def retried(self, key: Hashable) -> None:
        """Count a root that is put back."""
        del key
        self._retries.inc()

    def ended(self, key: Hashable, result: str) -> None:
        """Count a pass that ended."""
        now = time.perf_counter()
        seconds = now - self._worked.pop(key, now)
        self._times.observe(seconds)
        self._works.observe(seconds)
        self._results.labels(*self._both, result).inc()
        if result == "error":
            self._errors.inc()
        self._tell()

    def gave_up(self) -> None:
        """Take it that nothing waits any more."""
        self._waiting.clear()
        self._tell()

    def _tell(self) -> None:
        self._depth.set(len(self._waiting))
        self._active.set(len(self._worked))


class _CountingTransport:
    """A Transport whose requests are counted."""

    def __init__(self, transport: Transport, requests: Any, kubernetes: str, host: str) -> None:
        self._transport = transport
        self._requests = requests
        self._kubernetes, self._host = kubernetes, host

    async def request(self, request: Request) -> Json:
        """Send the request."""
        try:
            answer = await self._transport.request(request)
        except (ApiError, UnreachableError) as error:
            self._count(request.method, error)
            raise
        self._count(request.method)
        return answer

    @asynccontextmanager
    async def watch(self, request: Request) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """Open a watch."""
        async with self._counted("WATCH", self._transport.watch(request), "200") as events:
            yield events

    @asynccontextmanager
    async def exec(self, request: ExecRequest) -> AsyncIterator[ExecStream]:
        """Open an exec."""
        async with self._counted("EXEC", self._transport.exec(request), "101") as stream:
            yield stream

    async def close(self) -> None:
        """Release connections; further calls fail."""
        await self._transport.close()

    @asynccontextmanager
    async def _counted(self, method: str, opening: AbstractAsyncContextManager[Any], code: str) -> AsyncIterator[Any]:
        opened = False
        try:
            async with opening as inside:
                opened = True
                self._count(method, code=code)
                yield inside
        except (ApiError, UnreachableError) as error:
            if not opened:
                self._count(method, error)
            raise

    def _count(self, method: str, error: Exception | None = None, *, code: str = "200") -> None:
        match error:
            case None:
                told = code
            case ApiError():
                told = str(error.code)
            case _:
                told = "<error>"
        self._requests.labels(self._kubernetes, told, method, self._host).inc()


class _States:
    """Reads from the caches how everything stands, so that what is gone leaves no series behind."""

    def __init__(self, standings: Standings) -> None:
        self._standings = standings

    def collect(self) -> Iterator[Metric]:
        """Yield the states of all Kubernetes clusters."""
        found = {
            item.name: GaugeMetricFamily(item.name, item.help, labels=item.labels)
            for item in FAMILIES
            if item.kind == "state"
        }
        for standing in self._standings:
            _collect(found, standing)
        yield from found.values()

    def describe(self) -> Iterable[Metric]:
        """Describe nothing beforehand."""
        return ()


def _collect(found: dict[str, Any], standing: Standing) -> None:
    name = standing.name
    found["kubedirector_kubernetes_synced"].add_metric([name], float(standing.is_synced))
    if standing.lease is not None:
        found["leader_election_master_status"].add_metric([name, "kubedirector"], float(standing.lease.is_held))
    if not standing.leads or standing.controller is None:
        return
    for root in standing.controller.roots:
        labels = [name, root["metadata"].get("namespace", ""), root["metadata"]["name"]]
        _collect_cluster(found, labels, root.get("status") or {})


def _collect_cluster(found: dict[str, Any], labels: list[str], status: Json) -> None:
    found["kubedirector_cluster_state"].add_metric([*labels, status.get("state") or "pending"], 1)
    conditions = status.get("conditions") or ()
    ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
    found["kubedirector_cluster_ready"].add_metric(labels, float(ready))
    for (role, state), number in sorted(_members(status).items()):
        found["kubedirector_members"].add_metric([*labels, role, state], number)


def _members(status: Json) -> Counted[tuple[str, str]]:
    return Counted(
        (str(role.get("id", "")), str(member.get("state", "")))
        for role in dig(status, "roles", default=[])
        for member in role.get("members") or ()
    )
