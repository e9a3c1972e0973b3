"""Each rule in CEL refuses what it is for and nothing else, with its fixed words, on both servers."""

import copy
import itertools
import os
import re
from datetime import UTC, datetime

import pytest

from kdlib.errors import ApiError
from kdlib.model import KINDS, cel_rules, crd, example
from kdlib.sandbox import Registry
from kdlib.testing import ControlPlane, control_plane_folder
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, Kind

DEFINITIONS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)


def made(kind, *path, **fields):
    """Return the example of a kind, with some fields changed at a place in its spec; None removes a field."""
    value = example(kind.name)
    value["metadata"]["namespace"] = "team"
    place = value["spec"]
    for step in path:
        place = place[step]
    for name, item in fields.items():
        if item is None:
            place.pop(name, None)
        else:
            place[name] = item
    return value


SERVICE = ("services", 0)
ENDPOINT = (*SERVICE, "endpoint")
APP_ROLE = ("roles", 0)
ROLE = ("roles", 0)
CLAIM = (*ROLE, "volumeProjections", 0)


COMMAND = {"exec": {"command": ["true"]}}
GRPC = {"grpc": {"port": 80}}
BOTH = {"minAvailable": 1, "maxUnavailable": 1}
SOCKET = {"tcpSocket": {"port": "dashboard"}}


def members(*counts):
    role = example("KubeDirectorCluster")["spec"]["roles"][0]
    roles = [{**role, "id": str(index), "members": count} for index, count in enumerate(counts)]
    return made(KD_CLUSTER, roles=[{k: v for k, v in role.items() if v is not None} for role in roles])


WRITES = [
    ("APP-V-08", made(KD_APP, *ENDPOINT, urlScheme=None), "spec.services[0].endpoint.urlScheme"),
    ("APP-V-08", made(KD_APP, *ENDPOINT, urlScheme=None, isDashboard=False), ""),
    ("APP-V-08", made(KD_APP, *ENDPOINT, urlScheme=None, isDashboard=None), ""),
    ("APP-X-02", made(KD_APP, *SERVICE, id="80"), "spec.services[0].id"),
    ("APP-X-02", made(KD_APP, *SERVICE, id="a--b"), "spec.services[0].id"),
    ("APP-X-02", made(KD_APP, *SERVICE, id="80", endpoint=None), ""),
    ("APP-V-09", made(KD_APP, *APP_ROLE, containerSpec={"tty": True}), "spec.roles[0].containerSpec.stdin"),
    ("APP-V-09", made(KD_APP, *APP_ROLE, containerSpec={"tty": False}), ""),
    ("APP-V-09", made(KD_APP, *APP_ROLE, containerSpec={"stdin": True}), ""),
    ("APP-V-09", made(KD_APP, *APP_ROLE, imageRepoTag=None), ""),
    ("APP-V-09", made(KD_APP, defaultImageRepoTag=None), ""),
    ("APP-V-09", made(KD_APP, defaultImageRepoTag=None, roles=[{"id": "a", "cardinality": "1"}]), "spec.roles"),
    ("APP-X-30", made(KD_APP, *APP_ROLE, livenessProbe={}), "spec.roles[0].livenessProbe"),
    ("APP-X-30", made(KD_APP, *APP_ROLE, startupProbe={"periodSeconds": 3}), "spec.roles[0].startupProbe"),
    ("APP-X-30", made(KD_APP, *APP_ROLE, readinessProbe={**COMMAND, **GRPC}), "spec.roles[0].readinessProbe"),
    ("APP-X-30", made(KD_APP, *APP_ROLE, livenessProbe=COMMAND, readinessProbe=GRPC, startupProbe=SOCKET), ""),
    ("CL-V-18", members(1000), ""),
    ("CL-V-18", members(500, 500, None), ""),
    ("CL-V-18", members(500, 501), "spec.roles"),
    ("CL-V-18", members(2**63 - 1, 2**63 - 1), "spec.roles"),
    ("CL-X-34", made(KD_CLUSTER, *ROLE, podDisruptionBudget={}), "spec.roles[0].podDisruptionBudget"),
    ("CL-X-34", made(KD_CLUSTER, *ROLE, podDisruptionBudget=BOTH), "spec.roles[0].podDisruptionBudget"),
    ("CL-X-34", made(KD_CLUSTER, *ROLE, podDisruptionBudget={"minAvailable": "1%"}), ""),
    ("CL-X-34", made(KD_CLUSTER, *ROLE, podDisruptionBudget={"maxUnavailable": 0}), ""),
    ("CL-V-39", made(KD_CLUSTER, *CLAIM, mountPath="/run"), "spec.roles[0].volumeProjections[0].mountPath"),
    ("CL-V-39", made(KD_CLUSTER, *CLAIM, mountPath="/run/x"), ""),
    ("CFG-V-08", made(KD_CONFIG, masterEncryptionKey="0aF" * 16), ""),
    ("CFG-V-08", made(KD_CONFIG, masterEncryptionKey=None), ""),
    ("CFG-V-08", made(KD_CONFIG, masterEncryptionKey=""), "spec.masterEncryptionKey"),
    ("CFG-V-08", made(KD_CONFIG, masterEncryptionKey="hunter2-" * 4), "spec.masterEncryptionKey"),
    ("CFG-X-50", made(KD_CONFIG, formerEncryptionKeys=["0aF" * 16, "1" * 64]), ""),
    ("CFG-X-50", made(KD_CONFIG, formerEncryptionKeys=["0aF" * 16, "hunter2-" * 4]), "spec.formerEncryptionKeys"),
]
"""Rule, object, and the field that is at fault where it is refused."""


