"""Services and endpoints: defaults, mistakes, and what may not change.

See https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required, unsupported
from kdlib.sandbox.store.metadata import dns_label_problems, dns_subdomain_problems
from kdlib.wire import label_value_problems

__all__ = ["default_service", "new_service_errors", "service_update_errors"]

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_REACHED_FROM_OUTSIDE = ("NodePort", "LoadBalancer")
_PROTOCOLS = ("SCTP", "TCP", "UDP")


def default_service(service: Json) -> None:
    """Fill in what every Service shows."""
    spec = service.setdefault("spec", {})
    spec.setdefault("sessionAffinity", "None")
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        config.setdefault("timeoutSeconds", 10800)
    kind = spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in {None, 0, ""}:
            port["targetPort"] = port.get("port")
    if kind in _REACHED_FROM_OUTSIDE:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def new_service_errors(service: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a Service that is to be created."""
    yield from _service_errors(service)
    yield from _address_errors(service, {})


def _service_errors(service: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a Service."""
    spec = service["spec"]
    yield from _type_errors(spec)
    yield from _port_errors(spec.get("ports") or [])
    for _, value in sorted((spec.get("selector") or {}).items()):
        for problem in label_value_problems(value):
            yield invalid_value("spec.selector", value, problem)
    affinity = spec.get("sessionAffinity")
    if affinity not in {"ClientIP", "None"}:
        yield unsupported("spec.sessionAffinity", affinity, ("ClientIP", "None"))


def _type_errors(spec: Json) -> Iterator[FieldError]:
    kind, is_headless = spec.get("type"), spec.get("clusterIP") == "None"
    if kind not in _TYPES:
        yield unsupported("spec.type", kind, _TYPES)
    if kind == "ExternalName":
        yield from _external_errors(spec)
    elif not spec.get("ports") and not is_headless:
        yield required("spec.ports")
    if is_headless and kind in _REACHED_FROM_OUTSIDE:
        yield invalid_value("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")


def _external_errors(spec: Json) -> Iterator[FieldError]:
    name = spec.get("externalName", "")
    if not name:
        yield required("spec.externalName")
        return
    for problem in dns_subdomain_problems(name.rstrip(".")):
        yield invalid_value("spec.externalName", name, problem)


def _port_errors(ports: list[Json]) -> Iterator[FieldError]:
    names: set[str] = set()
    used: set[tuple[int, str]] = set()
    for index, port in enumerate(ports):
        where, name = f"spec.ports[{index}]", port.get("name", "")
        if name or len(ports) > 1:
            yield from _port_name_errors(name, f"{where}.name", names)
        number, protocol = port.get("port", 0), port.get("protocol", "")
        for field in ("port", "targetPort"):
            value = port.get(field, 0)
            if isinstance(value, int) and not 0 < value < 65536:
                yield invalid_value(f"{where}.{field}", value, "must be between 1 and 65535, inclusive")
        if protocol not in _PROTOCOLS:
            yield unsupported(f"{where}.protocol", protocol, _PROTOCOLS)
        if (number, protocol) in used:
            shown = {"Name": "", "Protocol": protocol, "AppProtocol": None, "Port": number, "TargetPort": 0}
            yield FieldError(where, "FieldValueDuplicate", "", {**shown, "NodePort": 0})
        used.add((number, protocol))


def _port_name_errors(name: str, where: str, names: set[str]) -> Iterator[FieldError]:
    if not name:
        yield required(where)
        return
    for problem in dns_label_problems(name):
        yield invalid_value(where, name, problem)
    if name in names:
        yield FieldError(where, "FieldValueDuplicate", "", name)
    names.add(name)


def _address_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield the mistake of asking for an address where there is none; one that stood there before is taken away."""
    before, after = dig(old, "spec", "clusterIP", default=""), dig(new, "spec", "clusterIP", default="")
    if new["spec"].get("type") == "ExternalName" and after and after != before:
        yield forbidden_field("spec.clusterIPs", "may not be set for ExternalName services")


def service_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update of a Service may not say."""
    yield from _service_errors(new)
    yield from _address_errors(new, old)
    before, after = dig(old, "spec", "clusterIP", default=""), dig(new, "spec", "clusterIP", default="")
    kinds = {new["spec"].get("type"), old["spec"].get("type")}
    if before and after and before != after and "ExternalName" not in kinds:
        yield invalid_value("spec.clusterIPs[0]", [after], "may not change once set")
