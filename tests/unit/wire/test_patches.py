"""Merge patch and JSON patch: the results and refusals of an API server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.wire import PatchError, json_patch, merge_patch


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_follows_the_examples_of_rfc_7386(target, patch, result):
    assert merge_patch(target, patch) == result


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abc", min_size=1, max_size=1), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_changes_nothing_when_given_twice(target, patch):
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once


def test_json_patch_does_each_operation_in_turn():
    operations = [
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "test", "path": "/a/0", "value": 1},
        {"op": "move", "from": "/b", "path": "/c"},
        {"op": "copy", "from": "/c", "path": "/d"},
        {"op": "remove", "path": "/a/0"},
        {"op": "replace", "path": "/d", "value": "y"},
    ]
    target = {"a": [1, 2], "b": "x"}

    assert json_patch(target, operations) == {"a": [2, 3], "c": "x", "d": "y"}
    assert target == {"a": [1, 2], "b": "x"}


def test_json_patch_replaces_what_is_not_there_where_its_object_is():
    # A real API server takes this, although RFC 6902 does not.
    assert json_patch({"a": {}}, [{"op": "replace", "path": "/a/b", "value": 1}]) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/b"},
        {"op": "remove", "path": "/b/c"},
        {"op": "replace", "path": "/b/c", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "add", "path": "/l/9", "value": 1},
        {"op": "fly", "path": "/a"},
        {"op": "add", "path": "", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(operation):
    with pytest.raises(PatchError) as caught:
        json_patch({"a": 1, "l": []}, [operation])

    assert not caught.value.is_malformed


@pytest.mark.parametrize("patch", [{"op": "add"}, ["x"], [{"op": "test", "path": "/a", "value": 1}] * 10_001])
def test_what_is_no_json_patch_is_told_apart(patch):
    with pytest.raises(PatchError) as caught:
        json_patch({"a": 1}, patch)

    assert caught.value.is_malformed
