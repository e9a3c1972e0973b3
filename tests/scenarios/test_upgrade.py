"""A cluster that runs is upgraded on the embedded cluster: planned, rolled out, stopped, taken back; and restarted."""

import asyncio
import json
import shutil
import sys

import pytest

from kdlib import packages
from kdlib.frozen import dig
from kdlib.wire import POD, Ref

BIGGER = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "96Mi", "cpu": "100m"}}
PROCESS_1 = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
SCRIPT = '#!/bin/sh\necho "$*" >> /var/log/shell-events.log\necho two > /var/log/shell-version\n'


@pytest.fixture
def newer_image(tmp_path):
    """Return an image with another release of the test app's setup package, at another place."""
    script = tmp_path / "newer" / "shell" / "startscript"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    script.chmod(0o755)
    place = tmp_path / "newer-image" / "layer" / "opt" / "test"
    place.mkdir(parents=True)
    (place / "newer.tgz").write_bytes(packages.pack(tmp_path / "newer"))
    (tmp_path / "newer-image" / "config.json").write_text(json.dumps({"config": {"Cmd": ["sh", "-c", PROCESS_1]}}))
    yield tmp_path / "newer-image"
    shutil.rmtree(tmp_path / "newer-image")


@pytest.fixture
async def started(open_world, make_daemon, newer_image, tmp_path):
    """Open a world that has both images, with a daemon."""
    async with open_world(tmp_path, {"test/shell:2": newer_image}) as world:
        daemon = make_daemon(world.kubeconfig, tmp_path / "kdd.log")
        await daemon.start()
        yield world
        daemon.kill()
        await daemon.gone()


async def kdd(world, *arguments):
    """Run a command; return its exit code and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kdd", *map(str, arguments), "--kubeconfig", str(world.kubeconfig)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


def newer_app(shell):
    (found,) = packages.load(shell / "app.yaml")
    package = {"packageURL": "file:///opt/test/newer.tgz", "useNewSetupLayout": True}
    spec = {**found.value["spec"], "version": "2", "defaultImageRepoTag": "test/shell:2"}
    return {**found.value, "metadata": {"name": "newer"}, "spec": {**spec, "defaultConfigPackage": package}}


def with_tails(found, app, **fields):
    """Return the manifest of the cluster with another app, and fields of its second role."""
    head, tail = found["spec"]["roles"]
    spec = {**found["spec"], "app": app, "roles": [head, {**tail, **fields}]}
    return {**found, "metadata": {"name": "shell", "namespace": "default"}, "spec": spec}


def condition(found, kind):
    return next((item for item in dig(found, "status", "conditions", default=[]) if item["type"] == kind), {})


async def test_w32_a_cluster_is_upgraded_as_planned_stopped_by_a_failure_and_taken_back(
    started, shell, cluster, tmp_path
):
    world = started
    (manifest,) = packages.load(shell / "cluster.yaml")
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    found = await world.until_configured(cluster, 3)
    head, tails = (
        [member["pod"] for member in world.members_of(found, "head")],
        [member["pod"] for member in world.members_of(found, "tail")],
    )

    wanted = with_tails(manifest.value, "newer", resources=BIGGER)
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"{json.dumps(newer_app(shell))}\n---\n{json.dumps(wanted)}\n")
    before = await world.api.get(cluster)
    code, told = await kdd(world, "plan", plan)
    assert code == 0, told
    assert "spec.app changes from 'shell' to 'newer'" in told
    assert "template.spec.containers[0].image" in told
    order = [line for line in told.splitlines() if "restart member" in line]
    assert [pod for line in order for pod in (*head, *tails) if f"'{pod}'" in line] == [*head, *tails[::-1]]
    assert all("from scratch" in line for line in order)
    assert await world.api.get(cluster) == before

    newer = newer_app(shell)
    await world.api.apply({**newer, "metadata": {"name": "newer", "namespace": "default"}}, field_manager="test")
    await world.api.apply(wanted, field_manager="test")
    await world.until_configured(cluster, 3)
    for pod in (*head, *tails):
        assert (await world.run_in(pod, "cat /var/log/shell-version")).strip() == "two"
        assert (await world.run_in(pod, "configcli --get cluster.name")).strip() == "shell"
    assert (await kdd(world, "plan", plan))[1].endswith("nothing would change\n")

    broken = with_tails(manifest.value, "shell", env=[{"name": "SHELL_FAIL", "value": "1"}])
    await world.api.apply(broken, field_manager="test")
    stopped = await world.until(cluster, lambda found: condition(found, "Upgrading").get("reason") == "UpgradeStopped")
    assert f"member '{tails[1]}': its set-up failed" in condition(stopped, "Upgrading")["message"]
    assert [member["state"] for member in world.members_of(stopped, "tail")] == ["configured", "config error"]
    assert (await world.run_in(tails[0], "cat /var/log/shell-version")).strip() == "two"

    await world.api.apply(wanted, field_manager="test")
    await world.until_configured(cluster, 3)
    for pod in (*head, *tails):
        assert (await world.run_in(pod, "cat /var/log/shell-version")).strip() == "two"

    uid = (await world.api.get(Ref(POD, "default", tails[0])))["metadata"]["uid"]
    assert (await kdd(world, "restart", "shell", tails[0]))[0] == 0
    await world.until(Ref(POD, "default", tails[0]), lambda pod: pod and pod["metadata"]["uid"] != uid)
    await world.until_configured(cluster, 3)
    assert (await kdd(world, "restart", "shell", "--role", "none"))[0] == 2
