"""Rules of ours for the probes of an app: what an API server would refuse in the pods is refused here (W-42).

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe.

Layer: pure.
"""

import re
from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.model import AppRole, AppSpec, Probe

__all__ = ["one_way_to_ask", "possible_probes", "probe_problems"]

_HEADER = re.compile(r"[-A-Za-z0-9]+")
_HIGHEST_PORT = 65535
_LISTED = 20


def probe_problems(app: AppSpec, role: AppRole, path: str) -> Iterator[Problem]:
    """Yield everything wrong with the probes of a role."""
    probes = {
        "livenessProbe": role.liveness_probe,
        "readinessProbe": role.readiness_probe,
        "startupProbe": role.startup_probe,
    }
    ports = tuple(service.id for service in app.services_of(role.id) if service.endpoint)
    for field, probe in probes.items():
        if probe:
            yield from one_way_to_ask(probe, f"{path}.{field}")
            yield from possible_probes(probe, f"{path}.{field}", ports)


def one_way_to_ask(probe: Probe, path: str) -> Iterator[Problem]:
    """APP-X-30 (ours): a probe asks in exactly one way."""
    ways = (probe.exec_action, probe.http_get, probe.tcp_socket, probe.grpc)
    count = sum(way is not None for way in ways)
    if count != 1:
        what = f"asks in {count} ways" if count else "does not say how to ask"
        yield Problem(path, what, "give one of exec, httpGet, tcpSocket and grpc", "APP-X-30")


def possible_probes(probe: Probe, path: str, ports: tuple[str, ...]) -> Iterator[Problem]:
    """APP-X-31 (ours): a probe is one that a container can have, and asks at a port that it has.

    `ports` are the ids of the services with an endpoint that the role runs: the names of the container's ports.
    """
    for field, what, remedy in (*_ports(probe, ports), *_headers(probe), *_thresholds(probe, path)):
        yield Problem(f"{path}.{field}", what, remedy, "APP-X-31")


def _ports(probe: Probe, known: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for field, way in (("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket)):
        match way.port if way else None:
            case int() as number if not 1 <= number <= _HIGHEST_PORT:
                yield f"{field}.port", f"{number} is no port", f"use 1 to {_HIGHEST_PORT}"
            case str() as name if name not in known:
                listed = ", ".join(map(repr, known[:_LISTED]))
                remedy = f"use a number, or one of {listed}" if known else "use a number"
                yield f"{field}.port", f"{name[:80]!r} is no service of the role with an endpoint", remedy


def _headers(probe: Probe) -> Iterator[tuple[str, str, str]]:
    for index, item in enumerate(probe.http_get.http_headers if probe.http_get else ()):
        if not _HEADER.fullmatch(item.name):
            where, what = f"httpGet.httpHeaders[{index}].name", f"{item.name[:80]!r} is no name of a header"
            yield where, what, "use letters, digits and '-'"


def _thresholds(probe: Probe, path: str) -> Iterator[tuple[str, str, str]]:
    is_readiness = path.endswith("readinessProbe")
    if not is_readiness and probe.success_threshold not in (None, 1):
        yield "successThreshold", "is 1 but for a readinessProbe", "remove it"
    if is_readiness and probe.termination_grace_period_seconds is not None:
        yield "terminationGracePeriodSeconds", "is not for a readinessProbe, which ends no container", "remove it"
