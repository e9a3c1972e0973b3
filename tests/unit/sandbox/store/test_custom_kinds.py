"""Custom kinds: what makes a definition invalid, and what a defined kind does with its objects."""

import pytest

from kdlib.errors import AlreadyExistsError, ApiError, NotFoundError
from kdlib.wire import MERGE_PATCH, STRATEGIC_MERGE_PATCH, Kind

CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
THING = Kind("example.org/v1", "Thing")
PATH = "/apis/example.org/v1/namespaces/default/things"
TEXT = {"type": "string"}
SPEC = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$"},
        "mode": {"type": "string", "enum": ["fast", "slow"]},
        "size": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1, "format": "int32"},
        "share": {"type": "number", "multipleOf": 2, "minimum": 1, "exclusiveMinimum": True},
        "flag": {"type": "boolean"},
        "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": TEXT},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"],
            "items": {"type": "object", "required": ["id"], "properties": {"id": TEXT, "n": {**TEXT, "default": "d"}}},
        },
        "counts": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 2,
            "additionalProperties": {"type": "integer"},
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
        "nothing": {"type": "string", "nullable": True},
        "when": {"type": "string", "format": "date-time"},
        "whole": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "one": {
            "type": "object",
            "properties": {"a": TEXT, "b": TEXT},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        "nest": {"type": "object", "default": {}, "properties": {"x": {**TEXT, "default": "dx"}}},
    },
}
STATUS = {"type": "object", "properties": {"phase": TEXT, "size": {"type": "integer"}}}
SCHEMA = {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}


@pytest.fixture
def things(world, make):
    world.registry.create(make.definition(SCHEMA))
    return world


def errors_of(error):
    return [(cause["field"], cause["message"]) for cause in error.status["details"]["causes"]]


# --- definitions ----------------------------------------------------------------------------------------------------


def test_a_definition_is_established_and_served(world, make):
    world.registry.create(make.definition(SCHEMA))

    stored = world.registry.get(CRD, "", "things.example.org")
    conditions = {one["type"]: (one["status"], one["reason"]) for one in stored["status"]["conditions"]}
    assert conditions == {"NamesAccepted": ("True", "NoConflicts"), "Established": ("True", "InitialNamesAccepted")}
    assert stored["status"]["acceptedNames"] == {
        "kind": "Thing",
        "listKind": "ThingList",
        "plural": "things",
        "singular": "thing",
    }
    assert stored["status"]["storedVersions"] == ["v1"]
    assert world.registry.list(THING) == []
    assert world.registry.resources.of("example.org/v1", "Thing").subresources == ("status",)


def test_names_that_another_definition_has_are_not_accepted(things, make):
    body = make.definition(SCHEMA, kind="Other")
    body["spec"]["names"]["shortNames"] = ["thing"]

    things.registry.create(body)

    conditions = things.registry.get(CRD, "", "others.example.org")["status"]["conditions"]
    assert [(one["type"], one["status"], one["message"]) for one in conditions] == [
        ("NamesAccepted", "False", '"thing" is already in use'),
        ("Established", "False", "not all names are accepted"),
    ]
    with pytest.raises(NotFoundError):
        things.registry.list(Kind("example.org/v1", "Other"))