def running(*, entry=True, accepted=None, **role):
    """Return a cluster whose role has a member, with some fields of the role changed."""
    value = made(KD_CLUSTER, *ROLE, **role)
    known = value["status"]["roles"][0]
    known["accepted"] = accepted or {"role": {"id": "worker", "storage": {"size": "1Gi"}, "blockStorage": {}}}
    if not entry:
        value["status"]["roles"] = []
    return value


def without_role(value):
    """Return the cluster with another role in place of its own; its status stays."""
    changed = copy.deepcopy(value)
    changed["spec"]["roles"][0]["id"] = "other"
    return changed


CHANGES = [
    ("CL-V-42", without_role(running()), running(), "spec.roles"),
    ("CL-V-42", without_role(running(entry=False)), running(entry=False), ""),
    ("CL-V-42", running(), without_role(running()), ""),
    ("CL-V-43", running(), running(storage=None), "spec.roles"),
    ("CL-V-43", running(blockStorage=None), running(), ""),
    ("CL-V-43", running(accepted={"role": {"storage": {}, "blockStorage": None}}), running(blockStorage=None), ""),
    ("CL-V-43", running(accepted={"role": {"storage": {}}}, blockStorage=None), running(), "spec.roles"),
    ("CL-V-43", running(entry=False), running(entry=False, storage=None), ""),
    ("CL-V-43", running(), running(members=7, env=[{"name": "A", "value": "b"}], storage={"size": "2Ti"}), ""),
]
"""Rule, object as it is, object as it is to be, and the field that is at fault where that is refused."""


class Embedded:
    def __init__(self):
        numbers = itertools.count(1)
        self.registry = Registry(lambda: datetime(2030, 1, 1, tzinfo=UTC), lambda: f"uid-{next(numbers)}")
        self.registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
        for kind in KINDS:
            self.registry.create(crd(kind.name))

    def create(self, value):
        return self._causes(self.registry.create, value)

    def change(self, name, old, new):
        version = self.registry.create(named(old, name))["metadata"]["resourceVersion"]
        stored = self.registry.update(named(old, name, resourceVersion=version), "status")
        return self._causes(
            self.registry.update, named(new, name, resourceVersion=stored["metadata"]["resourceVersion"])
        )

    def _causes(self, write, value):
        try:
            write(value)
        except ApiError as refusal:
            return refusal.status["details"]["causes"]
        return []


