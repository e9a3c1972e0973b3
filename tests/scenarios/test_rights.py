"""The daemon as it is deployed, on a real API server with RBAC: with exactly its rights, and none to spare."""

import asyncio
import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from waiting import until

from kdd.rights import DAEMON, Place
from kdlib import admission, kube
from kdlib.errors import ApiError
from kdlib.guest import EmulatedRun
from kdlib.lifecycle import RESTART
from kdlib.names import LABEL_CLUSTER
from kdlib.sandbox import write_private
from kdlib.testing import (
    ControlPlane,
    ControlPlaneError,
    HollowContainers,
    HollowKubelet,
    HollowMembers,
    HollowNode,
    HollowSettings,
    control_plane_folder,
)
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SECRET,
    STATEFUL_SET,
    STORAGE_CLASS,
    Kind,
    Ref,
)

pytestmark = pytest.mark.control_plane

DEPLOY = Path(__file__).parents[2] / "deploy"
USER = "system:serviceaccount:kubedirector:kubedirector"
CONFIG = Ref(KD_CONFIG, "kubedirector", "kd-global-config")
CLUSTER_ROLE = Ref(Kind("rbac.authorization.k8s.io/v1", "ClusterRole", namespaced=False), "", "kubedirector")
TOKENS = Ref(SECRET, "default", "kdtokens-shell")
# Every account may ask who it is: Kubernetes' own ClusterRole system:basic-user.
ANYBODY = {("authentication.k8s.io", "selfsubjectreviews", "create")}
SMALL = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "100m"}}
TAIL = {"id": "tail", "members": 2, "resources": SMALL, "storage": {"size": "1Gi"}}
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def plane():
    try:
        plane = ControlPlane(control_plane_folder(os.environ), audits=True)
    except ControlPlaneError as error:
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
    with plane:
        yield plane


@pytest.fixture(scope="module")
def kubectl(plane, tmp_path_factory):
    """Return kubectl as the administrator runs it; the daemon is deployed."""
    kubeconfig = tmp_path_factory.mktemp("admin") / "kubeconfig"
    plane.write_kubeconfig(kubeconfig)

    def run(*arguments, **options):
        command = [str(plane.kubectl), "--kubeconfig", str(kubeconfig), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **options).stdout

    run.kubeconfig = kubeconfig
    run("apply", "--server-side", "-k", str(DEPLOY))
    run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    return run


@pytest.fixture
def kubeconfig(plane, tmp_path):
    """Return the kubeconfig of the daemon: a token of its account."""
    path = "/api/v1/namespaces/kubedirector/serviceaccounts/kubedirector/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    code, answer = plane.call("POST", path, body)
    assert code == 201, answer
    document = yaml.safe_load(plane.kubeconfig)
    document["users"][0]["user"] = {"token": answer["status"]["token"]}
    found = tmp_path / "daemon.kubeconfig"
    write_private(found, yaml.safe_dump(document))
    return found


@pytest.fixture
async def world(plane, kubectl, make_world):
    """Return the administrator's view of the API server, with a node whose members are hollow."""
    members = HollowMembers(lambda *_: EmulatedRun())
    containers = HollowContainers(members)
    async with (
        HollowKubelet(containers, plane.authority) as kubelet,
        kube.connect(kubeconfig=kubectl.kubeconfig, user_agent="test") as api,
        HollowNode(api.transport, containers, HollowSettings(binds=True, port=kubelet.port)),
    ):
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


def rule_of(event):
    """Return what a request asked for: group, resource, verbs, namespace and name."""
    asked = event.get("objectRef", {})
    resource = "/".join(filter(None, (asked.get("resource", ""), asked.get("subresource"))))
    verbs = {event["verb"]}
    if event["verb"] == "patch" and event["responseStatus"]["code"] == 201:
        verbs.add("create")  # an apply that makes an object needs this as well
    if resource == "pods/exec":
        verbs.add("create")  # what servers since 1.35 ask for beside the verb of the method, and do not log
    return asked.get("apiGroup", ""), resource, verbs, asked.get("namespace", ""), asked.get("name", "")


def uses(events):
    """Return which verbs of which rights were used, and what was asked for without one."""
    used, beyond = set(), set()
    for event in events:
        group, resource, verbs, namespace, name = rule_of(event)
        for verb in verbs:
            allowing = [
                (index, verb)
                for index, right in enumerate(DAEMON)
                if (right.kind.group, right.resource) == (group, resource)
                and verb in right.verbs
                and (not right.names or name in right.names)
                and (right.place is not Place.SYSTEM or namespace == "kubedirector")
            ]
            used.update(allowing)
            if not allowing:
                beyond.add((group, resource, verb))
    return used, beyond


def named(used):
    return sorted(f"{verb} {DAEMON[index].resource}" for index, verb in used)


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
    await lives_a_whole_life(world, shell, cluster)
    daemon.kill()
    await daemon.gone()
    async with kube.connect(kubeconfig=kubeconfig) as api:
        await registered_through_the_service(api)

    events = plane.audited(USER)
    refused = {rule_of(event)[:2] for event in events if event["responseStatus"]["code"] in (401, 403)}
    assert refused == set()
    used, beyond = uses(events)
    assert beyond <= ANYBODY
    given = {(index, verb) for index, right in enumerate(DAEMON) for verb in right.verbs}
    assert named(given - used) == []


