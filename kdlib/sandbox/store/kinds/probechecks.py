"""What is wrong with the probes of a container, in the order of the reference server.

See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe.

Layer: pure.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required, unsupported

__all__ = ["probe_errors"]

_HEADER = re.compile(r"[-A-Za-z0-9]+")
_HEADER_RULE = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for"
    " validation is '[-A-Za-z0-9]+')"
)
_SCHEMES = ("HTTP", "HTTPS")
_AMOUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_NEGATIVE = "must be greater than or equal to 0"
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def probe_errors(container: Json, where: str, port_name: Callable[[str], tuple[str, ...]]) -> Iterator[FieldError]:
    """Yield what is wrong with the probes of a container; `port_name` says what is wrong with the name of a port."""
    for field in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(field)
        if probe is not None:
            yield from _handler_errors(probe, f"{where}.{field}", port_name)
            yield from _amount_errors(probe, f"{where}.{field}", is_readiness=field == "readinessProbe")


def _handler_errors(probe: Json, where: str, port_name: Callable[[str], tuple[str, ...]]) -> Iterator[FieldError]:
    given = [kind for kind in _HANDLERS if probe.get(kind) is not None]
    if not given:
        yield required(where, "must specify a handler type")
    for kind in given[1:]:
        yield forbidden_field(f"{where}.{kind}", "may not specify more than 1 handler type")
    for kind in given[:1]:
        action = probe[kind]
        match kind:
            case "exec":
                if not action.get("command"):
                    yield required(f"{where}.exec.command")
            case "grpc":
                yield from _port_errors(action.get("port", 0), f"{where}.grpc.port", port_name)
            case _:
                if kind == "httpGet" and not action.get("path"):
                    yield required(f"{where}.httpGet.path")
                yield from _port_errors(action.get("port", 0), f"{where}.{kind}.port", port_name)
                yield from _request_errors(action, f"{where}.{kind}") if kind == "httpGet" else ()


def _port_errors(port: Any, where: str, port_name: Callable[[str], tuple[str, ...]]) -> Iterator[FieldError]:
    if isinstance(port, str):
        for problem in port_name(port):
            yield invalid_value(where, port, problem)
    elif not 1 <= port <= 65535:
        yield invalid_value(where, port, "must be between 1 and 65535, inclusive")


def _request_errors(action: Json, where: str) -> Iterator[FieldError]:
    if action.get("scheme") not in _SCHEMES:
        yield unsupported(f"{where}.scheme", action.get("scheme"), _SCHEMES)
    for header in action.get("httpHeaders") or ():
        if not _HEADER.fullmatch(header.get("name", "")):
            yield invalid_value(f"{where}.httpHeaders", header.get("name", ""), _HEADER_RULE)


def _amount_errors(probe: Json, where: str, *, is_readiness: bool) -> Iterator[FieldError]:
    for name in _AMOUNTS:
        if (probe.get(name) or 0) < 0:
            yield invalid_value(f"{where}.{name}", probe[name], _NEGATIVE)
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and is_readiness:
        yield invalid_value(f"{where}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
    elif grace is not None and grace <= 0:
        yield invalid_value(f"{where}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if not is_readiness and probe.get("successThreshold", 1) != 1:
        yield invalid_value(f"{where}.successThreshold", probe["successThreshold"], "must be 1")