class Real:
    def __init__(self, plane):
        self.plane = plane
        for kind in KINDS:
            assert plane.call("POST", DEFINITIONS.path(), crd(kind.name))[0] == 201
        for kind in KINDS:
            # Established comes first, the resource is served a moment later.
            plane._until(lambda path=kind.path("team"): plane.call("GET", path)[0] == 200, kind.name)

    def create(self, value):
        return self._causes("POST", Kind(value["apiVersion"], value["kind"]).path("team"), value)

    def change(self, name, old, new):
        path = KD_CLUSTER.path("team", name)
        assert self._causes("POST", KD_CLUSTER.path("team"), named(old, name)) == []
        version = {"resourceVersion": self.plane.call("GET", path)[1]["metadata"]["resourceVersion"]}
        assert self._causes("PUT", f"{path}/status", named(old, name, **version)) == []
        version = {"resourceVersion": self.plane.call("GET", path)[1]["metadata"]["resourceVersion"]}
        return self._causes("PUT", path, named(new, name, **version))

    def _causes(self, method, path, value):
        code, answer = self.plane.call(method, path, value)
        assert code in {200, 201, 422}, answer
        return answer["details"]["causes"] if code == 422 else []


def named(value, name, **metadata):
    return {**value, "metadata": {"name": name, "namespace": "team", **metadata}}


@pytest.fixture(scope="module")
def embedded():
    return Embedded()


@pytest.fixture(scope="module")
def real():
    with ControlPlane(control_plane_folder(os.environ)) as plane, plane.namespace("team"):
        yield Real(plane)


def held_to(rule, field, causes):
    """Check that the causes are those of the rule at the field, or none where there is no field."""
    words = {item.message for item in cel_rules() if item.rule == rule}
    assert [cause["field"] for cause in causes] == ([field] if field else [])
    for cause in causes:
        assert any(cause["message"].endswith(message) for message in words), cause
        assert "hunter2" not in cause["message"]


@pytest.mark.parametrize(("rule", "value", "field"), WRITES, ids=range(len(WRITES)))
def test_a_rule_refuses_what_it_is_for(embedded, rule, value, field):
    name = value["metadata"]["name"] if value["kind"] == KD_CONFIG.name else f"n{WRITES.index((rule, value, field))}"
    if field or value["kind"] != KD_CONFIG.name:
        held_to(rule, field, embedded.create(named(value, name)))
    else:
        held_to(rule, "", Embedded().create(named(value, name)))


@pytest.mark.parametrize(("rule", "old", "new", "field"), CHANGES, ids=range(len(CHANGES)))
def test_a_rule_refuses_the_change_that_it_is_for(embedded, rule, old, new, field):
    held_to(rule, field, embedded.change(f"c{CHANGES.index((rule, old, new, field))}", old, new))


@pytest.mark.control_plane
def test_a_real_server_holds_the_rules_alike(real):
    for rule, value, field in WRITES:
        path = Kind(value["apiVersion"], value["kind"]).path("team") + "?dryRun=All"
        held_to(rule, field, real._causes("POST", path, value))
    for index, (rule, old, new, field) in enumerate(CHANGES):
        held_to(rule, field, real.change(f"c{index}", old, new))


def test_each_rule_has_its_cases():
    cases = {case[0] for case in (*WRITES, *CHANGES) if case[-1]}
    assert cases == {rule.rule for rule in cel_rules()}


def test_rules_use_what_all_supported_servers_have():
    known = {"has", "all", "exists", "map", "sum", "size", "matches", "contains"}
    for rule in cel_rules():
        assert set(re.findall(r"(\w+)\(", rule.expression)) <= known, rule.expression
        assert len(rule.message) < 200


def test_no_rule_compares_what_an_upgrade_may_change():
    compared = {rule.rule: rule.expression for rule in cel_rules() if rule.transition}
    assert sorted(compared) == ["CL-V-42", "CL-V-43"]
    for expression in compared.values():
        assert not re.search(r"\.(app|appCatalog|resources|env|imageRepoTag)\b", expression)