def test_the_objects_of_a_definition_go_before_it(things, make):
    things.registry.create(make.thing("a", spec={"name": "ab"}))
    held = make.thing("b", spec={"name": "ab"})
    held["metadata"]["finalizers"] = ["x.org/a"]
    things.registry.create(held)

    things.registry.delete(CRD, "", "things.example.org")
    waiting = things.registry.get(CRD, "", "things.example.org")
    left = things.registry.list(THING)
    things.registry.patch(THING, "default", "b", {"metadata": {"finalizers": None}})

    assert waiting["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert [one["metadata"]["name"] for one in left] == ["b"]
    assert things.registry.find(CRD, "", "things.example.org") is None
    with pytest.raises(NotFoundError):
        things.registry.list(THING)


def test_another_schema_holds_from_the_next_write_on(things, make):
    body = make.definition({"type": "object", "properties": {"spec": {"type": "object", "properties": {"q": TEXT}}}})
    version = things.registry.get(CRD, "", "things.example.org")["metadata"]["resourceVersion"]
    body["metadata"]["resourceVersion"] = version

    things.registry.update(body)

    assert things.registry.create(make.thing(spec={"q": "x", "name": "gone"}))["spec"] == {"q": "x"}


def bad(**properties):
    return {"type": "object", "properties": properties}


WHERE = "spec.validation.openAPIV3Schema"


@pytest.mark.parametrize(
    ("schema", "field", "message"),
    [
        ({"properties": {}}, f"{WHERE}.type", "Required value: must not be empty at the root"),
        (
            bad(spec={"properties": {"a": TEXT}}),
            f"{WHERE}.properties[spec].type",
            "Required value: must not be empty for specified object fields",
        ),
        (bad(spec={"type": "array"}), f"{WHERE}.properties[spec].items", "Required value: must be specified"),
        (
            bad(spec={"type": "fish"}),
            f"{WHERE}.properties[spec].type",
            'Unsupported value: "fish": supported values: "array", "boolean", "integer", "number", "object", "string"',
        ),
        (
            bad(spec={"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}),
            f"{WHERE}.properties[spec].x-kubernetes-list-map-keys",
            "Required value: must not be empty if x-kubernetes-list-type is map",
        ),
        (
            bad(spec={"type": "string", "default": 5}),
            f"{WHERE}.properties[spec].default",
            'Invalid value: "integer":  in body must be of type string: "integer"',
        ),
        (
            bad(spec={"type": "object", "additionalProperties": TEXT, "properties": {"a": TEXT}}),
            f"{WHERE}.properties[spec].additionalProperties",
            "Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        (
            bad(spec={"type": "string", "uniqueItems": True}),
            f"{WHERE}.properties[spec].uniqueItems",
            "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
        ),
        (
            bad(spec={"type": "object", "oneOf": [{"type": "object"}]}),
            f"{WHERE}.properties[spec].oneOf[0].type",
            "Forbidden: must be empty to be structural",
        ),
        (
            bad(metadata={"type": "object", "properties": {"labels": {"type": "object"}}}),
            f"{WHERE}.properties[metadata]",
            (
                "Forbidden: must not specify anything other than name and generateName, "
                "but metadata is implicitly specified"
            ),
        ),
        (
            bad(spec={"type": "integer", "x-kubernetes-validations": [{"message": "x"}]}),
            f"{WHERE}.properties[spec].x-kubernetes-validations[0].rule",
            "Required value: rule is not specified",
        ),
    ],
)
def test_a_schema_that_is_not_structural_is_refused(world, make, schema, field, message):
    with pytest.raises(ApiError) as caught:
        world.registry.create(make.definition(schema))

    assert (field, message) in errors_of(caught.value)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"group": "org"}, "spec.group"),
        ({"scope": "Nowhere"}, "spec.scope"),
        ({"names": {"kind": "Thing!", "plural": "things"}}, "spec.names.kind"),
        ({"names": {"kind": "Thing", "plural": "Things"}}, "spec.names.plural"),
        ({"versions": []}, "spec.versions"),
        ({"names": {"kind": "Thing", "plural": "others"}}, "metadata.name"),
    ],
)
def test_a_definition_must_make_sense(world, make, change, field):
    body = make.definition(SCHEMA)
    body["spec"].update(change)

    with pytest.raises(ApiError) as caught:
        world.registry.create(body)

    assert field in {found for found, _ in errors_of(caught.value)}


@pytest.mark.parametrize("rule", ["self >", "self > foo", "bar(self) > 1"])
def test_a_rule_that_cannot_be_compiled_is_refused(world, make, rule):
    with pytest.raises(ApiError, match="compilation failed"):
        world.registry.create(
            make.definition(bad(spec={"type": "integer", "x-kubernetes-validations": [{"rule": rule}]}))
        )


