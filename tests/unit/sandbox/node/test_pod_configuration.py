"""What pods are given: variables, arguments, volumes, rights."""

import base64
import os

import pytest

from kdlib.errors import ApiError
from kdlib.frozen import dig
from kdlib.wire import CONFIG_MAP

in_module = pytest.mark.asyncio(loop_scope="module")


FOREVER = "sleep 1000"


def _config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def _secret(name, **data):
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}


def _mount(name, path, **more):
    return {"name": name, "mountPath": path, **more}


@in_module
async def test_variables_come_from_everywhere_and_refer_to_each_other(world):
    world.create(_config_map("settings", COLOUR="red", SIZE="5"))
    world.create(_secret("hidden", PASSWORD="x y"))
    env = [
        {"name": "PLAIN", "value": "one"},
        {"name": "MIXED", "value": "$(PLAIN)-$(COLOUR)-$(UNKNOWN)-$$(PLAIN)"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "MAYBE", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "no", "optional": True}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "PASSWORD"}}},
    ]
    container = {
        "env": env,
        "envFrom": [{"configMapRef": {"name": "settings"}}, {"prefix": "S_", "secretRef": {"name": "hidden"}}],
        "resources": {"limits": {"memory": "1Gi"}},
        "command": ["sh", "-c", "echo $(PLAIN) $0; sleep 1000"],
        "args": ["$(POD)"],
        "workingDir": "/made/here",
    }
    world.run("vars", container=container, metadata={"labels": {"tier": "gold"}})
    await world.running("vars")

    text = await world.output(
        "vars", "pwd; echo $MIXED; echo $POD $TIER $MEMORY; echo $PASSWORD $S_PASSWORD $SIZE; echo ${MAYBE-none}"
    )

    assert text.split("\n") == ["/made/here", "one-red-$(UNKNOWN)-$(PLAIN)", "vars gold 1024", "x y x y 5", "none"]
    assert await world.output("vars", "echo $ADDRESS") == world.pod("vars")["status"]["podIP"]
    assert await world.log("vars") == "one vars\n"


@in_module
async def test_services_are_told_of_in_variables(world):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "the-db"},
        "spec": {"clusterIP": "10.96.3.4", "ports": [{"name": "sql", "port": 5432}]},
    }
    world.create(service)
    world.run("linked", FOREVER)
    world.run("unlinked", FOREVER, enableServiceLinks=False)
    await world.running("linked", "unlinked")

    assert (
        await world.output("linked", "echo $THE_DB_SERVICE_HOST $THE_DB_SERVICE_PORT_SQL $THE_DB_PORT")
        == "10.96.3.4 5432 tcp://10.96.3.4:5432"
    )
    assert await world.output("unlinked", "env | grep -c THE_DB || true") == "0"


@in_module
async def test_a_missing_config_map_is_waited_for(world):
    container = {"envFrom": [{"configMapRef": {"name": "later"}}]}
    world.run("patient", FOREVER, container=container)
    waiting = await world.until(
        lambda: (
            dig(world.container("patient"), "state", "waiting", "reason") == "CreateContainerConfigError"
            and world.container("patient")["state"]["waiting"]
        )
    )
    assert waiting["message"] == 'configmap "later" not found'

    world.create(_config_map("later", KEY="value"))
    await world.running("patient")

    assert await world.output("patient", "echo $KEY") == "value"


