"""Each rule for clusters refuses what it must, and only that."""

from datetime import UTC, datetime

import pytest

from kdlib.errors import RefusedError
from kdlib.model import Seen, parse_app, parse_cluster
from kdlib.rules import related, resolve
from kdlib.wire import KD_APP, KD_CONFIG, Ref

NOW = datetime(2030, 1, 1, tzinfo=UTC)
APP = {
    "metadata": {"name": "demo", "namespace": "team"},
    "spec": {
        "label": {"name": "Demo"},
        "distroID": "example/demo",
        "version": "1.0",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": "example/demo:1",
        "roles": [
            {"id": "one", "cardinality": "1", "minResources": {"cpu": "500m", "memory": "0", "nvidia.com/gpu": "0"}},
            {"id": "many", "cardinality": "2+", "minStorage": {"size": "10Gi"}},
            {"id": "free", "cardinality": "0+", "minStorage": {"size": "1Gi", "ephemeralModeSupported": True}},
        ],
        "config": {"selectedRoles": ["one", "many", "free"], "roleServices": []},
    },
}
LIMITS = {"limits": {"cpu": "1", "memory": "1Gi"}}


def role(name, **changes):
    storage = {"storage": {"size": "10Gi"}} if name == "many" else {}
    return {"id": name, "resources": LIMITS, **storage, **changes}


def cluster(*roles, name="c", **spec):
    chosen = list(roles)
    chosen += [role(need) for need in ("one", "many") if need not in {item["id"] for item in roles}]
    return {
        "metadata": {"name": name, "namespace": "team", "uid": "u"},
        "spec": {"app": "demo", "roles": chosen, **spec},
    }


def seen(root, app=APP, config=None):
    pairs = ((Ref(KD_APP, "team", "demo"), app), (Ref(KD_CONFIG, "kd", "kd-global-config"), config))
    return Seen(NOW, root, related=pairs)


def found(root, config=None, app=APP):
    stored = {"metadata": {"name": "kd-global-config"}, "spec": config} if config else None
    with pytest.raises(RefusedError) as caught:
        resolve(parse_cluster(root), None, seen(root, app, stored))
    return caught.value.problems


