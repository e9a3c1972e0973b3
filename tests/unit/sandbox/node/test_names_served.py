"""Answers to name queries are those of a cluster's DNS."""

import pytest
from dnslib import EDNS0, DNSRecord
from hypothesis import given, strategies

from kdlib.sandbox.node.names_served import answer
from kdlib.sandbox.node.service_table import ServiceTable


def service(name, cluster_address="10.96.0.9", **spec):
    ports = [{"name": "web", "port": 80, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {"clusterIP": cluster_address, "ports": ports, **spec},
    }


def endpoint_slice(owner, *endpoints, name="s"):
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "ns", "labels": {"kubernetes.io/service-name": owner}},
        "endpoints": [
            {"addresses": [address], "hostname": host, "conditions": {"ready": ready}}
            for address, host, ready in endpoints
        ],
        "ports": [{"name": "web", "port": 8080, "protocol": "TCP"}],
    }


@pytest.fixture
def table():
    made = ServiceTable()
    made.record("ADDED", service("front"))
    made.record("ADDED", service("set", "None"))
    made.record("ADDED", service("open", "None", publishNotReadyAddresses=True))
    made.record("ADDED", service("away", type="ExternalName", externalName="example.org", clusterIP=""))
    members = [("10.88.0.5", "set-0", True), ("10.88.0.6", "set-1", False), ("10.88.0.7", "", True)]
    made.record("ADDED", endpoint_slice("set", *members))
    made.record("ADDED", endpoint_slice("open", *members))
    return made


def ask(table, name, kind="A", **options):
    reply = DNSRecord.parse(answer(DNSRecord.question(name, kind).pack(), table, datagram=True, **options))
    return reply.header.rcode, [str(record.rdata) for record in reply.rr]


NOT_THERE = (3, [])
EMPTY = (0, [])


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("front.ns.svc.cluster.local", "A", (0, ["10.96.0.9"])),
        ("FRONT.ns.svc.Cluster.Local.", "A", (0, ["10.96.0.9"])),
        ("front.ns.svc.cluster.local", "AAAA", EMPTY),
        ("front.other.svc.cluster.local", "A", NOT_THERE),
        ("nobody.ns.svc.cluster.local", "A", NOT_THERE),
        ("set.ns.svc.cluster.local", "A", (0, ["10.88.0.5", "10.88.0.7"])),
        ("open.ns.svc.cluster.local", "A", (0, ["10.88.0.5", "10.88.0.6", "10.88.0.7"])),
        ("set-0.set.ns.svc.cluster.local", "A", (0, ["10.88.0.5"])),
        ("set-1.set.ns.svc.cluster.local", "A", NOT_THERE),
        ("set-1.open.ns.svc.cluster.local", "A", (0, ["10.88.0.6"])),
        ("10-88-0-7.set.ns.svc.cluster.local", "A", (0, ["10.88.0.7"])),
        ("x.front.ns.svc.cluster.local", "A", NOT_THERE),
        ("_web._tcp.front.ns.svc.cluster.local", "SRV", (0, ["0 100 80 front.ns.svc.cluster.local."])),
        ("_dns._udp.front.ns.svc.cluster.local", "SRV", (0, ["0 100 53 front.ns.svc.cluster.local."])),
        (
            "_web._tcp.set.ns.svc.cluster.local",
            "SRV",
            (0, ["0 100 8080 set-0.set.ns.svc.cluster.local.", "0 100 8080 10-88-0-7.set.ns.svc.cluster.local."]),
        ),
        ("_web._udp.set.ns.svc.cluster.local", "SRV", NOT_THERE),
        ("away.ns.svc.cluster.local", "A", (0, ["example.org."])),
        ("9.0.96.10.in-addr.arpa", "PTR", (0, ["front.ns.svc.cluster.local."])),
        (
            "5.0.88.10.in-addr.arpa",
            "PTR",
            (0, ["set-0.open.ns.svc.cluster.local.", "set-0.set.ns.svc.cluster.local."]),
        ),
        ("1.1.1.1.in-addr.arpa", "PTR", NOT_THERE),
        ("10-88-0-5.ns.pod.cluster.local", "A", (0, ["10.88.0.5"])),
        ("10-88-0-500.ns.pod.cluster.local", "A", NOT_THERE),
        ("ns.svc.cluster.local", "A", EMPTY),
        ("none.svc.cluster.local", "A", NOT_THERE),
        ("svc.cluster.local", "A", EMPTY),
        ("cluster.local", "A", EMPTY),
        ("dns-version.cluster.local", "TXT", (0, ['"1.1.0"'])),
        ("example.org", "A", NOT_THERE),
        ("notcluster.local", "A", NOT_THERE),
    ],
)
def test_names_are_answered_as_the_specification_says(table, name, kind, found):
    assert ask(table, name, kind) == found


def test_a_service_that_goes_and_endpoints_that_change_are_followed(table):
    table.record("DELETED", service("front"))
    table.record("MODIFIED", endpoint_slice("set", ("10.88.0.6", "set-1", True)))
    table.record("ADDED", endpoint_slice("set", ("10.88.1.1", "set-9", True), name="more"))

    assert ask(table, "front.ns.svc.cluster.local") == NOT_THERE
    assert ask(table, "set.ns.svc.cluster.local") == (0, ["10.88.0.6", "10.88.1.1"])

    table.record("DELETED", endpoint_slice("set", name="more"))
    assert ask(table, "set.ns.svc.cluster.local") == (0, ["10.88.0.6"])


def test_an_answer_that_is_too_long_for_a_datagram_asks_for_a_stream(table):
    table.record("MODIFIED", endpoint_slice("set", *[(f"10.88.1.{each}", f"set-{each}", True) for each in range(99)]))
    query = DNSRecord.question("set.ns.svc.cluster.local")

    short = DNSRecord.parse(answer(query.pack(), table, datagram=True))
    assert (short.header.tc, short.rr, str(short.q.qname)) == (1, [], "set.ns.svc.cluster.local.")
    assert len(DNSRecord.parse(answer(query.pack(), table, datagram=False)).rr) == 99

    query.add_ar(EDNS0(udp_len=4096))
    assert len(DNSRecord.parse(answer(query.pack(), table, datagram=True)).rr) == 99


@given(strategies.binary(max_size=80))
def test_no_bytes_bring_the_server_down(query):
    assert isinstance(answer(query, ServiceTable(), datagram=True), bytes)


@given(strategies.binary(max_size=40), strategies.integers(0, 3))
def test_no_question_brings_the_server_down(rest, count):
    header = bytes([1, 2, 1, 0, 0, count, 0, 0, 0, 0, 0, 0])
    assert isinstance(answer(header + rest, ServiceTable(), datagram=True), bytes)
