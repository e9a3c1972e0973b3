"""The StatefulSet of a role and its pod template (KO-01, KO-02, KO-07 to KO-09, KO-11 to KO-13, KO-15)."""

import pytest

from kdlib import manifests, wire
from kdlib.names import is_dns_label

FIVE = {
    "kubedirector.hpe.com/kdcluster": "db1",
    "kubedirector.hpe.com/kdapp": "exampledb",
    "kubedirector.hpe.com/appCatalog": "local",
    "kubedirector.hpe.com/role": "data",
    "kubedirector.hpe.com/headless": "db1",
}
LIMITS = {"limits": {"memory": "4Gi", "cpu": "1500m"}}
SEED = {"id": "seed", "resources": LIMITS}


@pytest.fixture
def set_of(make):
    """Return a function that makes the StatefulSet of role data, given what its spec says."""

    def made(*, app=None, reserved=None, live=None, **spec):
        role = {"id": "data", "members": 2, "resources": LIMITS, **spec}
        resolved, life = make([SEED, role], app=app, reserved=reserved, children=[live] if live else ())
        return manifests.graph_of(resolved, life).get(wire.Ref(wire.STATEFUL_SET, "team", "kdss-data"))

    return made


@pytest.fixture
def pod_of(set_of):
    return lambda **options: set_of(**options)["spec"]["template"]["spec"]


@pytest.fixture
def app_of(pod_of):
    return lambda **options: pod_of(**options)["containers"][0]


def mounts(container):
    return {item["mountPath"]: item["name"] for item in container["volumeMounts"]}


def app_with(role_id="data", **fields):
    """Return the roles of the app, one of them changed."""
    roles = [
        {"id": "seed", "cardinality": "1"},
        {"id": "data", "cardinality": "0+", "configPackage": {"packageURL": "http://x/y.tgz"}},
        {"id": "edge", "cardinality": "0+", "configPackage": None},
    ]
    return {"roles": [{**role, **(fields if role["id"] == role_id else {})} for role in roles]}


def test_the_set_starts_its_pods_together_and_never_restarts_one_by_itself(set_of) -> None:
    spec = set_of()["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"], spec["serviceName"]) == (2, "Parallel", "kdhs-x7k2p")
    assert spec["updateStrategy"] == {"type": "OnDelete"}
    assert spec["selector"] == {"matchLabels": FIVE}
    assert set_of()["metadata"]["labels"] == FIVE


def test_labels_of_the_config_win_over_those_of_the_role_but_never_over_ours(set_of) -> None:
    made = set_of(
        podLabels={"a": "role", "b": "role"},
        podAnnotations={"a": "role", "b": "role", "kubedirector.hpe.com/kdapp-prettyName": "mine"},
        reserved={"podLabels": {"b": "config"}, "podAnnotations": {"b": "config"}},
    )
    metadata = made["spec"]["template"]["metadata"]

    assert metadata["labels"] == {"a": "role", "b": "config", **FIVE}
    assert metadata["annotations"] == {"a": "role", "b": "config", "kubedirector.hpe.com/kdapp-prettyName": "mine"}
    assert made["metadata"]["labels"] == FIVE
    assert made["spec"]["selector"] == {"matchLabels": FIVE}


def test_the_pod_has_one_container_and_an_init_container_only_with_storage(pod_of) -> None:
    plain, stored = pod_of(), pod_of(storage={"size": "1Gi"})
    assert [item["name"] for item in plain["containers"]] == ["app"]
    assert "initContainers" not in plain
    assert [item["name"] for item in stored["initContainers"]] == ["init"]
    assert stored["initContainers"][0]["securityContext"] == {"runAsUser": 0}
    assert stored["initContainers"][0]["command"] == ["/bin/sh"]
    assert stored["initContainers"][0]["args"][0] == "-c"
    assert len(stored["initContainers"][0]["args"]) == 2


def test_a_service_account_and_its_token_come_together(pod_of) -> None:
    assert pod_of()["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod_of()
    named = pod_of(serviceAccountName="robot")
    assert (named["automountServiceAccountToken"], named["serviceAccountName"]) == (True, "robot")


TERM = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}


def test_affinity_is_taken_as_it_is(pod_of) -> None:
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [TERM]}}}
    assert pod_of(affinity=affinity)["affinity"] == affinity
    assert "affinity" not in pod_of()


def test_w39_newer_parts_of_affinity_are_kept(pod_of) -> None:
    term = {"topologyKey": "zone", "namespaceSelector": {}, "labelSelector": {}, "matchLabelKeys": ["version"]}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    assert pod_of(affinity=affinity)["affinity"] == affinity