@in_module
async def test_computed_volumes_hold_their_files_and_follow_their_sources(world):
    world.create(_config_map("conf", **{"a.txt": "1", "b.txt": "2"}))
    world.create(_secret("keys", token="t0ken"))
    volumes = [
        {"name": "conf", "configMap": {"name": "conf", "defaultMode": 0o440}},
        {
            "name": "some",
            "configMap": {"name": "conf", "items": [{"key": "a.txt", "path": "deep/er/x", "mode": 0o600}]},
        },
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "about", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {
            "name": "all",
            "projected": {
                "sources": [
                    {"configMap": {"name": "conf"}},
                    {"secret": {"name": "keys"}},
                    {"serviceAccountToken": {"path": "sa"}},
                ]
            },
        },
    ]
    mounts = [_mount(each["name"], f"/v/{each['name']}") for each in volumes]
    mounts.append(_mount("conf", "/etc/one.txt", subPath="a.txt"))
    world.run("volumes", FOREVER, container={"volumeMounts": mounts}, volumes=volumes, metadata={"labels": {"k": "v"}})
    await world.running("volumes")

    script = (
        "cd /v; cat conf/a.txt some/deep/er/x keys/token all/b.txt all/token all/sa /etc/one.txt; echo; cat about/*"
    )
    assert await world.output("volumes", script) == '11t0ken2t0kentoken of default/default1\nk="v"'
    assert await world.output("volumes", "stat -Lc %a /v/conf/a.txt /v/some/deep/er/x") == "440\n600"
    assert (await world.shell("volumes", "echo x > /v/conf/new"))[0] != 0

    changed = world.registry.get(CONFIG_MAP, "default", "conf")
    world.registry.update({**changed, "data": {"a.txt": "new"}})

    assert await world.output("volumes", "cat /v/conf/a.txt; ls /v/conf") == "newa.txt"
    assert await world.output("volumes", "cat /v/all/a.txt /etc/one.txt; ls /v/all") == "new1a.txt\nsa\ntoken"


@in_module
async def test_an_empty_folder_is_shared_by_the_containers_of_a_pod_and_survives_their_lives(world):
    volumes = [{"name": "disk", "emptyDir": {}}, {"name": "ram", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    mounts = {"volumeMounts": [_mount("disk", "/disk"), _mount("ram", "/run/lock")], "image": "base"}
    other = {"name": "other", **mounts, "command": ["sh", "-c", FOREVER]}
    first = {
        "name": "app",
        **mounts,
        "command": ["sh", "-c", f"echo life >> /disk/lives; test $(wc -l < /disk/lives) = 2 || exit 1; {FOREVER}"],
    }
    world.run("shared", volumes=volumes, containers=[first, other])
    await world.until(lambda: world.container("shared").get("restartCount") == 1)
    await world.running("shared")

    assert await world.output("shared", "cat /disk/lives") == "life\nlife"
    assert (await world.shell("shared", "head -c 3000000 /dev/zero > /run/lock/x"))[0] != 0
    assert await world.output("shared", "stat -c %a /disk") == "777"


@in_module
async def test_a_claim_keeps_its_content_when_the_pod_goes(world):
    _claim(world, "data")
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    world.run(
        "writer",
        "mkdir -p /data; echo kept > /data/x",
        volumes=volumes,
        restartPolicy="Never",
        container={"volumeMounts": [_mount("data", "/data", subPath="in/side")]},
    )
    await world.phase("writer", "Succeeded")
    world.delete("writer")
    await world.gone("writer")

    world.run("reader", FOREVER, volumes=volumes, container={"volumeMounts": [_mount("data", "/data", readOnly=True)]})
    await world.running("reader")

    assert await world.output("reader", "cat /data/in/side/x") == "kept"
    assert (await world.shell("reader", "touch /data/y"))[0] != 0


@in_module
async def test_a_sub_path_leads_not_out_of_its_volume(world):
    _claim(world, "trap")
    volumes = [{"name": "trap", "persistentVolumeClaim": {"claimName": "trap"}}]
    world.run(
        "setter",
        "ln -s /host/etc /v/out; ln -s / /v/root",
        volumes=volumes,
        restartPolicy="Never",
        container={"volumeMounts": [_mount("trap", "/v")]},
    )
    await world.phase("setter", "Succeeded")

    world.run("stepper", FOREVER, volumes=volumes, container={"volumeMounts": [_mount("trap", "/out", subPath="root")]})
    await world.running("stepper")

    assert await world.output("stepper", "ls /out") == "out\nroot"


@in_module
async def test_a_block_claim_is_a_file_of_its_size(world):
    _claim(world, "raw", mode="Block", size="1Mi")
    volumes = [{"name": "raw", "persistentVolumeClaim": {"claimName": "raw"}}]
    world.run(
        "blocky", FOREVER, volumes=volumes, container={"volumeDevices": [{"name": "raw", "devicePath": "/dev/disk0"}]}
    )
    await world.running("blocky")

    assert (
        await world.output("blocky", "stat -c %s /dev/disk0; echo x > /dev/disk0; head -c 1 /dev/disk0") == "1048576\nx"
    )


def _claim(world, name, mode="Filesystem", size="1Gi"):
    spec = {"accessModes": ["ReadWriteOnce"], "volumeMode": mode, "resources": {"requests": {"storage": size}}}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pv-{name}"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": mode,
            "capacity": {"storage": size},
            "csi": {"driver": "d", "volumeHandle": name},
        },
    }
    world.registry.create(volume)
    world.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": {**spec, "volumeName": f"pv-{name}"},
        }
    )