def test_what_a_kind_is_called_cannot_change(things, make):
    body = make.definition(SCHEMA, scope="Cluster")
    version = things.registry.get(CRD, "", "things.example.org")["metadata"]["resourceVersion"]
    body["metadata"]["resourceVersion"] = version

    with pytest.raises(ApiError, match="field is immutable"):
        things.registry.update(body)


# --- objects --------------------------------------------------------------------------------------------------------


def test_unknown_fields_go_nulls_go_and_defaults_come(things, make):
    spec = {"name": "ab", "nope": 1, "flag": None, "size": None, "nothing": None, "parts": [{"id": "p", "q": 1}]}

    stored = things.registry.create(make.thing(spec={**spec, "free": {"any": [{"thing": 1}]}}, other=1))

    assert stored["spec"] == {
        "name": "ab",
        "size": 1,
        "nothing": None,
        "parts": [{"id": "p", "n": "d"}],
        "free": {"any": [{"thing": 1}]},
        "nest": {"x": "dx"},
    }
    assert "other" not in stored
    assert stored["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({}, "spec.name", "Required value"),
        ({"name": "a"}, "spec.name", 'Invalid value: "a": spec.name in body should be at least 2 chars long'),
        ({"name": "abcdefg"}, "spec.name", "Too long: may not be more than 5 bytes"),
        ({"name": "A1"}, "spec.name", "Invalid value: \"A1\": spec.name in body should match '^[a-z]+$'"),
        ({"name": 5}, "spec.name", 'Invalid value: "integer": spec.name in body must be of type string: "integer"'),
        ({"mode": "odd"}, "spec.mode", 'Unsupported value: "odd": supported values: "fast", "slow"'),
        ({"size": 11}, "spec.size", "Invalid value: 11: spec.size in body should be less than or equal to 10"),
        ({"size": -1}, "spec.size", "Invalid value: -1: spec.size in body should be greater than or equal to 0"),
        ({"size": 1.5}, "spec.size", 'Invalid value: "float64": spec.size in body must be of type int32: "float64"'),
        ({"share": 1}, "spec.share", "Invalid value: 1: spec.share in body should be greater than 1"),
        ({"share": 3}, "spec.share", "Invalid value: 3: spec.share in body should be a multiple of 2"),
        ({"flag": "x"}, "spec.flag", 'Invalid value: "string": spec.flag in body must be of type boolean: "string"'),
        ({"list": []}, "spec.list", "Invalid value: 0: spec.list in body should have at least 1 items"),
        ({"list": ["a", "b", "c"]}, "spec.list", "Too many: 3: must have at most 2 items"),
        (
            {"list": [1]},
            "spec.list[0]",
            'Invalid value: "integer": spec.list[0] in body must be of type string: "integer"',
        ),
        ({"set": ["a", "a"]}, "spec.set[1]", 'Duplicate value: "a"'),
        ({"parts": [{"id": "p"}, {"id": "p"}]}, "spec.parts[1]", 'Duplicate value: {"id":"p"}'),
        ({"parts": [{"n": "p"}]}, "spec.parts[0].id", "Required value"),
        ({"counts": {}}, "spec.counts", "Invalid value: 0: spec.counts in body should have at least 1 properties"),
        ({"counts": {"a": 1, "b": 2, "c": 3}}, "spec.counts", "Too many: 3: must have at most 2 items"),
        (
            {"port": True},
            "spec.port",
            'Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
        ),
        ({"when": "x"}, "spec.when", 'Invalid value: "x": spec.when in body must be of type date-time: "x"'),
        ({"whole": {"a": 1}}, "spec.whole.kind", "Required value"),
        (
            {"one": {}},
            "<nil>",
            'Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found none valid',
        ),
    ],
)
def test_an_invalid_object_is_told_what_is_wrong_in_the_servers_words(things, make, spec, field, message):
    # The messages are those of a real API server for the same schema.
    with pytest.raises(ApiError) as caught:
        things.registry.create(make.thing(spec=spec if "name" in spec or not spec else {"name": "ab", **spec}))

    assert caught.value.code == 422
    assert (field, message) in errors_of(caught.value)


