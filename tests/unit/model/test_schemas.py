"""The CRDs are generated, structural, explain every field, and accept what the models accept."""

from pathlib import Path

import pytest
import schema_values
from hypothesis import HealthCheck, given, settings

from kdlib.model import KINDS, crd, editor_schemas, parse_app, parse_cluster, reference, schemas

FOLDER = Path(__file__).parents[3] / "schemas"


def schema_of(kind):
    return crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def parts(schema, path=""):
    """Yield every schema inside a schema with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from parts(inner, f"{path}.{name}" if path else name)
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from parts(schema[key], f"{path}[]")


def test_the_files_are_what_the_generator_writes():
    made = schemas() | editor_schemas()
    found = {str(path.relative_to(FOLDER)): path for path in (*FOLDER.glob("*.yaml"), *FOLDER.glob("json/*"))}
    assert sorted(found) == sorted(made)
    for name, path in found.items():
        assert path.read_text(encoding="utf-8") == made[name], f"{name} is outdated: run `make schemas`"


def test_the_reference_pages_are_what_the_generator_writes():
    for name, text in reference().items():
        path = FOLDER.parent / "docs" / "reference" / name
        assert path.read_text(encoding="utf-8") == text, f"{name} is outdated: run `make schemas`"


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_schema_is_structural(kind):
    for path, part in parts(schema_of(kind)):
        if part.get("x-kubernetes-int-or-string"):
            # Its two types are said by the extension.
            assert "type" not in part, path
            continue
        assert part.get("type") in {"object", "array", "string", "integer", "boolean"}, path
        assert not part.keys() & {"$ref", "anyOf", "allOf", "title", "default", "definitions", "const"}, path
        assert not ("properties" in part and "additionalProperties" in part), path
        assert (part.get("type") == "array") == ("items" in part), path


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_field_is_described(kind):
    silent = [path for path, part in parts(schema_of(kind)) if "description" not in part and not path.endswith("[]")]
    assert [path for path in silent if not path.startswith("metadata")] == []


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_keys_of_lists_are_required_fields(kind):
    for path, part in parts(schema_of(kind)):
        keys = part.get("x-kubernetes-list-map-keys", [])
        assert set(keys) <= set(part.get("items", {}).get("required", [])), path


def test_names_are_those_of_the_specification():
    names = {kind.name: crd(kind.name)["spec"]["names"] for kind in KINDS}
    assert {name: (item["plural"], item["shortNames"]) for name, item in names.items()} == {
        "KubeDirectorApp": ("kubedirectorapps", ["kdapp"]),
        "KubeDirectorCluster": ("kubedirectorclusters", ["kdcluster"]),
        "KubeDirectorConfig": ("kubedirectorconfigs", ["kdconfig"]),
        "KubeDirectorStatusBackup": ("kubedirectorstatusbackups", ["kdstatusbackup"]),
    }


def test_status_is_a_subresource_of_clusters_and_the_config_only():
    having = {kind.name for kind in KINDS if "subresources" in crd(kind.name)["spec"]["versions"][0]}
    assert having == {"KubeDirectorCluster", "KubeDirectorConfig"}


def test_where_the_specification_keeps_unknown_fields_so_does_the_schema():
    kept = {
        path for path, part in parts(schema_of("KubeDirectorApp")) if "x-kubernetes-preserve-unknown-fields" in part
    }
    assert kept == {
        "spec",
        "spec.label",
        "spec.services[]",
        "spec.roles[].minResources",
    }
    cluster = {
        path for path, part in parts(schema_of("KubeDirectorCluster")) if "x-kubernetes-preserve-unknown-fields" in part
    }
    accepted = "status.roles[].accepted"
    assert cluster == {
        "spec.roles[].resources.limits",
        "spec.roles[].resources.requests",
        accepted,
        f"{accepted}.role",
        f"{accepted}.role.storage",
        f"{accepted}.role.blockStorage",
        f"{accepted}.defaultSecret",
    }


def test_where_the_specification_keeps_nulls_so_does_the_schema():
    nullable = {path for path, part in parts(schema_of("KubeDirectorApp")) if part.get("nullable")}
    assert nullable == {
        "spec.config.configMeta",
        "spec.defaultConfigPackage",
        "spec.roles[].configPackage",
        "spec.roles[].containerSpec",
        "spec.roles[].minResources",
        "spec.roles[].minStorage",
        "spec.services[].endpoint",
        "spec.services[].label",
    }


GENEROUS = settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)


@GENEROUS
@given(schema_values.objects(schema_of("KubeDirectorApp")["properties"]["spec"]))
def test_an_app_that_the_schema_accepts_comes_back_as_it_was(spec):
    assert parse_app({"metadata": {"name": "a"}, "spec": spec}).spec.dumped() == spec


@GENEROUS
@given(schema_values.objects(schema_of("KubeDirectorCluster")["properties"]["spec"]))
def test_a_cluster_that_the_schema_accepts_comes_back_as_it_was(spec):
    assert parse_cluster({"metadata": {"name": "c"}, "spec": spec}).spec.dumped() == spec


@GENEROUS
@given(schema_values.objects(schema_of("KubeDirectorCluster")["properties"]["status"]))
def test_a_status_that_the_schema_accepts_can_be_read(status):
    spec = {"app": "a", "roles": []}
    read = parse_cluster({"metadata": {"name": "c"}, "spec": spec, "status": status})
    assert (read.status is None) == (status is None)


@pytest.mark.parametrize(
    ("kind", "path"),
    [("KubeDirectorApp", "spec.roles[].timeLimits"), ("KubeDirectorConfig", "spec.defaultTimeLimits")],
)
def test_a_time_limit_is_one_second_to_seven_days(kind, path):
    """APP-X-40, CFG-X-40."""
    limits = dict(parts(schema_of(kind)))[path]["properties"]
    assert {(item["minimum"], item["maximum"]) for item in limits.values()} == {(1, 604800)}
    assert {"configure", "addnodes", "delnodes", "reconnect", "decommission"} <= set(limits)


def test_further_tries_are_bounded():
    """APP-X-43."""
    tries = dict(parts(schema_of("KubeDirectorApp")))["spec.roles[].notifyRetries"]
    assert (tries["minimum"], tries["maximum"]) == (0, 100)
