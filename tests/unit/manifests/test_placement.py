"""W-42: where pods run and how they are asked is the user's to say; who says nothing has the pods of before."""

import pytest

from kdlib import manifests, wire

LIMITS = {"limits": {"memory": "4Gi", "cpu": "1500m"}}
SEED = {"id": "seed", "resources": LIMITS}
FIELDS = ("tolerations", "nodeSelector", "topologySpreadConstraints", "priorityClassName", "imagePullSecrets")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}


@pytest.fixture
def template_of(make):
    """Return a function that makes the pod template of role data, given what app and spec say of it."""

    def made(app=None, **spec):
        fixed = [{"id": "seed", "cardinality": "1"}, {"id": "edge", "cardinality": "0+"}]
        roles = [*fixed, {"id": "data", "cardinality": "0+", **(app or {})}]
        resolved, life = make(
            [SEED, {"id": "data", "members": 2, "resources": LIMITS, **spec}], app={"roles": roles} if app else None
        )
        found = manifests.graph_of(resolved, life).get(wire.Ref(wire.STATEFUL_SET, "team", "kdss-data"))
        return found["spec"]["template"]

    return made


def test_a_role_that_asks_for_no_place_has_a_pod_without_these_fields(template_of) -> None:
    pod = template_of()["spec"]
    assert not set(FIELDS) & set(pod)
    assert not set(PROBES) & set(pod["containers"][0])


def test_empty_lists_and_maps_change_nothing(template_of) -> None:
    assert template_of(tolerations=[], nodeSelector={}, imagePullSecrets=[]) == template_of()


def test_w42_a_role_says_where_its_pods_run_in_the_words_of_kubernetes(template_of) -> None:
    asked = {
        "tolerations": [{"key": "dedicated", "value": "db", "effect": "NoExecute", "tolerationSeconds": 60}],
        "nodeSelector": {"disk": "ssd"},
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "login"}],
    }
    pod = template_of(**asked)["spec"]
    assert {name: pod[name] for name in asked} == asked


def test_a_constraint_without_a_selector_counts_the_pods_of_its_role(template_of) -> None:
    own = {**SPREAD, "topologyKey": "host", "labelSelector": {}}
    template = template_of(topologySpreadConstraints=[SPREAD, own])
    labels = template["metadata"]["labels"]
    assert template["spec"]["topologySpreadConstraints"] == [{**SPREAD, "labelSelector": {"matchLabels": labels}}, own]


def test_w42_the_probes_of_an_app_are_those_of_the_container(template_of) -> None:
    probes = {
        "livenessProbe": {"httpGet": {"port": "db", "path": "/healthy"}, "periodSeconds": 20},
        "readinessProbe": {"exec": {"command": ["ready"]}},
        "startupProbe": {"tcpSocket": {"port": 9042}, "failureThreshold": 60},
    }
    (container,) = template_of(probes)["spec"]["containers"]
    assert {name: container[name] for name in probes} == probes