@in_module
async def test_a_pod_with_an_etc_of_its_own_still_finds_names(world):
    world.run(
        "own-etc",
        FOREVER,
        volumes=[{"name": "etc", "emptyDir": {}}],
        container={"volumeMounts": [_mount("etc", "/etc")]},
    )
    await world.running("own-etc")

    text = await world.output("own-etc", "cat /etc/hostname; cat /etc/resolv.conf; grep own-etc /etc/hosts")

    assert text.split("\n") == [
        "own-etc",
        "search default.svc.cluster.local svc.cluster.local cluster.local",
        "nameserver 10.88.0.1",
        "options ndots:5",
        f"{world.pod('own-etc')['status']['podIP']}\town-etc",
    ]


@in_module
async def test_rights_are_as_the_security_context_says_where_its_ids_exist(world):
    context = {"runAsUser": 1234, "runAsGroup": 99, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    container = {"securityContext": context, "volumeMounts": [_mount("tmp", "/tmp")]}
    world.run(
        "limited",
        FOREVER,
        container=container,
        securityContext={"fsGroup": 77},
        volumes=[{"name": "tmp", "emptyDir": {}}],
    )
    if os.geteuid() != 0:
        # A plain user has one id, unless somebody gave it more.
        message = await world.until(
            lambda: (
                dig(world.container("limited"), "lastState", "terminated", "message")
                or (world.container("limited").get("ready") and "runs")
            )
        )
        assert message == "runs" or "this id does not exist in the sandbox; run the sandbox as root" in message
        return
    await world.running("limited")

    assert (
        await world.output("limited", "id -u; id -g; id -G; grep CapBnd /proc/self/status; touch /tmp/x")
        == "1234\n99\n99 77\nCapBnd:\t0000000000000000"
    )
    assert (await world.shell("limited", "touch /var/tmp/x"))[0] != 0


@in_module
async def test_a_container_that_must_not_be_root_is_not_made(world):
    world.run("proud", FOREVER, container={"securityContext": {"runAsNonRoot": True}})

    waiting = await world.until(lambda: dig(world.container("proud"), "state", "waiting", "message"))

    assert waiting == "container has runAsNonRoot and image will run as root"


@in_module
async def test_a_terminal_is_a_terminal(world):
    world.run("tty", "tty; sleep 1000", container={"tty": True, "stdin": True})
    await world.says("tty", "/dev/pts/0")


@in_module
async def test_exec_into_a_container_that_does_not_run_is_refused(world):
    world.run("over", "exit 0", restartPolicy="Never")
    await world.phase("over", "Succeeded")

    with pytest.raises(ApiError, match="container not found"):
        await world.shell("over", "true")
    with pytest.raises(ApiError, match='pods "nobody" not found'):
        await world.shell("nobody", "true")
