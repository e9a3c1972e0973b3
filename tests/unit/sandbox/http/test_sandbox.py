"""The embedded cluster put together, without a node."""

import asyncio
import stat
from datetime import UTC, datetime

import pytest
import yaml

from kdlib.errors import UnreachableError
from kdlib.sandbox import Access, AccessLog, Sandbox, SandboxOptions
from kdlib.sandbox.node import ImageError
from kdlib.wire import Request


async def test_a_kubeconfig_needs_no_other_file_and_is_its_owners_alone(tmp_path):
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        path = tmp_path / "deep" / "kubeconfig"
        sandbox.write_kubeconfig(path)
        document = yaml.safe_load(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert document["clusters"][0]["cluster"]["server"] == sandbox.url
    assert set(document["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


async def test_a_new_cluster_has_what_clients_expect():
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        names = await sandbox.transport.request(Request("GET", "/api/v1/namespaces"))
        service = await sandbox.transport.request(Request("GET", "/api/v1/namespaces/default/services/kubernetes"))
    assert {each["metadata"]["name"] for each in names["items"]} >= {"default", "kube-system"}
    assert service["spec"]["ports"][0]["port"] == 443


async def test_after_the_end_nobody_listens():
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(sandbox.host, port)


async def test_two_clusters_live_side_by_side():
    async with Sandbox(SandboxOptions(node=False)) as first, Sandbox(SandboxOptions(node=False)) as second:
        body = {"metadata": {"name": "a"}}
        await first.transport.request(Request("POST", "/api/v1/namespaces/default/configmaps", body=body))
        listed = await second.transport.request(Request("GET", "/api/v1/namespaces/default/configmaps"))
    assert "a" not in {each["metadata"]["name"] for each in listed["items"]}


async def test_two_clusters_answer_on_addresses_of_their_own():
    async with Sandbox(SandboxOptions(node=False)) as first, Sandbox(SandboxOptions(node=False)) as second:
        assert first.host != second.host
        assert [first.url.split(":")[1], second.url.split(":")[1]] == [f"//{first.host}", f"//{second.host}"]
        named = SandboxOptions(node=False, host=first.host)
        async with Sandbox(named) as third:
            assert third.host == first.host


async def test_what_cannot_start_leaves_nothing(tmp_path):
    sandbox = Sandbox(SandboxOptions(images={"x": tmp_path / "nothing"}))
    with pytest.raises(ImageError):
        await sandbox.start()
    assert sandbox.url == ""


async def test_a_transport_is_its_own_to_close():
    async with Sandbox(SandboxOptions(node=False)) as sandbox:
        transport = sandbox.transport
        await transport.close()
        with pytest.raises(UnreachableError):
            await transport.request(Request("GET", "/api/v1/nodes"))
        assert await sandbox.transport.request(Request("GET", "/api/v1/nodes"))


def test_the_access_log_is_a_ring_that_counts_on():
    log = AccessLog(size=2)
    for code in (200, 201, 404):
        log.note(Access(datetime(2026, 1, 1, tzinfo=UTC), "GET", "/x", "me", "agent/1", code))
    assert [access.code for access in log] == [201, 404]
    assert log.total == 3
    assert [access.code for access in log.matching(wanted=lambda access: access.code == 404)] == [404]
    assert log.matching(since=datetime(2027, 1, 1, tzinfo=UTC)) == ()
    log.clear()
    assert (len(log), log.total) == (0, 3)
