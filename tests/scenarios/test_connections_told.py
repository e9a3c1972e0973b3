"""Members learn what their cluster is connected to, with real start scripts that read it by configcli (3.16)."""

import base64

import pytest

from kdlib import kube, packages
from kdlib.wire import CONFIG_MAP, KD_CLUSTER, SECRET, Ref

pytestmark = pytest.mark.usefixtures("daemon")

ENDPOINTS = "connections.clusters.other.services.echo.1.head.endpoints"


def greeting(word):
    labels = {"kubedirector.hpe.com/cmType": "greeting"}
    metadata = {"namespace": "default", "name": "hello", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"word": word}}


def login(word):
    labels = {"kubedirector.hpe.com/secretType": "login"}
    metadata = {"namespace": "default", "name": "pass", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"word": word}}


def knows(version):
    """Tell of a cluster whether each of its members was told of this version of its connections."""

    def holds(found):
        roles = (found or {}).get("status", {}).get("roles", [])
        details = [member["stateDetail"] for role in roles for member in role["members"]]
        told = [detail.get("lastConnectionVersion") for detail in details if "pendingNotifyCmds" not in detail]
        return bool(details) and told == [version] * len(details) and found["status"]["state"] == "configured"

    return holds


async def test_members_are_told_and_read_what_is_connected_by_configcli(world, shell, cluster):
    """RC-37, IC-13."""
    await world.api.apply(greeting("ahoy"), field_manager="test")
    await world.api.apply(login("hunter2"), field_manager="test")
    await world.apply(shell / "app.yaml")
    connections = {"clusters": ["other"], "configmaps": ["hello"], "secrets": ["pass"]}
    await world.apply(shell / "cluster.yaml", connections=connections)
    found = await world.until_configured(cluster, 3)
    pods = [member["pod"] for member in world.members_of(found)]

    async def read(key):
        return {(await world.run_in(pod, f"configcli --get {key}")).strip() for pod in pods}

    assert await read("connections.configmaps.greeting.data.word") == {"ahoy"}
    assert await read("connections.secrets.login.data.word") == {base64.b64encode(b"hunter2").decode()}

    await world.api.apply(greeting("farewell"), field_manager="test")
    await world.until(cluster, knows(1))
    assert set(map(tuple, (await world.events_told(cluster)).values())) == {("--configure", "--reconnect")}
    assert {await world.run_in(pod, "cat /var/log/shell-word") for pod in pods} == {"farewell\n"}

    other = {**packages.load(shell / "cluster.yaml")[0].value, "metadata": {"namespace": "default", "name": "other"}}
    other["spec"] = {**other["spec"], "roles": [{**role, "members": 1} for role in other["spec"]["roles"][:1]]}
    await world.api.apply(other, field_manager="test")
    there = await world.until_configured(Ref(KD_CLUSTER, "default", "other"), 1)
    await world.until(cluster, knows(2))
    (head,) = world.members_of(there)
    (endpoint,) = await read(ENDPOINTS)
    assert endpoint.startswith(f"tcp://{head['pod']}.")
    assert endpoint.endswith(":7000")

    await world.api.delete(Ref(SECRET, "default", "pass"))
    found = await world.until(cluster, knows(3))
    conditions = {item["type"]: item for item in found["status"]["conditions"]}
    assert "Secret 'pass' does not exist" in conditions["ConnectionsMissing"]["message"]
    assert await read("connections.secrets") == {""}
    assert all(told.count("--reconnect") == 3 for told in (await world.events_told(cluster)).values())
    listed = await world.api.list(kube.Selection(CONFIG_MAP, "default", fields="metadata.name=hello"))
    assert [item["data"] for item in listed.items] == [{"word": "farewell"}]