async def lives_a_whole_life(world, shell, cluster):
    """Play what makes the daemon use everything: each paragraph says why it is there."""
    await registered(world)
    await prepared(world, shell)

    # A refusal rests on what the storage says, not a cache.
    with pytest.raises(ApiError, match="no-such-app"):
        await world.apply(shell / "cluster.yaml", app="no-such-app")
    projected = [{"pvcName": "shared", "mountPath": "/shared", "readOnly": True}]
    head = {"id": "head", "resources": SMALL, "podDisruptionBudget": {"maxUnavailable": 1}}
    head |= {"serviceAccountName": "member", "volumeProjections": projected}
    policy = {"whenDeleted": "Retain"}
    connections = {"configmaps": ["hello"], "secrets": ["pass"]}
    await world.apply(
        shell / "cluster.yaml",
        roles=[head, TAIL],
        connections=connections,
        persistentVolumeClaimRetentionPolicy=policy,
    )
    await world.until_configured(cluster, 3)
    await world.until(Ref(KD_STATUS_BACKUP, "default", "shell"), lambda found: found is not None)

    # A new member: a token more in their Secret. A restart deletes a pod.
    await world.resize(cluster, "tail", 3)
    found = await world.until_configured(cluster, 4)
    pod = world.members_of(found, "tail")[0]["pod"]
    before = await world.api.get(Ref(POD, "default", pod))
    await world.api.merge_patch(cluster, {"metadata": {"annotations": {f"{RESTART}-{pod}": "1"}}})
    await world.until(
        Ref(POD, "default", pod),
        lambda found: found is not None and found["metadata"]["uid"] != before["metadata"]["uid"],
    )
    await world.until_configured(cluster, 4)

    # A role leaves with its set, Services, claims and tokens, and so does a budget; a stray copy of an app goes.
    await stray_copy(world, cluster)
    roles = [{key: value for key, value in head.items() if key != "podDisruptionBudget"}]
    await world.api.merge_patch(cluster, {"spec": {"roles": roles}})
    await world.until_configured(cluster, 1)
    for ref in (TOKENS, Ref(CONTROLLER_REVISION, "default", "stray")):
        await world.until(ref, lambda found: found is None)
    await until_none(world, POD_DISRUPTION_BUDGET)
    await until_none(world, PERSISTENT_VOLUME_CLAIM)
    await world.until(cluster, lambda found: [role["id"] for role in found["status"]["roles"]] == ["head"])

    # Claims are released that outlive their cluster.
    await world.api.merge_patch(cluster, {"spec": {"roles": [*roles, {**TAIL, "members": 1}]}})
    await world.until_configured(cluster, 2)
    await world.api.merge_patch(CONFIG, {"spec": {"backupClusterStatus": False}})
    await world.until(Ref(KD_STATUS_BACKUP, "default", "shell"), lambda found: found is None)
    await world.api.delete(cluster)
    await world.until(cluster, lambda found: found is None)
    await world.until(Ref(KD_APP, "default", "shell"), lambda found: not found["metadata"].get("finalizers"))
    await world.until(CONFIG, lambda found: not found["metadata"].get("finalizers"))
    await world.api.delete(CONFIG)
    await world.api.delete(Ref(KD_APP, "default", "shell"))

    # A cluster of the same name would take up what is left of this one: its sets until they are collected, its claims.
    for kind in (STATEFUL_SET, POD):
        await until_none(world, kind)
    labels = f"{LABEL_CLUSTER}={cluster.name}"
    for item in (await world.api.list(kube.Selection(PERSISTENT_VOLUME_CLAIM, "default", labels=labels))).items:
        await world.api.delete(Ref(PERSISTENT_VOLUME_CLAIM, "default", item["metadata"]["name"]))
    await world.until_nothing_is_left(cluster)


async def registered(world):
    for ref in admission.registered_refs():
        await world.until(ref, lambda found: found is not None, seconds=PATIENCE_SECONDS)


async def prepared(world, shell):
    """Have all that the cluster refers to, and an app that hides the tokens of its tails."""
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    metadata = {"name": "any", "annotations": default}
    kinds = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com/nobody"}
    await world.api.create({**kinds, "metadata": metadata}, kind=STORAGE_CLASS)
    labels = {"kubedirector.hpe.com/cmType": "greeting"}, {"kubedirector.hpe.com/secretType": "login"}
    claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    for item in (
        {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "spec": {"backupClusterStatus": True}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "hello", "labels": labels[0]}, "data": {}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pass", "labels": labels[1]}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "member"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "shared"}, "spec": claim},
    ):
        place = "kubedirector" if item["kind"] == KD_CONFIG.name else "default"
        await world.api.create(
            {**item, "metadata": {"name": CONFIG.name, "namespace": place, **item.get("metadata", {})}}
        )
    endpoint = {"port": 7000, "urlScheme": "tcp", "hasAuthToken": True}
    services = [{"id": "echo", "label": {"name": "Echo"}, "endpoint": endpoint}]
    told = [{"roleID": "head", "serviceIDs": []}, {"roleID": "tail", "serviceIDs": ["echo"]}]
    config = {"selectedRoles": ["head", "tail"], "roleServices": told}
    await world.apply(shell / "app.yaml", services=services, config=config, hideAuthTokens=True)


async def stray_copy(world, cluster):
    """Leave what the cluster owns and does not want."""
    uid = (await world.api.get(cluster))["metadata"]["uid"]
    owner = {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "name": cluster.name, "uid": uid}
    metadata = {"name": "stray", "namespace": "default", "labels": {LABEL_CLUSTER: cluster.name}}
    metadata["ownerReferences"] = [{**owner, "controller": True, "blockOwnerDeletion": False}]
    body = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "revision": 1, "data": {}}
    await world.api.create(body)


async def until_none(world, kind):
    labels = f"{LABEL_CLUSTER}=shell"
    for item in (await world.api.list(kube.Selection(kind, "default", labels=labels))).items:
        await world.until(Ref(kind, "default", item["metadata"]["name"]), lambda found: found is None)


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