def test_what_was_wrong_before_and_did_not_change_is_let_pass(things, make):
    things.registry.create(make.thing(spec={"name": "ab"}))
    shorter = {**SPEC, "properties": {**SPEC["properties"], "name": {"type": "string", "maxLength": 1}}}
    schema = {"type": "object", "properties": {"spec": shorter, "status": STATUS}}
    body = make.definition(schema)
    body["metadata"]["resourceVersion"] = things.registry.get(CRD, "", "things.example.org")["metadata"][
        "resourceVersion"
    ]
    things.registry.update(body)

    things.registry.patch(THING, "default", "a", {"spec": {"size": 2}})

    assert things.registry.get(THING, "default", "a")["spec"]["size"] == 2
    with pytest.raises(ApiError):
        things.registry.create(make.thing("b", spec={"name": "ab"}))


async def test_the_status_is_apart(things, make):
    stored = things.registry.create(make.thing(spec={"name": "ab"}, status={"phase": "x"}))
    changed = {**stored, "status": {"phase": "up"}, "spec": {"name": "cd"}}
    changed["metadata"] = {**stored["metadata"], "labels": {"a": "b"}}

    after = things.registry.update(changed, "status")
    again = things.registry.patch(THING, "default", "a", {"status": {"phase": "down"}, "spec": {"size": 5}})

    assert "status" not in stored
    assert (after["status"], after["spec"]["name"], after["metadata"]["generation"]) == ({"phase": "up"}, "ab", 1)
    assert "labels" not in after["metadata"]
    assert (again["status"], again["spec"]["size"], again["metadata"]["generation"]) == ({"phase": "up"}, 5, 2)


async def test_custom_objects_are_applied_by_their_own_keys(things, make):
    first = {"name": "ab", "parts": [{"id": "a"}, {"id": "b"}], "set": ["x", "y"]}
    await things.apply(f"{PATH}/a", make.thing(spec=first), "one")
    await things.apply(f"{PATH}/a", make.thing(spec={"parts": [{"id": "c"}], "set": ["z"]}), "two")

    after = await things.apply(
        f"{PATH}/a", make.thing(spec={"name": "ab", "parts": [{"id": "b"}], "set": ["y"]}), "one"
    )

    assert sorted(part["id"] for part in after["spec"]["parts"]) == ["b", "c"]
    assert sorted(after["spec"]["set"]) == ["y", "z"]


async def test_custom_objects_take_no_strategic_patch_and_want_a_version_in_updates(things, make):
    stored = things.registry.create(make.thing(spec={"name": "ab"}))
    without = {**stored, "metadata": {"name": "a", "namespace": "default"}}

    strategic = await things.refused("PATCH", f"{PATH}/a", {}, STRATEGIC_MERGE_PATCH)
    unversioned = await things.refused("PUT", f"{PATH}/a", without)
    merged = await things.send("PATCH", f"{PATH}/a", {"spec": {"size": 3}}, MERGE_PATCH)

    assert (strategic.code, unversioned.code) == (415, 422)
    assert merged["spec"]["size"] == 3


async def test_a_kind_of_several_versions_has_one_storage(world, make):
    body = make.definition(SCHEMA)
    second = {**body["spec"]["versions"][0], "name": "v2", "storage": False}
    body["spec"]["versions"].append(second)
    world.registry.create(body)

    await world.send("POST", PATH, {**make.thing(spec={"name": "ab"})})
    found = await world.send("GET", PATH.replace("v1", "v2") + "/a")
    with pytest.raises(AlreadyExistsError):
        await world.send(
            "POST", PATH.replace("v1", "v2"), {**make.thing(), "apiVersion": "example.org/v2", "spec": {"name": "ab"}}
        )

    assert found["apiVersion"] == "example.org/v2"
    assert (await world.send("GET", PATH))["items"][0]["apiVersion"] == "example.org/v1"


