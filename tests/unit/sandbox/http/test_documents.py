"""Discovery and OpenAPI follow what is served."""

from importlib.resources import files

import orjson

from kdlib.sandbox.http.discovery import aggregated, groups, resources
from kdlib.sandbox.http.openapi import document_v2, document_v3, index_v3
from kdlib.sandbox.http.served import Served, version_priority

BUILTIN = orjson.loads(files("kdlib.wire").joinpath("builtin.json").read_bytes())


def definition(*, established="True", versions=("v1",)):
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
    return {
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"plural": "ponds", "kind": "Pond", "shortNames": ["pd"]},
            "versions": [
                {"name": name, "served": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
                for name in versions
            ],
        },
        "status": {"conditions": [{"type": "Established", "status": established}]},
    }


def test_versions_are_preferred_as_kubernetes_prefers_them():
    names = ["v1", "v2beta1", "foo", "v10", "v1alpha1", "v2", "v2beta2"]
    assert sorted(names, key=version_priority) == ["v10", "v2", "v1", "v2beta2", "v2beta1", "v1alpha1", "foo"]


def test_custom_kinds_are_served_once_they_are_established():
    assert resources(Served(BUILTIN, [definition(established="False")]), "apis/example.org/v1") is None
    found = resources(Served(BUILTIN, [definition()]), "apis/example.org/v1")
    assert [each["name"] for each in found["resources"]] == ["ponds", "ponds/status"]
    assert found["resources"][0]["singularName"] == "pond"


def test_the_core_group_is_apart_and_custom_groups_come_last():
    served = Served(BUILTIN, [definition(versions=("v1beta1", "v1"))])
    named = groups(served)["groups"]
    assert named[0]["name"] == "apps"
    assert named[-1]["preferredVersion"] == {"groupVersion": "example.org/v1", "version": "v1"}
    (core,) = aggregated(served, core=True)["items"]
    assert core["metadata"] == {}
    assert {each["metadata"]["name"] for each in aggregated(served, core=False)["items"]} == {
        each["name"] for each in named
    }


def test_clients_find_field_validation_and_patch_types_in_openapi():
    document = document_v3(Served(BUILTIN), BUILTIN, "apis/apps/v1")
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"]["patch"]
    assert "fieldValidation" in {each["name"] for each in patch["parameters"]}
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "StatefulSet"}


def references(value):
    match value:
        case {"$ref": str(text)}:
            return {text}
        case dict():
            return set().union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
        case _:
            return set()


def test_every_reference_leads_to_a_schema():
    served = Served(BUILTIN, [definition()])
    for root in served.versions:
        document = document_v3(served, BUILTIN, root)
        names = {text.removeprefix("#/components/schemas/") for text in references(document)}
        assert names <= set(document["components"]["schemas"]), root
    document = document_v2(served, BUILTIN)
    assert {text.removeprefix("#/definitions/") for text in references(document)} <= set(document["definitions"])


def test_custom_kinds_take_no_strategic_patch_and_name_themselves():
    document = document_v3(Served(BUILTIN, [definition()]), BUILTIN, "apis/example.org/v1")
    patch = document["paths"]["/apis/example.org/v1/namespaces/{namespace}/ponds/{name}"]["patch"]
    assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]
    schema = document["components"]["schemas"]["org.example.v1.Pond"]
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "example.org", "version": "v1", "kind": "Pond"}]
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec"}


def test_the_index_changes_with_a_schema_and_only_then():
    before, again = (index_v3(Served(BUILTIN, [definition()])) for _ in range(2))
    assert before == again
    changed = definition()
    changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["m"] = {}
    after = index_v3(Served(BUILTIN, [changed]))
    assert {root for root in after["paths"] if after["paths"][root] != before["paths"][root]} == {"apis/example.org/v1"}


async def test_the_front_serves_a_kind_as_soon_as_it_is_defined(ask):
    assert (await ask("GET", "/apis/example.org/v1")).code == 404
    names = {"plural": "ponds", "singular": "pond", "kind": "Pond", "listKind": "PondList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]}
    made = await ask(
        "POST",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        json={"metadata": {"name": "ponds.example.org"}, "spec": spec},
    )
    assert made.code == 201
    found = await ask("GET", "/apis/example.org/v1")
    assert found.body["resources"][0]["name"] == "ponds"
    assert "apis/example.org/v1" in (await ask("GET", "/openapi/v3")).body["paths"]
    assert (await ask("GET", "/nonsense")).code == 404
