"""What did not change is the very object that was stored, and not looking at it again changes no answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlib.errors import ApiError
from kdlib.frozen import copied
from kdlib.sandbox.store.crds.custom import custom_resources
from kdlib.wire import Kind, Schemas

CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)
THING = Kind("example.org/v1", "Thing")
TEXT = {"type": "string", "maxLength": 2}
ITEM = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "n": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
    },
}
LISTED = {"type": "array", "items": ITEM}
KEYED = {**LISTED, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]}
PARTS = {"type": "object", "properties": {"listed": LISTED, "keyed": KEYED, "name": TEXT}}
SCHEMA = {"type": "object", "properties": {"spec": PARTS, "status": PARTS}}


def schema(**item):
    tighter = {**ITEM, "properties": {**ITEM["properties"], **item}}
    parts = {**PARTS, "properties": {**PARTS["properties"], "listed": {**LISTED, "items": tighter}}}
    return {"type": "object", "properties": {"spec": parts, "status": parts}}


def redefine(world, body):
    stored = world.registry.get(CRD, "", "things.example.org")
    world.registry.update(
        {**body, "metadata": {**body["metadata"], "resourceVersion": stored["metadata"]["resourceVersion"]}}
    )


def stored_again(world, part, value):
    stored = world.registry.get(THING, "default", "a")
    return world.registry.update({**copied(stored), part: copied(value)}, "status" if part == "status" else "")


@pytest.fixture
def things(world, make):
    world.registry.create(make.definition(SCHEMA))
    world.registry.create(make.thing(spec={"listed": [{"id": "x", "n": 1}, {"id": "y", "n": 2}], "name": "ab"}))
    return world


def test_what_a_write_leaves_alone_is_the_stored_object_itself(things):
    before = things.registry.get(THING, "default", "a")["spec"]

    after = stored_again(things, "spec", {**before, "name": "cd"})["spec"]

    assert after == {**before, "name": "cd"}
    assert after["listed"] is before["listed"]


@pytest.mark.parametrize("same", [1.0, True])
def test_what_is_equal_in_python_alone_is_a_change(things, make, same):
    loose = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    redefine(things, make.definition({"type": "object", "properties": {"spec": loose}}))
    before = stored_again(things, "spec", {"free": {"n": 1}})["spec"]

    after = stored_again(things, "spec", {"free": {"n": same}, "more": 1})["spec"]

    assert type(before["free"]["n"]) is int
    assert type(after["free"]["n"]) is type(same)


def test_items_without_names_are_held_to_a_schema_that_became_stricter(things, make):
    redefine(things, make.definition(schema(n={"type": "integer", "minimum": 2})))
    before = things.registry.get(THING, "default", "a")["spec"]

    with pytest.raises(ApiError, match=r"spec\.listed\[0\]\.n"):
        stored_again(things, "spec", {**before, "listed": [*before["listed"], {"id": "z", "n": 3}]})
    assert stored_again(things, "spec", {**before, "name": "cd"})["spec"]["name"] == "cd"
    # That the object was stored since then does not make the item right.
    with pytest.raises(ApiError, match=r"spec\.listed\[0\]\.n"):
        stored_again(things, "spec", {**before, "listed": [*before["listed"], {"id": "z", "n": 3}]})


def test_an_object_of_another_life_vouches_for_nothing(things, make):
    things.registry.delete(THING, "default", "a")
    with pytest.raises(ApiError, match=r"spec\.listed\[0\]\.n"):
        things.registry.create(make.thing(spec={"listed": [{"id": "x", "n": 0}]}))


ITEMS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from("abc")},
        optional={
            "n": st.sampled_from([0, 1, 2, "1"]),
            "tags": st.lists(st.sampled_from(["t", "u", "long"]), max_size=3),
        },
    ),
    max_size=3,
)
FORMS = st.fixed_dictionaries({}, optional={"listed": ITEMS, "keyed": ITEMS, "name": st.sampled_from(["a", "long"])})
OBJECTS = st.fixed_dictionaries({"spec": FORMS}, optional={"status": FORMS})


METADATA = {"io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object"}}
DEFINITION = {
    "spec": {
        "group": "example.org",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    }
}
NAMED = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a", "namespace": "default"}}


def kind():
    return next(custom_resources(DEFINITION, Schemas(METADATA, {}))).custom


def shared(new, old):
    """Return the new value with what it has in common with the old one as the very same objects."""
    if new == old:
        return old
    match new, old:
        case dict(), dict():
            return {name: shared(item, old.get(name)) for name, item in new.items()}
        case list(), list():
            return [shared(item, old[index] if index < len(old) else None) for index, item in enumerate(new)]
    return new


@settings(max_examples=80, deadline=None)
@given(history=st.lists(OBJECTS, min_size=2, max_size=5))
def test_a_kind_that_has_seen_objects_answers_as_one_that_has_not(history):
    experienced, old = kind(), None
    for written in history:
        new = shared({**NAMED, **written}, old)
        told = experienced.errors(new, old)
        assert told == kind().errors(copied(new), copied(old))
        old = new