def test_capabilities_are_there_only_if_the_app_has_some(app_of) -> None:
    assert "securityContext" not in app_of()
    assert app_of(app={"capabilities": ["SYS_ADMIN"]})["securityContext"] == {"capabilities": {"add": ["SYS_ADMIN"]}}


def test_terminal_flags_come_from_the_app(app_of) -> None:
    made = app_of(app=app_with(containerSpec={"stdin": True, "tty": True}))
    assert (made["stdin"], made["tty"]) == (True, True)
    assert not {"stdin", "tty"} & set(app_of())


def test_resources_are_those_of_the_role_in_both_containers(pod_of) -> None:
    resources = {"limits": {"memory": "4096Mi", "cpu": "1.5", "example.com/x": "1"}, "requests": {"memory": "1Gi"}}
    pod = pod_of(resources=resources, storage={"size": "1Gi"})
    assert pod["containers"][0]["resources"] == resources
    assert pod["initContainers"][0]["resources"] == resources


def test_ports_are_named_by_their_services_in_the_order_of_the_app(app_of) -> None:
    assert app_of()["ports"] == [
        {"containerPort": 9042, "name": "db", "protocol": "TCP"},
        {"containerPort": 7000, "name": "raw", "protocol": "TCP"},
    ]


def env(container):
    return {item["name"]: item["value"] for item in container.get("env", [])}


