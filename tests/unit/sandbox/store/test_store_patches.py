"""Patches: all four kinds through the store, and what apply makes of an object that is not there."""

import pytest

from kdlib.errors import ApiError, ConflictError
from kdlib.wire import APPLY, CONFIG_MAP, JSON_PATCH, MERGE_PATCH, STATEFUL_SET, STRATEGIC_MERGE_PATCH

MAPS = "/api/v1/namespaces/default/configmaps"
SETS = "/apis/apps/v1/namespaces/default/statefulsets"


def test_the_three_plain_patches_change_what_they_say(world, make):
    world.registry.create(make.config_map(data={"a": "1", "b": "2"}))
    patch = world.registry.patch

    merged = patch(CONFIG_MAP, "default", "a", {"data": {"a": None, "c": "3"}})
    operations = [{"op": "replace", "path": "/data/c", "value": "4"}]
    patched = patch(CONFIG_MAP, "default", "a", operations, content_type=JSON_PATCH)
    strategic = patch(CONFIG_MAP, "default", "a", {"data": {"d": "5"}}, content_type=STRATEGIC_MERGE_PATCH)

    assert merged["data"] == {"b": "2", "c": "3"}
    assert patched["data"] == {"b": "2", "c": "4"}
    assert strategic["data"] == {"b": "2", "c": "4", "d": "5"}


def test_defaults_fill_what_a_patch_removes(world, make):
    world.registry.create(make.stateful_set(replicas=3))

    assert world.registry.patch(STATEFUL_SET, "default", "a", {"spec": {"replicas": None}})["spec"]["replicas"] == 1


async def test_a_patch_that_does_not_fit_is_refused(world, make):
    world.registry.create(make.config_map(data={"a": "1"}))
    test = [{"op": "test", "path": "/data/a", "value": "2"}]

    errors = [
        await world.refused("PATCH", f"{MAPS}/a", test, JSON_PATCH),
        await world.refused("PATCH", f"{MAPS}/a", {"op": "x"}, JSON_PATCH),
        await world.refused("PATCH", f"{MAPS}/a", [1], MERGE_PATCH),
        await world.refused("PATCH", f"{MAPS}/a", {"data": {"a": 5}}, MERGE_PATCH),
        await world.refused("PATCH", f"{MAPS}/a", {"metadata": {"name": "b"}}, MERGE_PATCH),
        await world.refused("PATCH", f"{MAPS}/a", {"metadata": {"resourceVersion": "1"}}, MERGE_PATCH),
        await world.refused("PATCH", f"{MAPS}/b", {}, MERGE_PATCH),
        await world.refused("PATCH", f"{MAPS}/a", {}, "text/plain"),
        await world.refused("PATCH", f"{MAPS}/a", {}, MERGE_PATCH, force="true"),
    ]

    assert [error.code for error in errors] == [422, 400, 400, 422, 400, 409, 404, 415, 422]


def test_another_uid_in_a_patch_is_a_mistake_and_no_conflict(world, make):
    world.registry.create(make.config_map())

    with pytest.raises(ApiError, match='Invalid value: "x": field is immutable') as caught:
        world.registry.patch(CONFIG_MAP, "default", "a", {"metadata": {"uid": "x"}})

    assert caught.value.code == 422


# --- apply ----------------------------------------------------------------------------------------------------------


async def test_an_apply_creates_what_is_not_there_and_owns_no_default(world, make):
    stored = await world.apply(f"{SETS}/a", make.stateful_set(), "kubedirector")

    container = stored["spec"]["template"]["spec"]["containers"][0]
    owned = stored["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert container["imagePullPolicy"] == "Always"
    assert owned == {'k:{"name":"app"}': {".": {}, "f:image": {}, "f:name": {}}}


async def test_an_apply_that_changes_nothing_is_silent(world, make):
    first = await world.apply(f"{SETS}/a", make.stateful_set(), "kubedirector")
    commits = len(world.commits)
    world.later(60)

    again = await world.apply(f"{SETS}/a", make.stateful_set(), "kubedirector")

    assert again == first
    assert len(world.commits) == commits


async def test_an_apply_removes_items_and_fields_that_it_no_longer_says(world, make):
    body = make.stateful_set()
    container = body["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    await world.apply(f"{SETS}/a", body, "kubedirector")

    container["env"] = [{"name": "B", "value": "2"}]
    after = await world.apply(f"{SETS}/a", body, "kubedirector")

    assert after["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "B", "value": "2"}]
    assert after["metadata"]["generation"] == 2


async def test_conflicts_name_their_managers_and_fields(world, make):
    await world.apply(f"{SETS}/a", make.stateful_set(replicas=2), "one")

    error = await world.refused("PATCH", f"{SETS}/a", make.stateful_set(replicas=3), APPLY, fieldManager="two")

    assert isinstance(error, ConflictError)
    assert error.status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.replicas"}
    ]


async def test_an_apply_has_rules_of_its_own(world, make):
    body = make.config_map(data={"k": "v"})
    await world.apply(f"{MAPS}/a", body, "one")

    errors = [
        await world.refused("PATCH", f"{MAPS}/a", body, APPLY),
        await world.refused("PATCH", f"{MAPS}/a", {**body, "nope": 1}, APPLY, fieldManager="one"),
        await world.refused("PATCH", f"{MAPS}/a", make.config_map(managedFields=[]), APPLY, fieldManager="one"),
        await world.refused("PATCH", f"{MAPS}/a", {**body, "apiVersion": "v2"}, APPLY, fieldManager="one"),
        await world.refused("PATCH", f"{MAPS}/a", make.config_map(resourceVersion="1"), APPLY, fieldManager="one"),
        await world.refused("PATCH", f"{MAPS}/b", make.config_map("b", uid="x"), APPLY, fieldManager="one"),
    ]

    assert [(error.code, error.reason) for error in errors] == [
        (422, "Invalid"),
        (500, ""),
        (400, "BadRequest"),
        (400, "BadRequest"),
        (409, "Conflict"),
        (409, "Conflict"),
    ]
    assert str(errors[1]) == (
        "failed to create typed patch object (default/a; /v1, Kind=ConfigMap): .nope: field not declared in schema"
    )


async def test_the_status_is_applied_on_its_own_endpoint(world, make):
    await world.apply(f"{SETS}/a", make.stateful_set(), "one")
    body = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a"}}

    after = await world.apply(f"{SETS}/a/status", {**body, "status": {"replicas": 2}, "spec": {"replicas": 9}}, "two")

    entry = after["metadata"]["managedFields"][-1]
    assert (after["status"]["replicas"], after["spec"]["replicas"]) == (2, 1)
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:replicas": {}}})


def test_the_synchronous_apply_does_the_same(world, make):
    stored = world.registry.apply(make.config_map(data={"k": "v"}), manager="one")

    assert stored["metadata"]["managedFields"][0]["operation"] == "Apply"
