"""The table of kinds: references, atomic parts, keys, and what a kind is before anybody writes to it."""

from kdlib.wire import structural_schema


def test_references_are_followed_and_what_stands_beside_them_is_kept(schemas):
    template = schemas.kind("apps/v1", "StatefulSet").at("spec", "template")

    assert template.name == "io.k8s.api.core.v1.PodTemplateSpec"
    assert template.default == {}
    assert template.at("spec", "containers").keys == ("name",)


def test_a_kind_that_nobody_serves_is_not_there(schemas):
    assert schemas.kind("apps/v1", "Nonsense") is None
    assert schemas.kind("v1", "Pod").at("spec", "nope") is None


def test_lists_say_how_they_merge(schemas):
    spec = schemas.kind("v1", "Pod").at("spec")

    ports = spec.at("containers", "[]", "ports")
    assert ports.keys == ("containerPort", "protocol")
    assert ports.key_defaults == {"containerPort": 0, "protocol": "TCP"}
    assert ports.patch_merge_key == "containerPort"
    assert spec.at("tolerations").is_atomic_list
    assert spec.at("nodeSelector").is_atomic_map
    assert spec.at("volumes").patch_strategies == ("merge", "retainKeys")


def test_the_parts_that_every_object_shows_belong_to_nobody(schemas):
    assert schemas.kind("apps/v1", "StatefulSet").zero["spec"] == {
        "selector": None,
        "serviceName": "",
        "template": {"metadata": {}, "spec": {"containers": None}},
        "updateStrategy": {},
    }
    assert schemas.kind("v1", "ConfigMap").zero == {"metadata": {}}
    assert structural_schema({"type": "object", "properties": {"spec": {"type": "object", "default": {}}}}).zero == {}


def test_recursive_definitions_are_walked_no_further_than_asked(schemas):
    crd = schemas.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")

    node = crd.at("spec", "versions", "[]", "schema", "openAPIV3Schema", "properties")

    assert node.additional.at("properties").additional.at("type").type == "string"


def test_roles_tell_how_values_are_read(schemas):
    container = schemas.kind("v1", "Pod").at("spec", "containers", "[]")

    assert container.at("resources", "limits").additional.role == "quantity"
    assert schemas.kind("v1", "Service").at("spec", "ports", "[]", "targetPort").role == "int-or-string"
    assert schemas.kind("v1", "Secret").at("data").additional.role == "byte"
    assert schemas.kind("v1", "Pod").at("metadata", "creationTimestamp").role == "date-time"
    assert schemas.kind("apps/v1", "ControllerRevision").at("data").role == "free"


def test_fields_that_are_preserved_have_a_schema_that_takes_anything():
    schema = structural_schema(
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"a": {"type": "object"}}}
    )

    assert schema.at("unknown", "deep").is_any
    assert schema.at("a", "deep").is_any
