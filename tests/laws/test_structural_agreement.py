"""The models, the embedded API server and a real one agree on what is an app, a cluster, a config, a backup.

Objects are generated from the schemas and spoiled a little. The two servers agree in all: also on rules in CEL and on
doubled items of keyed lists. The models hold the structural part, and what all accept means the same to all.
"""

import itertools
import json
import os
from datetime import UTC, datetime

import orjson
import pytest
import schema_values
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kdlib.errors import ApiError, RefusedError
from kdlib.model import KINDS, StatusBackup, cel_rules, crd, example, parse_app, parse_cluster, parse_config, parsed
from kdlib.sandbox import Registry
from kdlib.testing import ControlPlane, control_plane_folder
from kdlib.wire import Kind

DEFINITIONS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
PARSERS = {
    "KubeDirectorApp": parse_app,
    "KubeDirectorCluster": parse_cluster,
    "KubeDirectorConfig": parse_config,
    "KubeDirectorStatusBackup": lambda value: parsed(StatusBackup, value),
}
MESSAGES = {rule.message for rule in cel_rules()}
NOT_CHECKED = "some validation rules were not checked"


def specs(kind):
    schema = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema_values.mutated(schema_values.objects(schema))


SPECS = {kind.name: specs(kind.name) for kind in KINDS}


def as_sent(kind, spec):
    """Return the object as a server decodes it: numbers of more than 64 bits have become fractions."""
    metadata = {"name": "kd-global-config", "namespace": "team"}
    value = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": spec}
    return decoded(orjson.loads(json.dumps(value)))


def decoded(value):
    match value:
        case dict():
            return {key: decoded(item) for key, item in value.items()}
        case list():
            return [decoded(item) for item in value]
        case int() if value >= 2**63:
            return float(value)
    return value


def bounded(value):
    """Return a value in which all numbers are alike that have no exact form on their way through a server."""
    match value:
        case dict():
            return {key: bounded(item) for key, item in value.items()}
        case list():
            return [bounded(item) for item in value]
        case int() | float() if abs(value) >= 2**63 - 1:
            return "a number of more than 64 bits"
    return value


def by_model(kind, value):
    """Return what the models read, or None with the words of the refusal."""
    try:
        return PARSERS[kind.name](value).dumped().get("spec"), ""
    except RefusedError as refusal:
        return None, str(refusal)


class Answer:
    """What a server said: the stored spec, or the causes of its refusal, told apart."""

    def __init__(self, code, body):
        assert code in {201, 422}, body
        self.taken, self.spec = code == 201, bounded(body.get("spec"))
        causes = [] if self.taken else body["details"]["causes"]
        self.doubled = sorted(item["field"] for item in causes if item["reason"] == "FieldValueDuplicate")
        self.rules = sorted((item["field"], rule) for item in causes for rule in MESSAGES if rule in item["message"])
        self.structural = sorted(
            item["field"]
            for item in causes
            if item["reason"] != "FieldValueDuplicate"
            and NOT_CHECKED not in item["message"]
            and not any(rule in item["message"] for rule in MESSAGES)
        )


@pytest.fixture(scope="module")
def embedded():
    numbers = itertools.count(1)
    registry = Registry(lambda: datetime(2030, 1, 1, tzinfo=UTC), lambda: f"uid-{next(numbers)}")
    registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    for kind in KINDS:
        registry.create(crd(kind.name))

    def answer(_, value):
        try:
            return Answer(201, registry.create(value, dry_run=True))
        except ApiError as refusal:
            return Answer(refusal.code, refusal.status)

    return answer


@pytest.fixture(scope="module")
def real():
    with ControlPlane(control_plane_folder(os.environ)) as plane, plane.namespace("team"):
        for kind in KINDS:
            assert plane.call("POST", DEFINITIONS.path(), crd(kind.name))[0] == 201
        for kind in KINDS:
            # Established comes first, the resource is served a moment later.
            plane._until(lambda path=kind.path("team"): plane.call("GET", path)[0] == 200, kind.name)
        yield lambda kind, value: Answer(*plane.call("POST", f"{kind.path('team')}?dryRun=All", value))


GENEROUS = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
KIND = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


@KIND
@settings(max_examples=100, **GENEROUS)
@given(data=st.data())
def test_models_and_embedded_server_agree(embedded, kind, data):
    value = as_sent(kind, data.draw(SPECS[kind.name]))
    agree(kind, value, embedded(kind, value))


@KIND
def test_models_and_embedded_server_agree_on_each_spoiled_field(embedded, kind):
    for spec in schema_values.all_spoiled(example(kind.name)["spec"]):
        value = as_sent(kind, spec)
        agree(kind, value, embedded(kind, value))


@pytest.mark.control_plane
@KIND
@settings(max_examples=120, phases=[Phase.generate], **GENEROUS)
@given(data=st.data())
def test_models_and_both_servers_agree(embedded, real, kind, data):
    value = as_sent(kind, data.draw(SPECS[kind.name]))
    ours, theirs = embedded(kind, value), real(kind, value)
    agree(kind, value, theirs)
    assert (ours.taken, ours.doubled, ours.rules) == (theirs.taken, theirs.doubled, theirs.rules)
    assert bool(ours.structural) == bool(theirs.structural), (ours.structural, theirs.structural)
    assert ours.spec == theirs.spec


def agree(kind, value, answer):
    read, refusal = by_model(kind, value)
    assert refusal or not answer.structural, answer.structural
    # A rule in CEL may be the only one to refuse a number that is written with a fraction.
    assert not refusal or answer.structural or answer.rules, refusal
    # A status keeps in memory what a server prunes, since other kinds of roots have statuses of their own.
    if answer.taken and kind.name != "KubeDirectorStatusBackup":
        assert answer.spec == bounded(read)
