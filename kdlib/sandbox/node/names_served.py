"""Answers to name queries, as a cluster's DNS gives them.

Source: https://github.com/kubernetes/dns/blob/master/docs/specification.md.

Layer: pure.
"""

from collections.abc import Iterable

from dnslib import CNAME, PTR, QTYPE, RCODE, RD, RR, SOA, SRV, TXT, A, DNSError, DNSRecord

from kdlib.frozen import dig
from kdlib.sandbox.node.pod_files import CLUSTER_DOMAIN
from kdlib.sandbox.node.service_table import Endpoint, ServiceTable

__all__ = ["answer"]

_TTL_SECONDS = 5
_PLAIN_BYTES = 512
_REVERSE = ".in-addr.arpa"
Records = list[RD]


def answer(query: bytes, table: ServiceTable, *, datagram: bool) -> bytes:
    """Answer a query; empty for what is none. Names outside of the cluster do not exist: pods have no way out."""
    try:
        asked = DNSRecord.parse(query)
    except (DNSError, ValueError, IndexError):
        return b""
    reply = asked.reply()
    if not asked.questions:
        reply.header.rcode = RCODE.FORMERR
        return bytes(reply.pack())
    name = str(asked.q.qname).rstrip(".")
    found = _records(name.lower(), table)
    if found is None:
        reply.header.rcode = RCODE.NXDOMAIN
    for data in found or ():
        kind = type(data).__name__
        if kind in (QTYPE[asked.q.qtype], "CNAME") or QTYPE[asked.q.qtype] == "ANY":
            reply.add_answer(RR(asked.q.qname, getattr(QTYPE, kind), rdata=data, ttl=_TTL_SECONDS))
    if not reply.rr:
        reply.add_auth(RR(CLUSTER_DOMAIN, QTYPE.SOA, rdata=_authority(), ttl=_TTL_SECONDS))
    packed = bytes(reply.pack())
    if datagram and len(packed) > _room(asked):
        # The asker comes again over a stream.
        reply.rr.clear()
        reply.header.tc = 1
        return bytes(reply.pack())
    return packed


def _room(asked: DNSRecord) -> int:
    """Return how large a datagram the asker takes."""
    sizes = [int(record.edns_len) for record in asked.ar if record.rtype == QTYPE.OPT]
    return max([_PLAIN_BYTES, *sizes])


def _records(name: str, table: ServiceTable) -> Records | None:
    """Return the records of a name, empty where it is only a step on the way, None where it does not exist."""
    if name.endswith(_REVERSE):
        return _reverse(".".join(reversed(name.removesuffix(_REVERSE).split("."))), table)
    if name == f"dns-version.{CLUSTER_DOMAIN}":
        return [TXT("1.1.0")]
    if name == CLUSTER_DOMAIN or not name.endswith(f".{CLUSTER_DOMAIN}"):
        return [] if name == CLUSTER_DOMAIN else None
    labels = name.removesuffix(f".{CLUSTER_DOMAIN}").split(".")
    match labels:
        case ["svc" | "pod"]:
            return []
        case [address, _, "pod"] if address.count("-") == 3:
            return _address(address.replace("-", "."))
        case [*rest, service, namespace, "svc"]:
            return _service(rest, (namespace, service), table)
        case [namespace, "svc"]:
            return [] if any(each == namespace for each, _ in table.services) else None
        case _:
            return None


def _service(rest: list[str], key: tuple[str, str], table: ServiceTable) -> Records | None:
    service = table.services.get(key)
    if service is None:
        return None
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return [CNAME(spec["externalName"])] if not rest else None
    headless = spec.get("clusterIP") in (None, "", "None")
    endpoints = table.endpoints(key)
    match rest:
        case []:
            addresses = [each.address for each in endpoints] if headless else [spec["clusterIP"]]
            return [A(each) for each in dict.fromkeys(addresses)] or None
        case [host] if headless:
            found = [each.address for each in endpoints if host in (each.host_name, each.address.replace(".", "-"))]
            return [A(each) for each in dict.fromkeys(found)] or None
        case [port, protocol] if port.startswith("_") and protocol in ("_tcp", "_udp"):
            return _ports(port[1:], protocol[1:], key, table)
        case _:
            return None


def _ports(name: str, protocol: str, key: tuple[str, str], table: ServiceTable) -> Records | None:
    """Return SRV records: of the Service's own port, or of each endpoint's where it is headless."""
    namespace, service_name = key
    domain = f"{service_name}.{namespace}.svc.{CLUSTER_DOMAIN}"
    spec = table.services[key]["spec"]
    if spec.get("clusterIP") not in (None, "", "None"):
        ports = [
            each["port"]
            for each in spec.get("ports") or ()
            if each.get("name") == name and (each.get("protocol") or "TCP").lower() == protocol
        ]
        return [SRV(0, 100, port, domain) for port in ports] or None
    found: Records = []
    for endpoint in table.endpoints(key):
        for each, number, spoken in endpoint.ports:
            if each == name and spoken.lower() == protocol:
                found.append(SRV(0, 100, number, f"{_label(endpoint)}.{domain}"))
    return found or None


def _label(endpoint: Endpoint) -> str:
    return endpoint.host_name or endpoint.address.replace(".", "-")


def _reverse(address: str, table: ServiceTable) -> Records | None:
    names: list[str] = []
    for (namespace, name), service in table.services.items():
        domain = f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"
        if service["spec"].get("clusterIP") == address:
            names.append(domain)
        elif dig(service, "spec", "clusterIP") == "None":
            here = [each for each in table.endpoints((namespace, name)) if each.address == address]
            names += [f"{_label(each)}.{domain}" for each in here]
    return [PTR(each) for each in sorted(set(names))] or None


def _address(text: str) -> Records | None:
    parts: Iterable[str] = text.split(".")
    if all(each.isdecimal() and int(each) < 256 for each in parts):
        return [A(text)]
    return None


def _authority() -> SOA:
    times = (1, 7200, 1800, 86400, _TTL_SECONDS)
    return SOA(f"ns.dns.{CLUSTER_DOMAIN}", f"hostmaster.{CLUSTER_DOMAIN}", times)