PVC = {"pvcName": "data", "mountPath": "/data"}
WRONG = {
    "CL-V-14": [
        (cluster(role("side")), "spec.roles[0].id: app 'demo' has no role 'side'; use one of 'one', 'many', 'free'")
    ],
    "CL-V-15": [(cluster(role("one"), role("one")), "spec.roles[1].id: role 'one' occurs twice")],
    "CL-V-16": [
        (
            {"metadata": {"name": "c", "namespace": "team"}, "spec": {"app": "demo", "roles": [role("one")]}},
            "spec.roles: role 'many' of app 'demo' is missing; add role 'many' with at least 2 members",
        ),
    ],
    "CL-V-17": [
        (cluster(role("one", members=2)), "spec.roles[0].members: 2 is outside the cardinality '1' of role 'one'"),
        (cluster(role("one", members=0)), "ask for exactly 1 member"),
        (cluster(role("many", members=1)), "ask for at least 2 members"),
    ],
    "CL-V-18": [(cluster(role("many", members=999), role("free", members=1)), "spec.roles: 1001 members in all")],
    "CL-V-19": [
        (cluster(role("one", podLabels={"a b": "x"})), "spec.roles[0].podLabels[a b]: 'a b' is not a key"),
        (cluster(role("one", podLabels={"a": "x y"})), "spec.roles[0].podLabels[a]: 'x y' is not a label value"),
        (cluster(role("one", serviceLabels={"a": "x" * 64})), "is not a label value"),
        (cluster(role("one", podAnnotations={"Bad_/x": ""})), "is not a key of labels or annotations"),
        (cluster(role("one", serviceAnnotations={"/x": ""})), "is not a key of labels or annotations"),
        (cluster(role("one", podAnnotations={"a": "x" * 262144})), "spec.roles[0].podAnnotations: has 262145 bytes"),
    ],
    "CL-V-20": [
        (
            cluster(role("one", resources={"limits": {"cpu": "400m", "memory": "1Gi"}})),
            "spec.roles[0].resources.requests[cpu]: '400m' is less than role 'one' needs; request at least '500m'",
        ),
        (
            cluster(role("one", resources={**LIMITS, "requests": {"cpu": "100m"}})),
            "'100m' is less than role 'one' needs",
        ),
    ],
    "CL-V-21": [
        (cluster(role("many", storage=None)), "spec.roles[0].storage: role 'many' needs persistent storage"),
        (cluster(role("many", storage={"size": "9Gi"})), "spec.roles[0].storage.size: '9Gi' is less"),
        (cluster(role("free", storage={"size": "1000Mi"})), "spec.roles[0].storage.size: '1000Mi' is less"),
    ],
    "CL-V-23": [(cluster(role("one", storage={"size": "1.2.3"})), "spec.roles[0].storage.size: '1.2.3' is not a qu")],
    "CL-V-24": [(cluster(role("one", storage={"size": "0"})), "spec.roles[0].storage.size: '0' is not above 0")],
    "CL-V-29": [(cluster(role("one", sharedMemory="1..")), "spec.roles[0].sharedMemory: '1..' is not a quantity")],
    "CL-V-30": [(cluster(role("one", sharedMemory="0Mi")), "spec.roles[0].sharedMemory: '0Mi' is not above 0")],
    "CL-V-39": [
        (cluster(role("one", volumeProjections=[PVC, {**PVC, "pvcName": "x"}])), "'/data' is used by claim 'data'"),
        (cluster(role("one", volumeProjections=[{**PVC, "mountPath": "/tmp/"}])), "'/tmp' is used by every member"),
        (
            cluster(role("one", volumeProjections=[PVC], secret={"name": "s", "mountPath": "/data/"})),
            "spec.roles[0].volumeProjections[0].mountPath: '/data' is used by the secret",
        ),
        (
            cluster(role("one", volumeProjections=[{**PVC, "mountPath": "/dev/shm"}], sharedMemory="1Mi")),
            "'/dev/shm' is used by the shared memory",
        ),
    ],
    "CL-X-01": [
        (
            cluster(role("one", resources={"limits": {"cpu": "1", "memory": "1Gi", "x.y/z": "1.."}})),
            "limits[x.y/z]: '1..'",
        )
    ],
    "CL-X-02": [
        (
            cluster(role("one", resources={**LIMITS, "requests": {"memory": "2Gi"}})),
            "spec.roles[0].resources.requests[memory]: '2Gi' is more than the limit '1Gi'",
        )
    ],
    "CL-X-07": [
        (
            cluster(role("one", resources={**LIMITS, "requests": {"x.y/z": "1"}})),
            "spec.roles[0].resources.requests[x.y/z]: has another limit, or none",
        ),
        (
            cluster(role("one", resources={"limits": {**LIMITS["limits"], "x.y/z": "500m"}})),
            "spec.roles[0].resources.limits[x.y/z]: '500m' is not whole",
        ),
    ],
    "CL-X-06": [
        (cluster(role("one", env=[{"name": "A=B", "value": ""}])), "spec.roles[0].env[0].name: 'A=B' is no name"),
        (cluster(role("one", env=[{"name": "\u00e4", "value": ""}])), "is no name of a variable"),
    ],
    "CL-X-04": [(cluster(name="c" * 64), "metadata.name: ")],
    "CL-X-05": [
        (
            cluster(
                role("one", blockStorage={"storageClassName": "s", "pathPrefix": "/d", "numDevices": 1, "size": "0"})
            ),
            "spec.roles[0].blockStorage.size: '0' is not above 0",
        )
    ],
}


@pytest.mark.parametrize(("rule", "root", "part"), [(key, *case) for key, cases in WRONG.items() for case in cases])
def test_a_rule_finds_its_violation_and_no_other(rule, root, part, words):
    problems = found(root)
    assert {problem.rule for problem in problems} == {rule}
    assert any(part in str(problem) for problem in problems), problems
    words(problems)
    assert all(problem.remedy for problem in problems)


def test_a_good_cluster_is_accepted():
    root = cluster(
        role("free", members=3, sharedMemory="1Mi", volumeProjections=[PVC], podLabels={"example.org/a": ""})
    )
    assert resolve(parse_cluster(root), None, seen(root)).spec.roles[0].members == 3


