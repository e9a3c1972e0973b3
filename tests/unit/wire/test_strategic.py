"""Strategic merge patch: lists that merge by key, directives, and the order of the result."""

import pytest

from kdlib.wire import PatchError, strategic_merge_patch


def pod(*containers, **more):
    return {"spec": {"containers": list(containers), **more}}


def names(obj):
    return [container["name"] for container in obj["spec"]["containers"]]


@pytest.fixture
def schema(schemas):
    return schemas.kind("v1", "Pod")


A, B = {"name": "a", "image": "1"}, {"name": "b", "image": "2"}


def test_containers_merge_by_name(schema):
    patched = strategic_merge_patch(pod(A, B), pod({"name": "b", "image": "3"}), schema)

    assert patched == pod(A, {"name": "b", "image": "3"})


def test_a_new_item_goes_first_where_nothing_says_otherwise(schema):
    assert names(strategic_merge_patch(pod(A, B), pod({"name": "c", "image": "9"}), schema)) == ["c", "a", "b"]


def test_an_item_that_stood_before_a_patched_one_stays_before_it(schema):
    patch = pod({"name": "b", "image": "3"}, {"name": "c", "image": "4"})

    assert names(strategic_merge_patch(pod(A, B), patch, schema)) == ["a", "b", "c"]


def test_the_order_can_be_said(schema):
    patch = pod({"name": "c", "image": "4"})
    patch["spec"]["$setElementOrder/containers"] = [{"name": "b"}, {"name": "c"}, {"name": "a"}]

    assert names(strategic_merge_patch(pod(A, B), patch, schema)) == ["b", "c", "a"]


def test_the_order_alone_can_change(schema):
    patch = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}

    assert names(strategic_merge_patch(pod(A, B), patch, schema)) == ["b", "a"]


def test_an_item_is_deleted_by_directive(schema):
    assert strategic_merge_patch(pod(A, B), pod({"name": "a", "$patch": "delete"}), schema) == pod(B)


def test_a_list_is_replaced_by_directive(schema):
    patch = pod({"name": "c", "image": "4"}, {"$patch": "replace"})

    assert strategic_merge_patch(pod(A, B), patch, schema) == pod({"name": "c", "image": "4"})


def test_an_object_is_replaced_or_emptied_by_directive(schema):
    live = {"metadata": {"labels": {"a": "1"}}}

    replaced = strategic_merge_patch(live, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}}, schema)
    emptied = strategic_merge_patch(live, {"metadata": {"labels": {"$patch": "delete"}}}, schema)

    assert replaced == {"metadata": {"labels": {"b": "2"}}}
    assert emptied == {"metadata": {}}


def test_keys_that_are_not_retained_go(schema):
    live = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    change = {"name": "v", "configMap": {"name": "c"}, "$retainKeys": ["name", "configMap"]}

    patched = strategic_merge_patch(live, {"spec": {"volumes": [change]}}, schema)

    assert patched == {"spec": {"volumes": [{"name": "v", "configMap": {"name": "c"}}]}}


def test_sets_of_plain_values_merge_and_lose_what_is_deleted_from_them(schema):
    live = {"metadata": {"finalizers": ["x/a", "x/b"]}}

    merged = strategic_merge_patch(live, {"metadata": {"finalizers": ["x/c", "x/a"]}}, schema)
    less = strategic_merge_patch(live, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a"]}}, schema)

    assert merged["metadata"]["finalizers"] == ["x/c", "x/a", "x/b"]
    assert less["metadata"]["finalizers"] == ["x/b"]


def test_lists_without_a_strategy_are_replaced(schema):
    live = pod({"name": "a", "command": ["x", "y"]})

    assert strategic_merge_patch(live, pod({"name": "a", "command": ["z"]}), schema) == pod(
        {"name": "a", "command": ["z"]}
    )


def test_null_removes_a_field(schema):
    assert strategic_merge_patch({"spec": {"nodeName": "n"}}, {"spec": {"nodeName": None}}, schema) == {"spec": {}}


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"$patch": "nonsense"}},
        {"spec": {"containers": [{"image": "x"}]}},
        {"spec": {"containers": ["x"]}},
        {"spec": {"strategy": 1, "$retainKeys": ["type"]}},
    ],
)
def test_what_cannot_be_merged_is_refused(schema, patch):
    with pytest.raises(PatchError):
        strategic_merge_patch(pod(A), patch, schema)


def test_nothing_is_changed_in_place(schema):
    live = pod({"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]})
    patch = pod({"name": "a", "env": [{"name": "X", "value": "2"}]})

    strategic_merge_patch(live, patch, schema)

    assert live == pod({"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]})
