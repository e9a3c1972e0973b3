"""The daemon as it is deployed, on a real API server with RBAC: with exactly its rights, and none to spare."""

import asyncio
import copy
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from deployed import (
    ANYBODY,
    administrator,
    audited_plane,
    daemon_kubeconfig,
    lives_a_whole_life,
    refused,
    unused,
    uses,
    with_hollow_node,
)
from waiting import until

from kdd.rights import DAEMON
from kdlib import admission, kube
from kdlib.wire import KD_APP, KD_CONFIG, Kind, Ref

pytestmark = pytest.mark.control_plane

DEPLOY = Path(__file__).parents[2] / "deploy"
USER = "system:serviceaccount:kubedirector:kubedirector"
CONFIG = Ref(KD_CONFIG, "kubedirector", "kd-global-config")
CLUSTER_ROLE = Ref(Kind("rbac.authorization.k8s.io/v1", "ClusterRole", namespaced=False), "", "kubedirector")
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def plane():
    with audited_plane() as plane:
        yield plane


@pytest.fixture(scope="module")
def kubectl(plane, tmp_path_factory):
    """Return kubectl as the administrator runs it; the daemon is deployed."""
    run = administrator(plane, tmp_path_factory.mktemp("admin"))
    run("apply", "--server-side", "-k", str(DEPLOY))
    run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    return run


@pytest.fixture
def kubeconfig(plane, kubectl, tmp_path):
    return daemon_kubeconfig(plane, "kubedirector", tmp_path / "daemon.kubeconfig")


@pytest.fixture
async def world(plane, kubectl, make_world):
    async with with_hollow_node(plane, kubectl.kubeconfig) as api:
        yield make_world(api, kubectl.kubeconfig)


@pytest.fixture
async def daemon(kubeconfig, make_daemon, free_port, tmp_path, world):
    port = free_port()
    arguments = ["--leader-elect", "--webhook-url", f"https://127.0.0.1:{port}"]
    arguments += ["--webhook-host", "127.0.0.1", "--webhook-port", str(port)]
    daemon = make_daemon(kubeconfig, tmp_path / "kdd.log", *arguments)
    yield daemon
    daemon.kill()
    await daemon.gone()
    await admission.deregister(world.api)


@pytest.mark.parametrize("folder", [".", "users", "cluster-wide"])
def test_the_api_server_knows_every_field_of_the_manifests(kubectl, folder):
    kubectl("apply", "--dry-run=server", "--validate=strict", "--server-side", "-k", str(DEPLOY / folder))


def test_the_daemon_s_pod_is_let_into_a_restricted_namespace(plane, kubectl):
    path = "/api/v1/namespaces/kubedirector/pods?dryRun=All"
    deployment = json.loads(kubectl("get", "deployment", "kubedirector", "-n", "kubedirector", "-o", "json"))
    template = deployment["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked", **template["metadata"]}}
    assert plane.call("POST", path, {**pod, "spec": template["spec"]})[0] == 201
    lax = copy.deepcopy(template["spec"])
    del lax["containers"][0]["securityContext"]["capabilities"]
    code, answer = plane.call("POST", path, {**pod, "spec": lax})
    assert (code, "restricted" in answer["message"]) == (403, True)


async def test_w36_the_daemon_does_all_its_work_with_its_rights_and_needs_each_of_them(
    plane, world, daemon, shell, cluster, kubeconfig
):
    # This comes before the tests that take rights away: the log is of all of them, and the Lease is made but once.
    await daemon.start()
    await registered(world)
    await lives_a_whole_life(world, shell, cluster, config=CONFIG)
    daemon.kill()
    await daemon.gone()
    async with kube.connect(kubeconfig=kubeconfig) as api:
        await registered_through_the_service(api)

    events = plane.audited(USER)
    assert refused(events) == set()
    used, beyond = uses(events, DAEMON)
    assert beyond <= ANYBODY
    assert unused(used, DAEMON) == []


async def registered(world):
    for ref in admission.registered_refs():
        await world.until(ref, lambda found: found is not None, seconds=PATIENCE_SECONDS)


async def registered_through_the_service(api):
    """Register as a pod does; no process of this test is reachable so."""
    place = admission.InService("kubedirector", "kubedirector-webhook")
    settings = admission.Settings(place, admission.MadeHere("kubedirector"), "kubedirector", host="127.0.0.1", port=0)
    webhook = admission.Webhook(api, settings)
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        task = group.create_task(webhook.run())
        await webhook.registered.wait()
        task.cancel()


@pytest.mark.parametrize(
    ("resource", "verb", "words"),
    [
        ("pods/exec", "create", "the container cannot be reached: pods"),
        ("statefulsets", "patch", 'cannot patch resource "statefulsets"'),
    ],
)
async def test_w36_a_right_that_is_missing_is_told(world, kubectl, daemon, shell, cluster, resource, verb, words):
    """Servers since 1.35 do not log that an exec was asked about twice, so the first of these shows that it was."""
    role = await world.api.get(CLUSTER_ROLE)
    for rule in role["rules"]:
        if resource in rule["resources"]:
            rule["verbs"] = [item for item in rule["verbs"] if item != verb]
    await world.api.merge_patch(CLUSTER_ROLE, {"rules": role["rules"]})
    try:
        await daemon.start()
        await registered(world)
        await world.apply(shell / "app.yaml")
        await world.apply(shell / "cluster.yaml")

        async def told():
            """It stands in a condition, or in the log of another process."""
            return words in daemon.log + str((await world.api.get(cluster)).get("status"))

        await until(told, PATIENCE_SECONDS)
    finally:
        await asyncio.to_thread(kubectl, "apply", "--server-side", "--force-conflicts", "-k", str(DEPLOY))
    await world.until_configured(cluster, 3, seconds=PATIENCE_SECONDS)
    await world.api.delete(cluster)
    await world.until(cluster, lambda found: found is None)
    await world.until_nothing_is_left(cluster)
    await world.api.delete(Ref(KD_APP, "default", "shell"))


@pytest.fixture
def made(plane, kubectl):
    """Return how to run `make deploy` and its like, without making a virtual environment first."""

    async def run(target):
        environ = {**os.environ, "KUBECONFIG": str(kubectl.kubeconfig), "KUBECTL": str(plane.kubectl)}
        environ |= {"KDD": str(Path(sys.executable).parent / "kdd"), "PATIENCE_SECONDS": "60"}
        process = await asyncio.create_subprocess_exec(
            *(str(DEPLOY / "kubedirector"), target),
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told = (await process.communicate())[0].decode()
        assert process.returncode == 0, told
        return told

    return run


async def test_undeployed_leaves_what_is_the_users_and_torn_down_leaves_nothing(
    world, made, daemon, shell, cluster, kubectl
):
    await made("deploy")
    await daemon.start()
    await registered(world)
    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    await world.until_configured(cluster, 3)
    daemon.send(signal.SIGTERM)
    assert await daemon.gone() == 0

    await made("undeploy")
    app = Ref(KD_APP, "default", "shell")
    assert not [ref for ref in (*admission.registered_refs(), CLUSTER_ROLE) if await world.exists(ref)]
    assert world.is_configured(await world.api.get(cluster), 3)
    for ref in (cluster, app):
        await world.api.delete(ref)
        await world.until(ref, lambda found: found is None)
    await world.until_nothing_is_left(cluster)

    await world.apply(shell / "app.yaml")
    await world.apply(shell / "cluster.yaml")
    await made("teardown")
    crds = await asyncio.to_thread(kubectl, "get", "crd,clusterrole,namespace", "-o", "name")
    assert [line for line in crds.splitlines() if "kubedirector" in line] == []