def test_the_app_must_exist():
    """CL-V-10: where the app is looked for follows the catalog."""
    root = cluster()
    absent = Seen(NOW, root, related=tuple((ref, None) for ref in related(root, lambda _: None, "kd")))
    with pytest.raises(RefusedError) as caught:
        resolve(parse_cluster(root), None, absent)
    assert [str(problem) for problem in caught.value.problems] == [
        "spec.app: app 'demo' does not exist in namespace 'team' or 'kd'; create it, or correct the name"
    ]
    assert str(caught.value).startswith("KubeDirectorCluster team/c: ")


def test_a_misspelt_role_is_told_before_the_one_that_is_missing_for_it():
    root = {
        "metadata": {"name": "c", "namespace": "team"},
        "spec": {"app": "demo", "roles": [role("won"), role("many")]},
    }
    assert [problem.rule for problem in found(root)] == ["CL-V-14", "CL-V-16"]


def test_a_wrong_app_is_told_as_such():
    broken = {**APP, "spec": {**APP["spec"], "version": 1}}
    assert [str(item) for item in found(cluster(), app=broken)] == [
        "spec.app: app 'demo' is wrong: spec.version: must be a string; correct the app: put quotes around the value"
    ]
    broken = {**APP, "spec": {**APP["spec"], "defaultImageRepoTag": None}}
    assert [item.rule for item in found(cluster(), app=broken)] == ["APP-V-09"] * 3


def test_everything_wrong_is_told_at_once():
    root = cluster(role("side"), role("one", members=2, podLabels={"a": "x y"}), role("many", storage=None))
    assert {problem.rule for problem in found(root)} == {"CL-V-14", "CL-V-17", "CL-V-19", "CL-V-21"}


def test_the_global_config_can_forbid_shared_memory():
    """CL-V-28."""
    problems = found(cluster(role("one", sharedMemory="1Mi")), config={"forceSharedMemorySizeSupport": False})
    assert [(problem.path, problem.rule) for problem in problems] == [("spec.roles[0].sharedMemory", "CL-V-28")]


def test_secrets_have_the_prefix_that_the_global_config_wants():
    """CL-V-32 and CL-V-34; the problem of a default secret is told once, where it stands."""
    secret = {"name": "mine", "mountPath": "/s"}
    config = {"requiredSecretPrefix": "kd-"}
    own = found(cluster(role("one", secret=secret)), config=config)
    assert [(item.path, item.rule) for item in own] == [("spec.roles[0].secret.name", "CL-V-34")]
    default = found(cluster(defaultSecret=secret), config=config)
    assert [(item.path, item.rule) for item in default] == [("spec.defaultSecret.name", "CL-V-32")]


def test_a_role_that_was_accepted_is_not_refused_after_an_edit_of_the_global_config():
    root = cluster(role("one", secret={"name": "mine", "mountPath": "/s"}))
    root["status"] = {"roles": [{"id": "one"}], "reserved": {}}
    config = {"metadata": {"name": "kd-global-config"}, "spec": {"requiredSecretPrefix": "kd-"}}
    assert resolve(parse_cluster(root), None, seen(root, config=config)).status.roles[0].id == "one"


def test_w34_a_limit_counts_as_request_where_none_is_given():
    """CL-V-20, W-34: amounts are compared exactly, not rounded up, and a pod's request defaults to its limit."""
    exact = cluster(role("one", resources={"limits": {"cpu": "0.5", "memory": "1Gi"}}))
    assert resolve(parse_cluster(exact), None, seen(exact)).spec.roles[0].id == "one"
    short = cluster(role("one", resources={"limits": {"cpu": "0.1", "memory": "1Gi"}}))
    assert [problem.rule for problem in found(short)] == ["CL-V-20"]


def test_the_order_of_roles_decides_nothing():
    roles = [role("many"), role("one"), role("free", members=1)]
    forth, back = cluster(*roles), cluster(*reversed(roles))
    first, second = (resolve(parse_cluster(root), None, seen(root)) for root in (forth, back))
    assert (first.roles, first.cluster_service, first.reserved) == (
        second.roles,
        second.cluster_service,
        second.reserved,
    )


def test_an_app_can_be_given():
    root = cluster()
    assert resolve(parse_cluster(root), parse_app(APP), Seen(NOW, root)).app_name == "demo"
