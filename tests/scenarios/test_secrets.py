"""Secret keys and tokens from end to end: webhook, daemon, members, and the commands that change keys."""

import asyncio
import json
import os
import sys

from kdlib.frozen import dig
from kdlib.model import CONFIG_NAME
from kdlib.rules import decrypted
from kdlib.wire import KD_CONFIG, SERVICE, Ref

CONFIG = Ref(KD_CONFIG, "kubedirector", CONFIG_NAME)
TOKEN = "kubedirector.hpe.com/kd-auth-token"
SMALL = {"limits": {"memory": "64Mi", "cpu": "100m"}, "requests": {"memory": "16Mi", "cpu": "10m"}}
ENDPOINT = {"port": 7000, "urlScheme": "tcp", "hasAuthToken": True}


def roles(**keys):
    items = [{"name": name, "value": value} for name, value in keys.items()]
    return [{"id": "head", "resources": SMALL, "secretKeys": items}, {"id": "tail", "members": 1, "resources": SMALL}]


async def kdd(world, *arguments):
    """Begin a command as a process of its own."""
    environ = {key: value for key, value in os.environ.items() if key not in ("KUBECONFIG", "MY_NAMESPACE")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kdd", *arguments, "--kubeconfig", str(world.kubeconfig)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environ,
    )


async def read(world, pod, key):
    return (await world.run_in(pod, f"configcli --get {key}")).strip()


async def until_all_hold_news(world, cluster, before):
    """Wait until every member holds a configmeta of a later generation than that of the cluster as it was before."""

    def hold(found):
        generation = dig(found, "status", "specGenerationToProcess", default=0)
        held = [member["stateDetail"].get("lastConfigDataGeneration") for member in world.members_of(found)]
        return generation > before["status"]["specGenerationToProcess"] and held == [generation] * len(held)

    return await world.until(cluster, hold)


def texts(found):
    return [item["encryptedValue"] for role in found["spec"]["roles"] for item in role.get("secretKeys", [])]


async def test_secret_values_from_manifest_to_member_and_through_a_new_key(world, shell, cluster, reviewing_daemon):
    """OP-06: W-38, a key is changed while members run, and the command that does it is killed on its way."""
    metadata = {"name": CONFIG_NAME, "namespace": "kubedirector"}
    await world.api.create({"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata})
    await world.until(CONFIG, lambda found: dig(found, "status", "state") == "ready")
    service = {"id": "echo", "label": {"name": "Echo"}, "endpoint": ENDPOINT}
    await world.apply(shell / "app.yaml", services=[service])
    await world.apply(shell / "cluster.yaml", roles=roles(password="hunter2"))
    found = await world.until_configured(cluster, 2)
    assert "hunter2" not in json.dumps(found)
    pods = [member["pod"] for member in world.members_of(found)]
    path = "nodegroups.1.roles.head.secret_keys.password"
    assert [await read(world, pod, path) for pod in pods] == ["hunter2"] * 2
    told = await world.events_told(cluster)

    await world.apply(shell / "cluster.yaml", roles=roles(password="hunter3"))
    found = await until_all_hold_news(world, cluster, found)
    assert [await read(world, pod, path) for pod in pods] == ["hunter3"] * 2

    before = (await world.api.get(CONFIG))["spec"]["masterEncryptionKey"]
    command = await kdd(world, "rotate-key")
    await world.until(CONFIG, lambda found: found["spec"]["masterEncryptionKey"] != before)
    if command.returncode is None:
        command.kill()
    await command.communicate()
    command = await kdd(world, "rotate-key")
    output = (await command.communicate())[0].decode()
    assert command.returncode == 0, output
    config, found = await world.api.get(CONFIG), await world.api.get(cluster)
    key = config["spec"]["masterEncryptionKey"]
    assert [decrypted(text, bytes.fromhex(key)) for text in texts(found)] == ["hunter3"]
    assert "formerEncryptionKeys" not in config["spec"]
    assert key not in output

    found = await world.until_configured(cluster, 2)
    assert [await read(world, pod, path) for pod in pods] == ["hunter3"] * 2

    head, tail = world.members_of(found)
    command = await kdd(world, "rotate-tokens", cluster.name, tail["pod"])
    refusal = (await command.communicate())[0].decode()
    assert (command.returncode, f"{tail['pod']} has no token" in refusal, refusal.count("\n")) == (2, True, 1)
    command = await kdd(world, "rotate-tokens", cluster.name, head["pod"])
    assert (await command.communicate())[0].decode().endswith(f"asked for a new token of {head['pod']}\n")
    service = Ref(SERVICE, "default", head["service"])
    shown = await world.until(service, lambda found: found["metadata"]["annotations"][TOKEN] != head["authToken"])
    token = shown["metadata"]["annotations"][TOKEN]
    await until_all_hold_news(world, cluster, found)
    path = "nodegroups.1.roles.head.services.echo.authToken"
    assert [await read(world, pod, path) for pod in pods] == [token] * 2
    assert await world.events_told(cluster) == told
    secrets = ("hunter2", "hunter3", key, before, token)
    assert [secret for secret in secrets if secret in reviewing_daemon.log] == []
