"""Structured merge: merging, comparing, cutting and checking by the schema."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.wire import ShapeError, structural_schema
from kdlib.wire.checking import check
from kdlib.wire.elements import item_element, item_elements
from kdlib.wire.fieldset import difference, members, union
from kdlib.wire.merging import merge, remove
from kdlib.wire.typed import compare, field_set, full_set

TEXT = {"type": "string"}
SCHEMA = structural_schema(
    {
        "type": "object",
        "properties": {
            "name": TEXT,
            "count": {"type": "integer"},
            "flag": {"type": "boolean"},
            "labels": {"type": "object", "additionalProperties": TEXT},
            "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": TEXT},
            "atomic": {"type": "array", "items": TEXT},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
            "map": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id", "kind"],
                "items": {
                    "type": "object",
                    "properties": {"id": TEXT, "kind": {"type": "string", "default": "k"}, "value": TEXT},
                },
            },
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "either": {"x-kubernetes-int-or-string": True},
        },
    }
)


def item(name, value=None, **more):
    return {"id": name, **({"value": value} if value else {}), **more}


# --- fields of an object --------------------------------------------------------------------------------------------


def test_leaves_items_and_undeclared_keys_are_owned():
    obj = {
        "name": "n",
        "labels": {"a": "1"},
        "set": ["x"],
        "map": [item("i", "v")],
        "atomic": ["y"],
        "whole": {"q": "1"},
    }

    assert field_set(SCHEMA, obj) == {
        "f:name": {},
        "f:labels": {"f:a": {}},
        "f:set": {'v:"x"': {}},
        "f:map": {'k:{"id":"i","kind":"k"}': {".": {}, "f:id": {}, "f:value": {}}},
        "f:atomic": {},
        "f:whole": {},
    }


def test_empty_containers_are_owned_themselves():
    assert field_set(SCHEMA, {"labels": {}, "free": {"a": {}}}) == {"f:labels": {}, "f:free": {"f:a": {}}}


def test_an_item_is_named_by_its_keys_with_their_defaults():
    schema = SCHEMA.fields["map"]

    assert item_element(schema, item("i")) == item_element(schema, item("i", kind="k"))
    assert item_element(schema, item("i", kind="other")) == 'k:{"id":"i","kind":"other"}'
    assert item_element(SCHEMA.fields["set"], "a<b") == 'v:"a\\u003cb"'


@pytest.mark.parametrize("bad", ["x", None, 5])
def test_what_cannot_be_named_is_refused(bad):
    with pytest.raises(ShapeError):
        item_element(SCHEMA.fields["map"], bad)


def test_a_key_that_is_missing_everywhere_names_nothing():
    schema = structural_schema(
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"],
            "items": {"type": "object", "properties": {"id": TEXT}},
        }
    )
    with pytest.raises(ShapeError, match=r'omits all key fields \["id"\]'):
        item_element(schema, {"x": 1})


# --- comparing ------------------------------------------------------------------------------------------------------


def test_a_comparison_tells_added_modified_and_removed_apart():
    old = {"name": "a", "labels": {"x": "1", "y": "2"}, "map": [item("i", "1"), item("j")], "set": ["p"]}
    new = {"name": "b", "labels": {"x": "1", "z": "3"}, "map": [item("i", "2"), item("k")], "set": ["p", "q"]}

    found = compare(SCHEMA, old, new)

    assert found.modified == {"f:name": {}, "f:map": {'k:{"id":"i","kind":"k"}': {"f:value": {}}}}
    assert found.added == {
        "f:labels": {"f:z": {}},
        "f:map": {'k:{"id":"k","kind":"k"}': {".": {}, "f:id": {}}},
        "f:set": {'v:"q"': {}},
    }
    assert found.removed == {"f:labels": {"f:y": {}}, "f:map": {'k:{"id":"j","kind":"k"}': {".": {}, "f:id": {}}}}


def test_what_comes_as_a_whole_is_added_with_all_its_parts():
    assert compare(SCHEMA, {}, {"labels": {"a": "1"}}).added == {"f:labels": {".": {}, "f:a": {}}}


def test_null_and_empty_are_not_absent():
    assert compare(SCHEMA, {"labels": None}, {"labels": {"a": "1"}}).added == {"f:labels": {"f:a": {}}}
    assert compare(SCHEMA, {"labels": None}, {"labels": {}}).modified == {"f:labels": {}}
    assert compare(SCHEMA, {"labels": {}}, {}).removed == {"f:labels": {}}


def test_a_value_of_another_shape_is_modified_and_its_parts_come_and_go():
    found = compare(SCHEMA, {"free": {"a": {"b": 1}}}, {"free": {"a": [1]}})

    assert list(members(found.modified)) == [("f:free", "f:a")]
    assert found.removed == {"f:free": {"f:a": {"f:b": {}}}}


def test_items_that_occur_twice_count_as_one_value():
    once, twice = {"set": ["a"]}, {"set": ["a", "a"]}

    assert compare(SCHEMA, twice, twice).is_same
    assert compare(SCHEMA, once, twice).added == {"f:set": {'v:"a"': {}}}
    assert compare(SCHEMA, twice, once).removed == {"f:set": {'v:"a"': {}}}


# --- merging --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "applied", "merged"),
    [
        ({"name": "a"}, {"count": 1}, {"name": "a", "count": 1}),
        ({"labels": {"a": "1"}}, {"labels": {"b": "2"}}, {"labels": {"a": "1", "b": "2"}}),
        ({"whole": {"a": "1"}}, {"whole": {"b": "2"}}, {"whole": {"b": "2"}}),
        ({"atomic": ["a"]}, {"atomic": ["b"]}, {"atomic": ["b"]}),
        ({"set": ["a", "b"]}, {"set": ["c", "a"]}, {"set": ["c", "a", "b"]}),
        ({"labels": {"a": "1"}}, {"labels": {}}, {"labels": {"a": "1"}}),
        ({"labels": {"a": "1"}}, {"labels": None}, {"labels": {"a": "1"}}),
        ({"name": "a"}, {"name": None}, {"name": None}),
        ({"either": 5}, {"either": "5%"}, {"either": "5%"}),
        (
            {"map": [item("a", "1"), item("b", "2")]},
            {"map": [item("b", "3")]},
            {"map": [item("a", "1"), item("b", "3")]},
        ),
        ({"free": {"a": {"b": 1}}}, {"free": {"a": {"c": 2}}}, {"free": {"a": {"b": 1, "c": 2}}}),
    ],
)
def test_an_applied_object_is_laid_over_the_live_one(live, applied, merged):
    assert merge(SCHEMA, live, applied) == merged


LISTS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(LISTS, LISTS)
def test_a_merged_list_has_all_items_once_and_keeps_the_applied_order(live, applied):
    merged = merge(SCHEMA, {"set": live}, {"set": applied})["set"]

    assert sorted(merged) == sorted({*live, *applied})
    assert [value for value in merged if value in applied] == applied
    assert [value for value in merged if value not in applied] == [value for value in live if value not in applied]


SETS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from("xy"),
        "labels": st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2),
        "set": LISTS,
        "map": st.dictionaries(st.sampled_from("ij"), st.sampled_from("12"), max_size=2).map(
            lambda found: [item(name, value) for name, value in found.items()]
        ),
        "atomic": LISTS,
    },
)


@given(SETS, SETS)
def test_merging_is_idempotent_and_changes_only_what_it_says(live, applied):
    merged = merge(SCHEMA, live, applied)

    assert merge(SCHEMA, merged, applied) == merged
    found = compare(SCHEMA, live, merged)
    said = union(field_set(SCHEMA, applied), full_set(SCHEMA, applied) if applied else {})
    assert difference(union(found.added, found.modified), said) == {}
    assert found.removed == {}


# --- cutting and checking -------------------------------------------------------------------------------------------


def test_cutting_takes_fields_items_and_emptied_containers():
    obj = {"name": "n", "labels": {"a": "1"}, "set": ["x", "y"], "map": [item("i", "v")]}
    fields = {"f:labels": {"f:a": {}}, "f:set": {'v:"x"': {}}, "f:map": {'k:{"id":"i","kind":"k"}': {"f:value": {}}}}

    assert remove(SCHEMA, obj, fields) == {"name": "n", "labels": None, "set": ["y"], "map": [item("i")]}


@given(SETS)
def test_cutting_all_fields_leaves_no_value(obj):
    left = remove(SCHEMA, obj, field_set(SCHEMA, obj)) or {}

    assert field_set(SCHEMA, {name: value for name, value in left.items() if value}) == {}


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"nope": 1}, ".nope: field not declared in schema"),
        ({"name": 5}, ".name: expected string, got &value.valueUnstructured{Value:5}"),
        ({"labels": 5}, ".labels: expected map, got &{5}"),
        ({"set": 5}, ".set: expected list, got &{5}"),
        ({"count": "x"}, ".count: expected numeric (int or float), got string"),
        ({"flag": "x"}, ".flag: expected boolean, got &{x}"),
        ({"set": ["a", "a"]}, '.set: duplicate entries for key [="a"]'),
        ({"map": [item("i"), item("i")]}, '.map: duplicate entries for key [id="i",kind="k"]'),
    ],
)
def test_an_applied_object_must_fit_its_schema(obj, message):
    with pytest.raises(ShapeError) as caught:
        check(SCHEMA, obj)

    assert str(caught.value) == message


def test_what_fits_is_let_pass():
    check(SCHEMA, {"name": "n", "count": 1.5, "either": "x", "free": {"any": [{}]}, "labels": None, "set": ["a"]})


def test_items_of_keys_that_are_equal_in_python_alone_have_names_of_their_own():
    keyed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"], "items": {}}
    schema = structural_schema(keyed)
    for items in ([{"id": "1"}], [{"id": 1}], [{"id": True}], [{"id": "1"}, {"id": 1}]):
        assert list(item_elements(schema, items)) == [item_element(schema, item) for item in items]
    assert len({item_elements(schema, [{"id": value}]) for value in ("1", 1, True)}) == 3
