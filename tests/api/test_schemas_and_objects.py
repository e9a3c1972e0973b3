"""A real API server takes the CRDs, agrees with the models about custom objects, and takes what the rules accept."""

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kdlib.errors import RefusedError
from kdlib.model import KINDS, crd, parse_app, parse_cluster
from kdlib.testing import ControlPlane, control_plane_folder
from kdlib.wire import KD_APP, KD_CLUSTER, KD_CONFIG, Kind

pytestmark = pytest.mark.control_plane

DEFINITIONS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)


def _laws():
    """Load the generated apps and clusters of the law that this one extends."""
    path = Path(__file__).parents[1] / "laws" / "test_accepted_is_buildable.py"
    spec = importlib.util.spec_from_file_location("accepted_is_buildable", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LAWS = _laws()


@pytest.fixture(scope="module")
def plane():
    with ControlPlane(control_plane_folder(os.environ)) as running, running.namespace("team"):
        for kind in KINDS:
            code, answer = running.call("POST", DEFINITIONS.path(), crd(kind.name))
            assert code == 201, answer
        for kind in KINDS:
            # Established comes first, the resource is served a moment later.
            running._until(lambda path=kind.path("team"): running.call("GET", path)[0] == 200, kind.name)
        yield running


def dry_run(plane, kind, value):
    """Return whether the server takes the object, and what it would store or says."""
    code, answer = plane.call("POST", f"{kind.path('team')}?dryRun=All", value)
    return (True, answer.get("spec")) if code == 201 else (False, str(answer.get("message")))


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_definition_is_structural_and_its_names_are_free(plane, kind):
    path = DEFINITIONS.path(name=crd(kind)["metadata"]["name"])
    conditions = {item["type"]: item["status"] for item in plane.call("GET", path)[1]["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


LIMITS = {"limits": {"cpu": "1", "memory": "1Gi"}}


def cluster(**role):
    spec = {"app": "a", "roles": [{"id": "r", "resources": LIMITS, **role}]}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": {"name": "c"}, "spec": spec}


def app(**role):
    spec = {
        "label": {"name": "A", "more": None},
        "distroID": "a",
        "version": "1",
        "configSchemaVersion": 7,
        "defaultImageRepoTag": "demo:1",
        "roles": [{"id": "r", "cardinality": "1", **role}],
        "config": {"selectedRoles": [], "roleServices": []},
    }
    return {"apiVersion": KD_APP.api_version, "kind": KD_APP.name, "metadata": {"name": "a"}, "spec": spec}


CASES = [
    *(cluster(members=value) for value in (0, 3.0, 3.5, -1, 2**63, 10**30, "3", True, None)),
    *(
        cluster(env=value)
        for value in (None, [None], [], [{"name": "A", "value": "", "valueFrom": {}}], [{"name": ""}])
    ),
    *(cluster(podLabels=value) for value in (None, {"a": None, "b": ""}, {"a": 1}, [])),
    *(cluster(resources=value) for value in (None, {}, {"limits": {"cpu": "1", "memory": None}})),
    *(
        cluster(resources={"limits": {**LIMITS["limits"], **more}})
        for more in ({"cpu": 2}, {"cpu": "x"}, {"nvidia.com/gpu": 1})
    ),
    *(cluster(secret={"name": "s", "mountPath": path}) for path in ("/a b\n", "a", "", "/")),
    *(cluster(secret={"name": "s", "mountPath": "/", "defaultMode": mode}) for mode in (511, 512)),
    *(cluster(volumeProjections=[{"pvcName": "p", "mountPath": path}]) for path in ("/", "/p")),
    *(cluster(id=name) for name in ("", "x" * 63, "x" * 64, "no/pattern here")),
    *(app(cardinality=value) for value in ("1", "1+", "+", "\u0661", "", 1)),
    *(app(configPackage=value) for value in (None, {}, {"packageURL": "file:///a.tgz"}, {"packageURL": "ftp://a.tgz"})),
    *(app(minResources=value) for value in (None, {"cpu": "1", "x.y/z": "2"}, {"cpu": 1})),
    *(app(persistDirs=value) for value in ([], ["/a"], ["/a/"], ["a"], ["/a\nb"], None)),
    *(app(eventList=value) for value in ([], ["configure"], ["reconnect"])),
    *(app(id=value) for value in ("a.b_c-D", "-a", "a-", "")),
]


@pytest.mark.parametrize("value", CASES, ids=range(len(CASES)))
def test_server_and_models_agree(plane, value):
    kind, parse = (KD_APP, parse_app) if value["kind"] == KD_APP.name else (KD_CLUSTER, parse_cluster)
    taken, answer = dry_run(plane, kind, value)
    try:
        ours = parse(value).spec.dumped()
    except RefusedError:
        ours = None
    assert ours == (answer if taken else None)


def test_the_global_config_has_one_name(plane):
    named = {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": {"name": "kd-global-config"}}
    assert dry_run(plane, KD_CONFIG, named)[0]
    assert not dry_run(plane, KD_CONFIG, {**named, "metadata": {"name": "other"}})[0]


@settings(
    max_examples=60, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_what_the_rules_accept_the_server_takes(plane, data):
    generated = data.draw(LAWS.apps())
    root = data.draw(LAWS.roots(generated))
    config = data.draw(LAWS.CONFIGS)
    try:
        objects = LAWS.one_pass(root, generated, config).graph.objects
    except RefusedError:
        return
    for item in objects:
        kind = Kind(item["apiVersion"], item["kind"])
        taken, answer = dry_run(plane, kind, item)
        assert taken, answer
