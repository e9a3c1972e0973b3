"""What tests of a deployed daemon stand on: a real API server with an audit log, and a life that uses all rights."""

import os
import subprocess
from contextlib import asynccontextmanager, contextmanager

import pytest
import yaml

from kdd.rights import Place
from kdlib import kube
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
    Ref,
)

TOKENS = Ref(SECRET, "default", "kdtokens-shell")
# Every account may ask who it is, and of which version the API server is: system:basic-user, system:discovery.
ANYBODY = {("authentication.k8s.io", "selfsubjectreviews", "create"), ("", "", "get")}
SMALL = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "100m"}}
TAIL = {"id": "tail", "members": 2, "resources": SMALL, "storage": {"size": "1Gi"}}


@contextmanager
def audited_plane():
    """Run a real API server with an audit log."""
    try:
        plane = ControlPlane(control_plane_folder(os.environ), audits=True)
    except ControlPlaneError as error:
        pytest.skip(str(error))  # no binaries on this machine: the error says which; .ci/run builds them
    with plane:
        yield plane


def administrator(plane, folder):
    """Return kubectl as the administrator runs it."""
    kubeconfig = folder / "kubeconfig"
    plane.write_kubeconfig(kubeconfig)

    def run(*arguments, **options):
        command = [str(plane.kubectl), "--kubeconfig", str(kubeconfig), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **options).stdout

    run.kubeconfig = kubeconfig
    return run


def daemon_kubeconfig(plane, namespace, path):
    """Write the kubeconfig of a daemon that is deployed in a namespace: a token of its account."""
    asked = f"/api/v1/namespaces/{namespace}/serviceaccounts/kubedirector/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    code, answer = plane.call("POST", asked, body)
    assert code == 201, answer
    document = yaml.safe_load(plane.kubeconfig)
    document["users"][0]["user"] = {"token": answer["status"]["token"]}
    write_private(path, yaml.safe_dump(document))
    return path


@asynccontextmanager
async def with_hollow_node(plane, kubeconfig):
    """Give the administrator's view of the API server, with a node whose members are hollow."""
    containers = HollowContainers(HollowMembers(lambda *_: EmulatedRun()))
    async with (
        HollowKubelet(containers, plane.authority) as kubelet,
        kube.connect(kubeconfig=kubeconfig, user_agent="test") as api,
        HollowNode(api.transport, containers, HollowSettings(binds=True, port=kubelet.port)),
    ):
        yield api


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


def uses(events, rights, system_namespace="kubedirector"):
    """Return which verbs of which rights were used, and what was asked for without one."""
    used, beyond = set(), set()
    for event in events:
        group, resource, verbs, namespace, name = rule_of(event)
        for verb in verbs:
            allowing = [
                (index, verb)
                for index, right in enumerate(rights)
                if (right.kind.group, right.resource) == (group, resource)
                and verb in right.verbs
                and (not right.names or name in right.names)
                and (right.place is not Place.SYSTEM or namespace == system_namespace)
            ]
            used.update(allowing)
            if not allowing:
                beyond.add((group, resource, verb))
    return used, beyond


def refused(events):
    """Return for what the API server refused a request."""
    return {rule_of(event)[:2] for event in events if event["responseStatus"]["code"] in (401, 403)}


def unused(used, rights):
    """Return the verbs of rights that were not used."""
    given = {(index, verb) for index, right in enumerate(rights) for verb in right.verbs}
    return sorted(f"{verb} {rights[index].resource}" for index, verb in given - used)


async def lives_a_whole_life(world, shell, cluster, *, config, is_reviewed=True):
    """Play what makes the daemon use everything: each paragraph says why it is there."""
    await prepared(world, shell, config)

    if is_reviewed:
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
    await world.api.merge_patch(config, {"spec": {"backupClusterStatus": False}})
    await world.until(Ref(KD_STATUS_BACKUP, "default", "shell"), lambda found: found is None)
    await world.api.delete(cluster)
    await world.until(cluster, lambda found: found is None)
    await world.until(Ref(KD_APP, "default", "shell"), lambda found: not found["metadata"].get("finalizers"))
    await world.until(config, lambda found: not found["metadata"].get("finalizers"))
    await world.api.delete(config)
    await world.api.delete(Ref(KD_APP, "default", "shell"))

    # A cluster of the same name would take up what is left of this one: its sets until they are collected, its claims.
    for kind in (STATEFUL_SET, POD):
        await until_none(world, kind)
    labels = f"{LABEL_CLUSTER}={cluster.name}"
    for item in (await world.api.list(kube.Selection(PERSISTENT_VOLUME_CLAIM, "default", labels=labels))).items:
        await world.api.delete(Ref(PERSISTENT_VOLUME_CLAIM, "default", item["metadata"]["name"]))
    await world.until_nothing_is_left(cluster)


async def prepared(world, shell, config):
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
        place = config.namespace if item["kind"] == KD_CONFIG.name else "default"
        await world.api.create(
            {**item, "metadata": {"name": config.name, "namespace": place, **item.get("metadata", {})}}
        )
    endpoint = {"port": 7000, "urlScheme": "tcp", "hasAuthToken": True}
    services = [{"id": "echo", "label": {"name": "Echo"}, "endpoint": endpoint}]
    told = [{"roleID": "head", "serviceIDs": []}, {"roleID": "tail", "serviceIDs": ["echo"]}]
    roles = {"selectedRoles": ["head", "tail"], "roleServices": told}
    await world.apply(shell / "app.yaml", services=services, config=roles, hideAuthTokens=True)


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
