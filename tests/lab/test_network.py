"""What members are reached by, and what they are told of others, on a real network."""

import asyncio
import contextlib

import pytest
from shell_cluster import is_configured, members_of

from kdlib.wire import SERVICE

pytestmark = pytest.mark.lab

ECHO = "import socket; s = socket.create_server(('', 7000)); [s.accept()[0].sendall(b'ahoy') for _ in iter(int, 1)]"
PATIENCE_SECONDS = 30


def greeting(word):
    labels = {"kubedirector.hpe.com/cmType": "greeting"}
    metadata = {"name": "hello", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"word": word}}


async def heard(address, port):
    """Return what is heard at a port.

    For a moment nothing is where the way to it has just been made: until kube-proxy knows of a Service, its address is
    any address of the world beyond this machine, where somebody may answer, and hang up.
    """
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            with contextlib.suppress(OSError):
                if words := await said_by(address, port):
                    return words
            await asyncio.sleep(0.2)


async def said_by(address, port):
    reader, writer = await asyncio.open_connection(address, port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def of_type(wanted):
    def holds(services):
        own = [item["spec"] for item in services if item["spec"].get("clusterIP") != "None"]
        return bool(own) and {spec.get("type") for spec in own} == {wanted}

    return holds


async def test_members_are_reached_at_their_services_of_each_type(cluster, shell, address):
    await shell.app()
    await shell.apply(tail={"members": 0})
    found = await shell.configured(1)
    (head,) = members_of(found)
    await shell.run_in(head["pod"], f'setsid python3 -c "{ECHO}" > /dev/null 2>&1 < /dev/null &')
    service = cluster.ref(SERVICE, head["service"])
    made = await cluster.api.get(service)
    assert made["spec"]["type"] == "ClusterIP"
    assert await heard(made["spec"]["clusterIP"], 7000) == b"ahoy"

    await shell.apply(tail={"members": 0}, serviceType="NodePort")
    await cluster.eventually(service, {"spec": {"type": "NodePort"}})
    after = await shell.configured(1)
    node_port = (await cluster.api.get(service))["spec"]["ports"][0]["nodePort"]
    assert await heard(address, node_port) == b"ahoy"

    await shell.apply(tail={"members": 0}, serviceType="LoadBalancer")
    await cluster.eventually(service, {"spec": {"type": "LoadBalancer"}})
    after = await shell.configured(1)
    # No pod was made anew for that: what was started by hand is still heard.
    assert members_of(after) == members_of(found)
    assert await heard(made["spec"]["clusterIP"], 7000) == b"ahoy"


async def test_members_are_told_what_is_connected(cluster, shell):
    await cluster.apply(greeting("ahoy"))
    await shell.app()
    await shell.apply(connections={"configmaps": ["hello"]})
    found = await shell.configured(3)
    pods = [member["pod"] for member in members_of(found)]
    key = "connections.configmaps.greeting.data.word"
    assert {await shell.run_in(pod, f"configcli --get {key}") for pod in pods} == {"ahoy\n"}
    await cluster.apply(greeting("farewell"))

    def knows(found):
        details = [member["stateDetail"] for member in members_of(found)]
        return [item.get("lastConnectionVersion") for item in details] == [1] * 3 and is_configured(found, 3)

    await shell.until(knows)
    assert {await shell.run_in(pod, "cat /var/log/shell-word") for pod in pods} == {"farewell\n"}