@pytest.mark.parametrize(
    ("resources", "hidden"),
    [
        ({"limits": {}}, True),
        ({"limits": {"nvidia.com/gpu": "0"}, "requests": {"nvidia.com/gpu": "0"}}, True),
        ({"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}, False),
        ({"limits": {"nvidia.com/gpu": "2"}}, False),
        ({"limits": {"nvidia.com/mig-1g.5gb": "1"}}, False),
        ({"limits": {"amd.com/gpu": "1"}}, True),
    ],
)
def test_gpus_are_hidden_from_members_that_have_none(app_of, resources, hidden) -> None:
    full = {**resources, "limits": {**LIMITS["limits"], **resources["limits"]}}
    assert (env(app_of(resources=full)).get("NVIDIA_VISIBLE_DEVICES") == "void") is hidden


def test_the_user_base_is_set_only_for_a_package_in_the_new_layout(app_of) -> None:
    new = {"packageURL": "http://x/y.tgz", "useNewSetupLayout": True}
    assert env(app_of(app=app_with(configPackage=new)))["PYTHONUSERBASE"] == "/usr/local"
    assert "PYTHONUSERBASE" not in env(app_of())
    assert "PYTHONUSERBASE" not in env(app_of(app=app_with(configPackage=None)))


def test_variables_of_the_user_come_first_and_ours_win(app_of) -> None:
    given = [
        {"name": "B", "value": ""},
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
        {"name": "A", "value": "1"},
    ]
    assert app_of(env=given)["env"] == [
        {"name": "B", "value": ""},
        {"name": "A", "value": "1"},
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
    ]


def test_three_directories_are_always_in_memory(pod_of) -> None:
    pod = pod_of()
    assert mounts(pod["containers"][0]) == {
        "/tmp": "tmpfs-tmp",
        "/run": "tmpfs-run",
        "/run/lock": "tmpfs-run-lock",
    }
    memory = {"medium": "Memory", "sizeLimit": "20Gi"}
    assert [(item["name"], item["emptyDir"]) for item in pod["volumes"]] == [
        ("tmpfs-tmp", memory),
        ("tmpfs-run", memory),
        ("tmpfs-run-lock", memory),
    ]


def test_shared_memory_secret_and_projected_claims_are_mounted_in_this_order(pod_of) -> None:
    pod = pod_of(
        sharedMemory="2Gi",
        secret={"name": "s3", "mountPath": "/keys", "defaultMode": 256, "readOnly": True},
        volumeProjections=[
            {"pvcName": "shared", "mountPath": "/shared"},
            {"pvcName": "ro", "mountPath": "/ro", "readOnly": True},
        ],
    )
    assert pod["volumes"][3:] == [
        {"name": "secret-vol-s3", "secret": {"secretName": "s3", "defaultMode": 256}},
        {"name": "projected-vol-0", "persistentVolumeClaim": {"claimName": "shared"}},
        {"name": "projected-vol-1", "persistentVolumeClaim": {"claimName": "ro", "readOnly": True}},
        {"name": "shmem", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}},
    ]
    assert pod["containers"][0]["volumeMounts"][3:] == [
        {"mountPath": "/keys", "name": "secret-vol-s3", "readOnly": True},
        {"mountPath": "/shared", "name": "projected-vol-0"},
        {"mountPath": "/ro", "name": "projected-vol-1", "readOnly": True},
        {"mountPath": "/dev/shm", "name": "shmem"},
    ]


def test_a_default_secret_is_mounted_in_roles_that_name_none(make) -> None:
    resolved, life = make([SEED], spec={"defaultSecret": {"name": "d", "mountPath": "/d"}})
    (made,) = manifests.graph_of(resolved, life).of_kind(wire.STATEFUL_SET)
    assert mounts(made["spec"]["template"]["spec"]["containers"][0])["/d"] == "secret-vol-d"


@pytest.mark.parametrize("name", ["my.secret", "x" * 63, "a" * 60 + ".b"])
def test_any_secret_name_gives_a_valid_volume_name(pod_of, name) -> None:
    volume = pod_of(secret={"name": name, "mountPath": "/keys"})["volumes"][3]
    assert is_dns_label(volume["name"])
    assert volume["secret"]["secretName"] == name


def test_no_path_is_mounted_twice_and_what_was_asked_for_wins(pod_of) -> None:
    app = app_with(persistDirs=["/tmp", "/srv"])
    pod = pod_of(app=app, storage={"size": "1Gi"}, secret={"name": "s", "mountPath": "/run/"})
    assert mounts(pod["containers"][0]) == {
        "/etc": "p",
        "/opt": "p",
        "/usr": "p",
        "/tmp": "p",
        "/srv": "p",
        "/run/lock": "tmpfs-run-lock",
        "/run/": "secret-vol-s",
    }
    assert [item["name"] for item in pod["volumes"]] == ["tmpfs-run-lock", "secret-vol-s"]


def test_systemd_gets_control_groups_of_the_node_unless_nodes_need_none(pod_of) -> None:
    asked = {"systemdRequired": True}
    pod = pod_of(app=asked)
    assert pod["volumes"][3:] == [
        {"name": "cgroupfs", "hostPath": {"path": "/sys/fs/cgroup"}},
        {"name": "systemd", "hostPath": {"path": "/sys/fs/cgroup/systemd"}},
    ]
    assert pod["containers"][0]["volumeMounts"][3:] == [
        {"mountPath": "/sys/fs/cgroup", "name": "cgroupfs", "readOnly": True},
        {"mountPath": "/sys/fs/cgroup/systemd", "name": "systemd"},
    ]
    assert len(pod_of(app=asked, reserved={"nativeSystemdSupport": True})["volumes"]) == 3
    assert len(pod_of()["volumes"]) == 3


def test_persistent_directories_are_mounted_from_the_claim_and_copied_by_init(pod_of) -> None:
    pod = pod_of(app=app_with(persistDirs=["/srv/data"]), storage={"size": "1Gi"})
    assert pod["containers"][0]["volumeMounts"][:4] == [
        {"mountPath": "/etc", "name": "p", "subPath": "etc"},
        {"mountPath": "/opt", "name": "p", "subPath": "opt"},
        {"mountPath": "/usr", "name": "p", "subPath": "usr"},
        {"mountPath": "/srv/data", "name": "p", "subPath": "srv/data"},
    ]
    assert pod["initContainers"][0]["volumeMounts"] == [{"mountPath": "/mnt", "name": "p"}]
    assert "for directory in /etc /opt /usr /srv/data; do" in pod["initContainers"][0]["args"][1]


def test_claims_are_made_from_templates_for_files_and_blocks(set_of) -> None:
    made = set_of(
        storage={"size": "5Gi"}, blockStorage={"storageClassName": "raw", "pathPrefix": "/dev/blk", "numDevices": 2}
    )

    def spec(size, **more):
        return {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **more}

    templates = {item["metadata"]["name"]: item["spec"] for item in made["spec"]["volumeClaimTemplates"]}
    assert templates == {
        "p": spec("5Gi"),
        "b0": spec("1Gi", storageClassName="raw", volumeMode="Block"),
        "b1": spec("1Gi", storageClassName="raw", volumeMode="Block"),
    }
    assert made["spec"]["template"]["spec"]["containers"][0]["volumeDevices"] == [
        {"devicePath": "/dev/blk0", "name": "b0"},
        {"devicePath": "/dev/blk1", "name": "b1"},
    ]
    assert "volumeClaimTemplates" not in set_of()["spec"]


@pytest.mark.parametrize(
    ("own", "reserved", "expected"), [("fast", "slow", "fast"), (None, "slow", "slow"), (None, None, None)]
)
def test_the_storage_class_is_the_roles_else_the_configs_else_the_platforms(set_of, own, reserved, expected) -> None:
    storage = {"size": "1Gi", **({"storageClassName": own} if own else {})}
    made = set_of(storage=storage, reserved={"defaultStorageClassName": reserved} if reserved else None)
    assert made["spec"]["volumeClaimTemplates"][0]["spec"].get("storageClassName") == expected


def test_the_search_domain_is_asked_for_and_put_first(pod_of) -> None:
    pod = pod_of()
    hook = pod["containers"][0]["lifecycle"]["postStart"]["exec"]["command"]
    assert pod["dnsConfig"] == {"searches": ["kdhs-x7k2p.team.svc.cluster.local"]}
    assert hook[:2] == ["/bin/sh", "-c"]
    assert "service=kdhs-x7k2p\n" in hook[2]


def test_no_shell_program_holds_what_kubernetes_would_replace(pod_of) -> None:
    pod = pod_of(storage={"size": "1Gi"})
    programs = [
        pod["initContainers"][0]["args"][1],
        pod["containers"][0]["lifecycle"]["postStart"]["exec"]["command"][2],
    ]
    assert not [program for program in programs if "$(" in program or "$$" in program]


def test_what_no_server_changes_is_taken_from_the_set_that_is_there(set_of) -> None:
    live = set_of(storage={"size": "1Gi"})
    live = {
        **live,
        "spec": {**live["spec"], "selector": {"matchLabels": {**FIVE, "users": "own"}}, "serviceName": "old"},
    }

    made = set_of(storage={"size": "2Gi", "storageClassName": "other"}, live=live)["spec"]

    assert made["selector"] == {"matchLabels": {**FIVE, "users": "own"}}
    assert made["template"]["metadata"]["labels"] == {**FIVE, "users": "own"}
    assert made["serviceName"] == "old"
    assert made["volumeClaimTemplates"] == live["spec"]["volumeClaimTemplates"]


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ({"storage": {"size": "1Gi"}}, {}),
        ({}, {"storage": {"size": "1Gi"}}),
        ({"storage": {"size": "1Gi", "storageClassName": "slow"}}, {"storage": {"size": "1Gi"}}),
        ({"storage": {"size": "1Gi"}}, {"storage": {"size": "1Gi", "storageClassName": "slow"}}),
        (
            {"storage": {"size": "1Gi"}},
            {"blockStorage": {"storageClassName": "raw", "pathPrefix": "/dev/b", "numDevices": 1}},
        ),
    ],
    ids=["asked for none", "has none", "has a class", "asked for a class", "of another kind"],
)
def test_claim_templates_of_the_set_that_is_there_stay_whatever_is_asked_for(set_of, there, asked) -> None:
    live = set_of(**there)
    made = set_of(**asked, live=live)
    assert made["spec"].get("volumeClaimTemplates", []) == live["spec"].get("volumeClaimTemplates", [])


