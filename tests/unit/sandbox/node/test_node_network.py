"""Names, cluster IPs, node ports, and sockets into the node's network."""

import asyncio
import fcntl
import struct

import pytest
import pytest_asyncio

in_module = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(own_world):
    """Give each test a node of its own: they use the same names and addresses."""
    return own_world


FOREVER = "sleep 1000"
SIOCGIFHWADDR = 0x8927
SERVER = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = os.uname().nodename.encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
print("ready", flush=True)
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def serve(world, *names, **spec):
    """Run pods that tell their host names on port 8080."""
    container = {
        "command": ["python3", "-c", SERVER],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    }
    for name in names:
        world.run(name, container=container, **spec)


def service(world, name, *pods, **spec):
    """Make a Service and the slice that leads to these pods."""
    ports = [{"name": "web", "port": 80, "protocol": "TCP", **spec.pop("port", {})}]
    world.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports, **spec}})
    endpoints = [
        {"addresses": [world.pod(pod)["status"]["podIP"]], "conditions": {"ready": True}, "hostname": pod}
        for pod in pods
    ]
    return world.create(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"name": "web", "port": 8080, "protocol": "TCP"}],
        }
    )


async def ask(world, host, port):
    """Get / over a socket dialled in the node's network, or on the machine itself."""
    return await asyncio.wait_for(_ask(await world.node.dial(host, port)), 10)


async def _ask(sock):
    reader, writer = await asyncio.open_connection(sock=sock)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.rpartition(b"\r\n\r\n")[2].decode()


def fetch(url):
    return f"python3 -c 'import urllib.request as u; print(u.urlopen(\"{url}\", timeout=9).read().decode())'"


@in_module
async def test_pods_are_found_by_the_names_that_kubernetes_gives_them(world):
    serve(world, "web-0", "web-1", hostname=None)
    world.run("asks", FOREVER)
    await world.running("web-0", "web-1", "asks")
    service(world, "web", "web-0", "web-1", clusterIP="None")
    addresses = [world.pod(name)["status"]["podIP"] for name in ("web-0", "web-1")]

    for name in ("web", "web.default", "web.default.svc", "web.default.svc.cluster.local"):
        lines = await world.output("asks", f"getent ahostsv4 {name} | awk '{{print $1}}' | sort -u")
        assert lines.split() == sorted(addresses)
    assert await world.output("asks", fetch("http://web-1.web:8080/")) == "web-1"
    assert await world.output("asks", fetch("http://web-0.web.default.svc.cluster.local:8080/")) == "web-0"
    assert (await world.shell("asks", "getent hosts web-2.web"))[0] != 0
    assert (await world.shell("asks", "getent hosts example.org"))[0] != 0
    found = await world.output("asks", f"getent hosts {addresses[0]}")
    assert found.split() == [addresses[0], "web-0.web.default.svc.cluster.local"]


@in_module
async def test_the_gateways_link_address_stays_whichever_pods_come_and_go(world):
    # A pod that has sent something to the gateway goes on sending to this address, for half a minute and more.
    before = await gateway_link_address(world)
    for name in ("one", "two", "three"):
        world.run(name, FOREVER)
    await world.running("one", "two", "three")
    assert await gateway_link_address(world) == before

    world.delete("one", grace_seconds=0)
    await world.gone("one")
    assert await gateway_link_address(world) == before
    ask = "getent hosts nobody; awk '$1 == \"10.88.0.1\" {print $4}' /proc/net/arp"
    assert await world.output("two", ask) == before


async def gateway_link_address(world):
    """Return the link address of the bridge that joins the pods."""
    with await world.node._means.network.make_socket() as inside:
        answer = fcntl.ioctl(inside, SIOCGIFHWADDR, struct.pack("256s", b"pods"))
    return answer[18:24].hex(":")


@in_module
async def test_a_cluster_address_leads_to_the_endpoints_in_turn(world):
    serve(world, "one", "two")
    world.run("asks", FOREVER)
    await world.running("one", "two", "asks")
    service(world, "both", "one", "two", clusterIP="10.96.0.50")
    await world.node.settled()

    found = {await world.output("asks", fetch("http://both/")) for _ in range(4)}

    assert found == {"one", "two"}
    found = await world.output("asks", "getent hosts both")
    assert found.split() == ["10.96.0.50", "both.default.svc.cluster.local"]


@in_module
async def test_a_node_port_answers_on_the_loopback_address(world):
    serve(world, "web")
    await world.running("web")
    made = service(world, "out", "web", type="NodePort", clusterIP="10.96.0.51", port={"nodePort": 31234})
    await world.node.settled()

    assert await ask(world, "127.0.0.77", 31234) == "web"

    world.registry.update({**made, "endpoints": []})
    await world.node.settled()
    with pytest.raises(ConnectionRefusedError):
        await world.node.dial("127.0.0.77", 31234)


@in_module
async def test_a_service_may_lead_to_the_machine_itself(world):
    async def hello(reader, writer):
        await reader.readline()
        writer.write(b"\r\n\r\nfrom outside")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.78", 0)
    port = server.sockets[0].getsockname()[1]
    world.run("asks", FOREVER)
    await world.running("asks")
    made = service(world, "api", clusterIP="10.96.0.1")
    outside = {
        "endpoints": [{"addresses": ["127.0.0.78"]}],
        "ports": [{"name": "web", "port": port, "protocol": "TCP"}],
    }
    world.registry.update({**made, **outside})
    await world.node.settled()

    script = (
        "import socket as s; c = s.create_connection(('api', 80)); c.send(b'x\\n'); print(c.makefile().read().strip())"
    )
    assert await world.output("asks", f'python3 -c "{script}"') == "from outside"
    server.close()


@in_module
async def test_large_streams_and_half_closed_connections_pass_a_relay(world):
    script = """
import socket, hashlib

server = socket.create_server(("", 8080)); print("ready", flush=True)
while True:
    peer, _ = server.accept(); total = hashlib.sha256()
    while data := peer.recv(65536): total.update(data)
    peer.sendall(total.hexdigest().encode() * 20000); peer.close()
"""
    world.run("sums", container={"command": ["python3", "-c", script]})
    await world.says("sums", "ready")
    service(world, "sums", "sums", clusterIP="10.96.0.52", type="NodePort", port={"nodePort": 31235})
    await world.node.settled()

    reader, writer = await asyncio.open_connection(sock=await world.node.dial("127.0.0.77", 31235))
    writer.write(b"x" * 5_000_000)
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 15)
    writer.close()

    assert len(answer) == 64 * 20000
    assert answer[:64] == answer[-64:]


@in_module
async def test_a_pod_on_the_nodes_network_has_its_address(world):
    world.run("host", FOREVER, hostNetwork=True)
    await world.running("host")

    assert world.pod("host")["status"]["podIP"] == "10.88.0.1"
    assert "pods" in await world.output("host", "cat /proc/net/dev")
