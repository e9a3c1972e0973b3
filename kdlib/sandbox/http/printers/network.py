"""The columns of Services and of what they lead to.

Layer: pure.
"""

from collections.abc import Sequence
from datetime import datetime

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers.column import AGE, NAME, Column, at, labels_text

__all__ = ["ENDPOINTS", "ENDPOINT_SLICE", "SERVICE"]

_SHOWN = 3


def _external(service: Json, _now: datetime) -> str:
    addresses = dig(service, "spec", "externalIPs", default=[])
    match dig(service, "spec", "type"):
        case "ExternalName":
            return str(dig(service, "spec", "externalName", default=""))
        case "LoadBalancer":
            ingress = dig(service, "status", "loadBalancer", "ingress", default=[])
            given = sorted({each.get("ip") or each.get("hostname") or "" for each in ingress} - {""})
            return ",".join([*given, *addresses]) or "<pending>"
        case "ClusterIP" | "NodePort":
            return ",".join(addresses) or "<none>"
        case _:
            return "<unknown>"


def _ports(service: Json, _now: datetime) -> str:
    texts = []
    for port in dig(service, "spec", "ports", default=[]):
        outside = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port['port']}{outside}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or "<none>"


def _first_of(texts: Sequence[str], nothing: str) -> str:
    shown = ",".join(texts[:_SHOWN])
    if len(texts) > _SHOWN:
        return f"{shown} + {len(texts) - _SHOWN} more..."
    return shown or nothing


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _endpoints(obj: Json, _now: datetime) -> str:
    subsets = obj.get("subsets") or []
    texts: list[str] = []
    for subset in subsets:
        addresses = [each["ip"] for each in subset.get("addresses") or []]
        ports = subset.get("ports") or []
        texts += [f"{_bracketed(address)}:{port['port']}" for port in ports for address in addresses]
        texts += [] if ports else addresses
    return _first_of(texts, "" if subsets else "<none>")


def _slice_ports(obj: Json, _now: datetime) -> str:
    texts = [str(port.get("port") or port.get("name") or "*") for port in obj.get("ports") or []]
    return _first_of(texts, "<unset>")


def _slice_endpoints(obj: Json, _now: datetime) -> str:
    texts = [address for endpoint in obj.get("endpoints") or [] for address in endpoint.get("addresses") or []]
    return _first_of(texts, "<unset>")


SERVICE = (
    NAME,
    Column("Type", at("spec", "type")),
    Column("Cluster-IP", at("spec", "clusterIPs", 0, default="<none>")),
    Column("External-IP", _external),
    Column("Port(s)", _ports),
    AGE,
    Column("Selector", lambda obj, _now: labels_text(dig(obj, "spec", "selector")), priority=1),
)
ENDPOINTS = (NAME, Column("Endpoints", _endpoints), AGE)
ENDPOINT_SLICE = (
    NAME,
    Column("AddressType", at("addressType")),
    Column("Ports", _slice_ports),
    Column("Endpoints", _slice_endpoints),
    AGE,
)
