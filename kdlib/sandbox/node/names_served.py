"""Answers to name queries, as a cluster's DNS gives them.

Source: https://github.com/kubernetes/dns/blob/master/docs/specification.md.

Layer: pure.
"""

from collections.abc import Iterable

from dnslib import CNAME, PTR, QTYPE, RCODE, RD, RR, SOA, SRV, TXT, A, DNSError, DNSRecord

from kdlib.frozen import Json
from kdlib.sandbox.node.pod_files import CLUSTER_DOMAIN
from kdlib.sandbox.node.service_table import Endpoint, Key, ServiceTable

__all__ = ["answer"]

_TTL_SECONDS = 5
_PLAIN_BYTES = 512
_REVERSE = ".in-addr.arpa"
Records = list[RD]


def answer(query: bytes, table: ServiceTable, *, datagram: bool) -> bytes:
    """Answer a query; empty for what is none. Names outside of the cluster do not exist: pods have no way out."""
    try:
        asked = DNSRecord.parse(query)
    except (DNSError, ValueError, LookupError):
        return b""
    reply = asked.reply()
    if asked.questions:
        _fill(reply, asked, table)
    else:
        reply.header.rcode = RCODE.FORMERR
    packed = bytes(reply.pack())
    if datagram and len(packed) > _room(asked):
        # The asker comes again over a stream.
        reply.rr.clear()
        reply.header.tc = 1
        return bytes(reply.pack())
    return packed


def _fill(reply: DNSRecord, asked: DNSRecord, table: ServiceTable) -> None:
    found = _records(str(asked.q.qname).rstrip(".").lower(), table)
    if found is None:
        reply.header.rcode = RCODE.NXDOMAIN
    kind = QTYPE[asked.q.qtype]
    for data in found or ():
        own_kind = type(data).__name__
        if own_kind in (kind, "CNAME") or kind == "ANY":
            reply.add_answer(RR(asked.q.qname, getattr(QTYPE, own_kind), rdata=data, ttl=_TTL_SECONDS))
    if not reply.rr:
        reply.add_auth(RR(CLUSTER_DOMAIN, QTYPE.SOA, rdata=_authority(), ttl=_TTL_SECONDS))


def _room(asked: DNSRecord) -> int:
    """Return how large a datagram the asker takes."""
    sizes = [int(record.edns_len) for record in asked.ar if record.rtype == QTYPE.OPT]
    return max([_PLAIN_BYTES, *sizes])


def _records(name: str, table: ServiceTable) -> Records | None:
    """Return the records of a name, empty where it is only a step on the way, None where it does not exist."""
    if name.endswith(_REVERSE):
        return _reverse(".".join(reversed(name.removesuffix(_REVERSE).split("."))), table)
    if not f".{name}".endswith(f".{CLUSTER_DOMAIN}"):
        return None
    match f".{name}".removesuffix(f".{CLUSTER_DOMAIN}").split("."):
        case [""] | ["", "svc" | "pod"]:
            return []
        case ["", "dns-version"]:
            return [TXT("1.1.0")]
        case ["", namespace, "svc"]:
            return _step(namespace, table)
        case ["", address, _, "pod"]:
            return _address(address.replace("-", "."))
        case ["", *rest, service, namespace, "svc"] if (namespace, service) in table.services:
            return _service(rest, (namespace, service), table)
        case _:
            return None


def _step(namespace: str, table: ServiceTable) -> Records | None:
    return [] if any(each == namespace for each, _ in table.services) else None


def _service(rest: list[str], key: Key, table: ServiceTable) -> Records | None:
    spec = table.services[key]["spec"]
    match rest, spec.get("type"), _is_headless(spec):
        case [[], "ExternalName", _]:
            return [CNAME(spec["externalName"])]
        case [[], _, True]:
            return _addresses(table.endpoints(key))
        case [[], _, False]:
            return [A(spec["clusterIP"])]
        case [[host], _, True]:
            return _addresses(each for each in table.endpoints(key) if host in (each.host_name, _dashed(each)))
        case [[port, "_tcp" | "_udp" as protocol], _, _] if port.startswith("_"):
            return _ports(port[1:], protocol[1:].upper(), key, table)
        case _:
            return None


def _is_headless(spec: Json) -> bool:
    return spec.get("clusterIP") in (None, "", "None")


def _addresses(endpoints: Iterable[Endpoint]) -> Records | None:
    return [A(each) for each in dict.fromkeys(endpoint.address for endpoint in endpoints)] or None


def _ports(name: str, protocol: str, key: Key, table: ServiceTable) -> Records | None:
    """Return SRV records: of the Service's own port, or of each endpoint's where it is headless."""
    namespace, service_name = key
    domain = f"{service_name}.{namespace}.svc.{CLUSTER_DOMAIN}"
    spec = table.services[key]["spec"]
    if _is_headless(spec):
        found = [
            (number, f"{_label(endpoint)}.{domain}")
            for endpoint in table.endpoints(key)
            for each, number, spoken in endpoint.ports
            if (each, spoken) == (name, protocol)
        ]
    else:
        ports = [each for each in spec.get("ports") or () if each.get("protocol", "TCP") == protocol]
        found = [(each["port"], domain) for each in ports if each.get("name") == name]
    return [SRV(0, 100, number, target) for number, target in found] or None


def _label(endpoint: Endpoint) -> str:
    return endpoint.host_name or _dashed(endpoint)


def _dashed(endpoint: Endpoint) -> str:
    return endpoint.address.replace(".", "-")


def _reverse(address: str, table: ServiceTable) -> Records | None:
    names: list[str] = []
    for (namespace, name), service in table.services.items():
        domain = f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"
        if service["spec"].get("clusterIP") == address:
            names.append(domain)
        elif _is_headless(service["spec"]):
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
