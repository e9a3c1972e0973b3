"""Each field has an example; all examples together make objects that everybody accepts; editors find mistakes."""

import copy
import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from kdlib.frozen import canonical
from kdlib.model import (
    KINDS,
    StatusBackup,
    crd,
    editor_schema,
    example,
    parse_app,
    parse_cluster,
    parse_config,
    parsed,
    reference,
)
from kdlib.sandbox import Registry

ROOT = Path(__file__).parents[3]
PARSERS = {
    "KubeDirectorApp": parse_app,
    "KubeDirectorCluster": parse_cluster,
    "KubeDirectorConfig": parse_config,
    "KubeDirectorStatusBackup": lambda value: parsed(StatusBackup, value),
}
KIND = pytest.mark.parametrize("kind", sorted(PARSERS))


@pytest.fixture(scope="module")
def server():
    numbers = itertools.count(1)
    registry = Registry(lambda: datetime(2030, 1, 1, tzinfo=UTC), lambda: f"uid-{next(numbers)}")
    registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    for kind in KINDS:
        registry.create(crd(kind.name))
    return registry


def schema_of(kind):
    return crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def fields(schema):
    """Yield the path of every field of a schema."""
    for name, inner in schema.get("properties", {}).items():
        yield (name,)
        yield from ((name, *rest) for rest in fields(inner.get("items", inner)))


def held(value, path):
    """Tell whether there is something at a path, in the first item of each list."""
    for step in path:
        value = value[0] if isinstance(value, list) else value
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return value not in ([], {})


@KIND
def test_the_example_has_every_field(kind):
    missing = [path for path in fields(schema_of(kind)) if path[0] != "metadata" and not held(example(kind), path)]
    own = {
        ("spec", "roles", "affinity"),
        ("spec", "roles", "livenessProbe"),
        ("spec", "roles", "podDisruptionBudget"),
        ("spec", "roles", "readinessProbe"),
        ("spec", "roles", "startupProbe"),
        ("spec", "roles", "topologySpreadConstraints", "labelSelector"),
        ("status", "roles", "accepted"),
        ("spec", "statusBackup", "roles", "accepted"),
    }
    # An example of a whole object may leave out some of its fields: those of a selector, a probe, an accepted role.
    assert [path for path in missing if not any(path[: len(part)] == part for part in own)] == []


@KIND
def test_a_server_stores_the_example_as_it_is(server, kind):
    value = example(kind)
    value["metadata"]["namespace"] = "team"
    stored = server.create(copy.deepcopy(value), dry_run=True)
    assert stored["spec"] == value["spec"]


@KIND
def test_the_example_comes_back_from_the_models_byte_by_byte(kind):
    assert canonical(PARSERS[kind](example(kind)).dumped()) == canonical(example(kind))


@KIND
def test_the_page_shows_every_field_and_the_example(kind):
    (page,) = (text for text in reference().values() if f"# {kind}\n" in text)
    for path in fields(schema_of(kind)):
        assert path[0] in {"apiVersion", "kind", "metadata"} or f"`{path[-1]}`" in page or f"`{path[0]}`" in page, path
    assert yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]) == example(kind)


@KIND
def test_editors_take_the_example(kind):
    schema = editor_schema(kind)
    Draft7Validator.check_schema(schema)
    assert [error.message for error in Draft7Validator(schema).iter_errors(example(kind))] == []


def test_editors_take_the_manifests_of_this_repository():
    paths = [*ROOT.glob("examples/*.yaml"), *ROOT.glob("catalog/*/*.yaml")]
    checked = 0
    for document in itertools.chain.from_iterable(yaml.safe_load_all(path.read_text()) for path in paths):
        if document and document.get("kind") in PARSERS:
            Draft7Validator(editor_schema(document["kind"])).validate(document)
            checked += 1
    assert checked


MISTAKES = [
    ("KubeDirectorApp", ("spec", "roles", 0, "persistDir"), ["/x"]),
    ("KubeDirectorApp", ("spec", "configSchemaVersion"), 6),
    ("KubeDirectorApp", ("spec", "config", "selectedRoles"), ["a", "a"]),
    ("KubeDirectorCluster", ("spec", "serviceType"), "Loadbalancer"),
    ("KubeDirectorCluster", ("spec", "roles", 0, "resources", "limits", "cpu"), 2),
    ("KubeDirectorCluster", ("spec", "roles", 0, "connections"), {}),
    ("KubeDirectorConfig", ("spec", "podLabels", "a"), 1),
    ("KubeDirectorConfig", ("kind",), "KubeDirectorCluster"),
]


@pytest.mark.parametrize(("kind", "path", "wrong"), MISTAKES, ids=range(len(MISTAKES)))
def test_editors_find_mistakes(kind, path, wrong):
    value = example(kind)
    place = value
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    assert list(Draft7Validator(editor_schema(kind)).iter_errors(value))


@pytest.mark.parametrize("null", [None, {}])
def test_editors_know_where_a_null_means_something(null):
    value = example("KubeDirectorApp")
    value["spec"]["roles"][0]["configPackage"] = null
    assert bool(list(Draft7Validator(editor_schema("KubeDirectorApp")).iter_errors(value))) == (null is not None)