def test_a_set_as_the_server_returns_it_changes_nothing_of_the_intent(set_of) -> None:
    intended = set_of(storage={"size": "1024Mi"})
    template = {
        **intended["spec"]["volumeClaimTemplates"][0],
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "status": {"phase": "Pending"},
    }
    live = {**intended, "spec": {**intended["spec"], "volumeClaimTemplates": [template], "revisionHistoryLimit": 10}}
    assert set_of(storage={"size": "1024Mi"}, live=live) == intended


def test_a_template_with_everything_is_golden(set_of, golden) -> None:
    made = set_of(
        app={**app_with(persistDirs=["/srv"], containerSpec={"stdin": True}), "capabilities": ["SYS_ADMIN"]},
        reserved={"podLabels": {"team": "blue"}, "podAnnotations": {"note": "x"}, "defaultStorageClassName": "slow"},
        affinity={"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        blockStorage={"storageClassName": "raw", "pathPrefix": "/dev/blk", "numDevices": 1, "size": "2Gi"},
        env=[{"name": "A", "value": "1"}],
        podLabels={"tier": "back"},
        resources={"limits": {**LIMITS["limits"], "nvidia.com/gpu": "1"}},
        secret={"name": "my.secret", "mountPath": "/keys"},
        serviceAccountName="robot",
        sharedMemory="1Gi",
        storage={"size": "5Gi"},
        volumeProjections=[{"pvcName": "shared", "mountPath": "/shared", "readOnly": True}],
    )
    golden("stateful-set-full", made)
