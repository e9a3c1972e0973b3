"""Law: clusters that the original made go on under this operator, and no member of them is restarted or set up again.

Their objects are written here as the original made them (specification 3 and 4): templates by its own builders, status
without anything that this operator reserves, nothing of ours inside the members.
"""

import asyncio

from kdlib.frozen import dig
from kdlib.wire import KD_CLUSTER, PERSISTENT_VOLUME_CLAIM, POD, SERVICE, STATEFUL_SET

PACKAGE = "file:///opt/test/shell.tgz"
PREFIX = "kubedirector.hpe.com"
HEADLESS = "kdhs-x7k2p"
SETS = {"head": "kdss-9dnrk", "tail": "kdss-b4x2c"}
COMMON = {f"{PREFIX}/kdcluster": "c1", f"{PREFIX}/kdapp": "shell", f"{PREFIX}/appCatalog": "local"}
PRETTY = {f"{PREFIX}/kdapp-prettyName": "shell"}
DIRECTORIES = ("/etc", "/opt", "/usr")


def owner(cluster):
    return {
        "apiVersion": KD_CLUSTER.api_version,
        "kind": KD_CLUSTER.name,
        "name": "c1",
        "uid": cluster["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def metadata(cluster, name, **labels):
    found = {"name": name, "namespace": "default", "labels": {**COMMON, **labels}, "annotations": PRETTY}
    return {**found, "ownerReferences": [owner(cluster)]}


def headless_service(cluster):
    selector = {f"{PREFIX}/headless": "c1"}
    ports = [{"name": "port", "port": 8888}]
    spec = {"clusterIP": "None", "selector": selector, "publishNotReadyAddresses": True, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(cluster, HEADLESS), "spec": spec}


def member_service(cluster, pod):
    names = metadata(cluster, f"s-{pod}", **{f"{PREFIX}/role": "head"})
    selector = {"statefulset.kubernetes.io/pod-name": pod}
    ports = [{"name": "generic-web", "port": 80}]
    spec = {"type": "ClusterIP", "selector": selector, "publishNotReadyAddresses": True, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": names, "spec": spec}


def container(role, resources, *, storage):
    memory = (("tmpfs-tmp", "/tmp"), ("tmpfs-run", "/run"), ("tmpfs-run-lock", "/run/lock"))
    kept = [{"name": "p", "mountPath": path, "subPath": path[1:]} for path in DIRECTORIES] if storage else []
    mounts = [*kept, *({"name": name, "mountPath": path} for name, path in memory)]
    script = "exec 2>>/tmp/kd-postcluster.log; set -x; while [ ! -s /etc/resolv.conf ]; do sleep 1; done; exit 0"
    return {
        "name": "app",
        "image": "test/shell:1",
        "resources": resources,
        "env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}],
        "lifecycle": {"postStart": {"exec": {"command": ["/bin/bash", "-c", script]}}},
        "volumeMounts": mounts,
        **({"ports": [{"name": "web", "containerPort": 80}]} if role == "head" else {}),
    }


def stateful_set(cluster, role, count, resources, *, storage=False):
    labels = {f"{PREFIX}/role": role, f"{PREFIX}/headless": "c1"}
    main = container(role, resources, storage=storage)
    first = {**main, "name": "init", "command": ["/bin/bash"], "args": ["-c", "touch /mnt/etc/kubedirector.init"]}
    first = {key: first[key] for key in ("name", "image", "resources", "command", "args")}
    first |= {"securityContext": {"runAsUser": 0}, "volumeMounts": [{"name": "p", "mountPath": "/mnt"}]}
    volumes = [
        {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": "20Gi"}}
        for name in ("tmpfs-tmp", "tmpfs-run", "tmpfs-run-lock")
    ]
    pod = {"automountServiceAccountToken": False, "containers": [main], "volumes": volumes}
    claim = {"metadata": {"name": "p"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    claim["spec"]["resources"] = {"requests": {"storage": "1Gi"}}
    spec = {
        "replicas": count,
        "podManagementPolicy": "Parallel",
        "serviceName": HEADLESS,
        "selector": {"matchLabels": {**COMMON, **labels}},
        "template": {
            "metadata": {"labels": {**COMMON, **labels}, "annotations": PRETTY},
            "spec": {**pod, "initContainers": [first]} if storage else pod,
        },
        **({"volumeClaimTemplates": [claim]} if storage else {}),
    }
    names = metadata(cluster, SETS[role], **labels)
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": names, "spec": spec}


def member(world, number, pod, service, *, storage=False):
    life = world.node.containers.lives("default", pod)["app"].container_id
    detail = {
        "lastConfigDataGeneration": 1,
        "lastSetupGeneration": 1,
        "lastConnectionVersion": 0,
        "lastConfiguredContainer": life,
        "lastKnownContainerState": "running",
    }
    claims = {"pvc": f"p-{pod}"} if storage else {}
    return {"pod": pod, "nodeID": number, "service": service, **claims, "state": "configured", "stateDetail": detail}


def rollup():
    names = ("membershipChanging", "membersDown", "membersInitializing", "membersWaiting", "membersRestarting")
    return dict.fromkeys((*names, "configErrors", "membersNotScheduled"), False)


async def left_by_the_original(world, made):
    """Have a settled cluster of a head and two tails with volumes, as the original leaves it when it is scaled to 0."""
    wanted = made.cluster(app="shell", tails=2)
    wanted["metadata"]["finalizers"] = [f"{PREFIX}/cleanup"]
    wanted["metadata"]["annotations"] = {f"{PREFIX}/status-backup-exists": "false"}
    wanted["spec"] |= {"appCatalog": "local", "connections": {}}
    wanted["spec"]["roles"][0]["members"] = 1
    wanted["spec"]["roles"][1] |= {"storage": {"size": "1Gi"}}
    resources = wanted["spec"]["roles"][0]["resources"]
    world.create(made.app("shell", PACKAGE), wanted)
    cluster = world.cluster()
    world.create(
        headless_service(cluster),
        member_service(cluster, f"{SETS['head']}-0"),
        stateful_set(cluster, "head", 1, resources),
        stateful_set(cluster, "tail", 2, resources, storage=True),
    )
    await world.until(lambda: [is_ready(pod) for pod in world.registry.list(POD)] == [True] * 3)
    for claim in world.registry.list(PERSISTENT_VOLUME_CLAIM):
        owned = {"metadata": {"ownerReferences": [owner(cluster)]}}
        world.registry.patch(PERSISTENT_VOLUME_CLAIM, "default", claim["metadata"]["name"], owned)
    head, tails = f"{SETS['head']}-0", [f"{SETS['tail']}-{number}" for number in range(2)]
    status = {
        "state": "configured",
        "generationUID": "0b0c6a5e-5a52-4c0a-9a9e-1f0f6f3f2a11",
        "specGenerationToProcess": 1,
        "lastConnectionHash": "d41d8cd98f00b204e9800998ecf8427e",
        "clusterService": HEADLESS,
        "lastNodeID": 3,
        "memberStateRollup": rollup(),
        "roles": [
            {"id": "head", "statefulSet": SETS["head"], "members": [member(world, 1, head, f"s-{head}")]},
            {
                "id": "tail",
                "statefulSet": SETS["tail"],
                "members": [member(world, n, pod, "n/a", storage=True) for n, pod in enumerate(tails, start=2)],
            },
        ],
    }
    world.registry.patch(KD_CLUSTER, "default", "c1", {"status": status}, subresource="status")


def is_ready(pod):
    return any(each["type"] == "Ready" and each["status"] == "True" for each in dig(pod, "status", "conditions"))


def taken_along(world, members):
    """Let the members know what the original left in them."""
    for pod in world.registry.list(POD):
        name = pod["metadata"]["name"]
        life = world.node.containers.lives("default", name)["app"].container_id
        members.emulation.set_up_by_another("default", name, life)


def identities(world):
    """Return by kind the names and identities of what a member stands on."""
    kinds = (STATEFUL_SET, POD, PERSISTENT_VOLUME_CLAIM, SERVICE)
    return {
        kind.name: sorted((item["metadata"]["name"], item["metadata"]["uid"]) for item in world.registry.list(kind))
        for kind in kinds
    }


def test_a_cluster_of_the_original_goes_on_and_no_member_is_restarted_or_set_up_again(play, made):
    members = made.members()

    async def scenario(world):
        await left_by_the_original(world, made)
        taken_along(world, members)
        before = identities(world)
        places = [(m["pod"], m["nodeID"]) for role in world.status()["roles"] for m in role["members"]]
        async with world.operating() as transport:
            await asyncio.sleep(3600)
            assert world.configured(head=1, tail=2)()
            assert identities(world) == before
            assert [(m["pod"], m["nodeID"]) for role in world.status()["roles"] for m in role["members"]] == places
            assert members.runs == []
            assert all(execed.pod for execed in transport.execs)
            settled = (len(transport.writes), len(transport.execs))
            await asyncio.sleep(3600)
            assert (len(transport.writes), len(transport.execs)) == settled
            world.change(tail=3)
            await world.until(world.configured(head=1, tail=3))
            new = f"{SETS['tail']}-2"
            assert members.of(new) == ["--configure"]
            assert set(before["Pod"]) <= set(identities(world)["Pod"])
            told = [run for run in members.runs if run[0] != new]
            assert [run[0] for run in told] == [pod for pod, _ in places]
            assert all(run[2].startswith("--addnodes") for run in told)
            assert [life for _, life, _ in told] == [
                world.node.containers.lives("default", pod)["app"].container_id for pod, _ in places
            ]

    play(scenario, members)