async def test_a_custom_kind_is_scaled_where_its_definition_says_how(world, make):
    paths = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}
    world.registry.create(make.definition(SCHEMA, subresources={"status": {}, "scale": paths}))
    world.registry.create(make.thing(spec={"name": "ab", "size": 4}))

    before = await world.send("GET", f"{PATH}/a/scale")
    after = await world.send("PATCH", f"{PATH}/a/scale", {"spec": {"replicas": 2}}, MERGE_PATCH)

    assert (before["spec"], before["status"]) == ({"replicas": 4}, {"replicas": 0})
    assert after["spec"] == {"replicas": 2}
    assert world.registry.get(THING, "default", "a")["spec"]["size"] == 2


# --- rules ----------------------------------------------------------------------------------------------------------


def with_rules(*rules, **properties):
    spec = {"type": "object", "properties": properties, "x-kubernetes-validations": list(rules)}
    return {"type": "object", "properties": {"spec": spec}}


NUMBERS = {"low": {"type": "integer"}, "high": {"type": "integer"}}


@pytest.mark.parametrize(
    ("rule", "spec", "message"),
    [
        (
            {"rule": "self.low <= self.high", "message": "low must not be above high"},
            {"low": 2, "high": 1},
            "low must not be above high",
        ),
        ({"rule": "self.low < 5"}, {"low": 7}, "failed rule: self.low < 5"),
        ({"rule": "self.low < 5", "messageExpression": "'is ' + string(self.low)"}, {"low": 7}, "is 7"),
        (
            {"rule": "!has(self.high) || self.high in [1, 2]"},
            {"low": 1, "high": 3},
            "failed rule: !has(self.high) || self.high in [1, 2]",
        ),
    ],
)
def test_a_rule_that_does_not_hold_refuses_the_object(world, make, rule, spec, message):
    world.registry.create(make.definition(with_rules(rule, **NUMBERS)))

    with pytest.raises(ApiError) as caught:
        world.registry.create(make.thing(spec=spec))

    assert errors_of(caught.value) == [("spec", f"Invalid value: {message}")]


def test_a_rule_about_the_change_holds_for_updates_alone(world, make):
    rule = {"rule": "self == oldSelf", "message": "is immutable"}
    world.registry.create(make.definition(with_rules(low={"type": "integer", "x-kubernetes-validations": [rule]})))
    world.registry.create(make.thing(spec={"low": 1}))

    with pytest.raises(ApiError, match="is immutable") as caught:
        world.registry.patch(THING, "default", "a", {"spec": {"low": 2}})

    assert errors_of(caught.value) == [("spec.low", "Invalid value: 2: is immutable")]


def test_rules_are_not_run_on_an_object_of_the_wrong_shape(world, make):
    world.registry.create(make.definition(with_rules({"rule": "self.low < 5"}, **NUMBERS)))

    with pytest.raises(ApiError, match="some validation rules were not checked because the object was invalid"):
        world.registry.create(make.thing(spec={"low": "x"}))


@pytest.mark.parametrize(
    "rule",
    [
        "self.names.all(n, n.startsWith('a'))",
        "self.names.exists(n, n == 'ab') && size(self.names) > 1",
        "self.names.isSorted() && self.names.join(',') == 'ab,ac'",
        "isURL(self.url) && self.url.lowerAscii().indexOf('http') == 0",
        "isQuantity('1Gi') && self.url.split('/').size() > 1",
        "self.names.map(n, n + 'x').filter(n, n.endsWith('x')).size() == 2",
    ],
)
def test_rules_know_the_functions_that_operators_use(world, make, rule):
    properties = {"names": {"type": "array", "items": TEXT}, "url": TEXT}
    world.registry.create(make.definition(with_rules({"rule": rule}, **properties)))

    world.registry.create(make.thing(spec={"names": ["ab", "ac"], "url": "http://x/y"}))
