"""Server-side apply: who owns what, who may change it, what leaves with its last owner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.wire import ApplyConflictError, ShapeError, Writer, applied, applied_by_kubectl, structural_schema, updated

TEXT = {"type": "string"}
SCHEMA = structural_schema(
    {
        "type": "object",
        "properties": {
            "apiVersion": TEXT,
            "kind": TEXT,
            "metadata": {
                "type": "object",
                "properties": {
                    "name": TEXT,
                    "labels": {"type": "object", "additionalProperties": TEXT},
                    "annotations": {"type": "object", "additionalProperties": TEXT},
                    "managedFields": {"type": "array", "items": {"type": "object"}},
                },
            },
            "data": {"type": "object", "additionalProperties": TEXT},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
            "status": {"type": "object", "properties": {"phase": TEXT}},
        },
    }
)
START, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def writer(name, time=START, **more):
    return Writer(name, "v1", time, **more)


def thing(data=None, **more):
    return {
        "apiVersion": "v1",
        "kind": "Thing",
        "metadata": {"name": "a", **more.pop("metadata", {})},
        **({"data": data} if data is not None else {}),
        **more,
    }


def apply(live, intent, name, *, force=False, time=START, **more):
    """Apply, and return the object as it would be stored."""
    new, entries = applied(SCHEMA, live, intent, writer(name, time, **more), force=force)
    new = {field: value for field, value in new.items() if value not in (None, {}, [])}
    return {**new, "metadata": {**new["metadata"], "managedFields": entries}}


def update(live, new, name, time=START, **more):
    metadata = {**new["metadata"]}
    if live is not None:
        metadata.setdefault("managedFields", live["metadata"].get("managedFields"))
    entries = updated(SCHEMA, live, {**new, "metadata": metadata}, writer(name, time, **more))
    return {**new, "metadata": {**new["metadata"], "managedFields": entries}}


def owned(obj):
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"]["managedFields"]}


def test_the_first_apply_makes_the_object_and_owns_what_it_says():
    live = apply(None, thing({"a": "1"}), "one")

    assert live["data"] == {"a": "1"}
    assert live["metadata"]["managedFields"] == [
        {
            "manager": "one",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": START,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }
    ]


def test_what_is_no_longer_applied_goes():
    live = apply(None, thing({"a": "1", "b": "2"}, metadata={"labels": {"x": "1"}}), "one")

    live = apply(live, thing({"b": "2"}), "one")

    assert live["data"] == {"b": "2"}
    assert "labels" not in live["metadata"]
    assert live["metadata"]["name"] == "a"


def test_what_another_applier_owns_too_stays():
    live = apply(None, thing({"a": "1", "b": "2"}), "one")
    live = apply(live, thing({"a": "1"}), "two")

    live = apply(live, thing({"b": "2"}), "one")

    assert live["data"] == {"a": "1", "b": "2"}
    assert owned(live) == {"one": {"f:data": {"f:b": {}}}, "two": {"f:data": {"f:a": {}}}}


def test_what_an_updater_changed_meanwhile_stays():
    live = apply(None, thing({"a": "1"}), "one")
    live = update(live, {**live, "data": {"a": "1", "b": "hand"}}, "editor")

    live = apply(live, thing({}), "one")

    assert live["data"] == {"b": "hand"}


def test_another_value_for_an_owned_field_is_a_conflict():
    live = apply(None, thing({"a": "1"}), "one")

    with pytest.raises(ApplyConflictError) as caught:
        apply(live, thing({"a": "2"}), "two")

    assert str(caught.value) == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    assert [(str(one.owner), one.field) for one in caught.value.conflicts] == [('"one"', ".data.a")]


def test_several_conflicts_are_listed_by_manager():
    live = apply(None, thing({"a": "1"}), "one")
    live = update(live, {**live, "data": {"a": "1", "b": "2"}}, "editor")

    with pytest.raises(ApplyConflictError) as caught:
        apply(live, thing({"a": "x", "b": "x"}), "two")

    assert str(caught.value) == (
        'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\nconflicts with "editor" using v1:\n- .data.b'
    )


def test_force_takes_the_field_from_its_owner():
    live = apply(None, thing({"a": "1", "b": "2"}), "one")

    live = apply(live, thing({"a": "2"}), "two", force=True)

    assert live["data"] == {"a": "2", "b": "2"}
    assert owned(live) == {"one": {"f:data": {"f:b": {}}}, "two": {"f:data": {"f:a": {}}}}


def test_the_same_value_is_owned_together_and_gets_no_time():
    live = apply(None, thing({"a": "1"}), "one")

    live = apply(live, thing({"a": "1"}), "two", time=LATER)

    times = {entry["manager"]: entry.get("time") for entry in live["metadata"]["managedFields"]}
    assert times == {"one": START, "two": None}


def test_an_apply_that_changes_nothing_changes_nothing():
    live = apply(None, thing({"a": "1"}, set=["x"]), "one")

    assert apply(live, thing({"a": "1"}, set=["x"]), "one", time=LATER) == live


def test_an_update_owns_what_it_changes_and_takes_it_from_others():
    live = apply(None, thing({"a": "1", "b": "2"}), "one")

    live = update(live, {**live, "data": {"a": "hand", "b": "2"}}, "editor", LATER)

    assert owned(live) == {"one": {"f:data": {"f:b": {}}}, "editor": {"f:data": {"f:a": {}}}}


def test_an_update_of_a_map_that_is_there_does_not_own_the_map():
    live = update(None, thing({"a": "1"}), "one")

    live = update(live, {**live, "data": {"a": "1", "b": "2"}}, "two")

    assert owned(live) == {"one": {"f:data": {".": {}, "f:a": {}}}, "two": {"f:data": {"f:b": {}}}}


def test_an_update_that_changes_nothing_keeps_the_entries():
    live = update(None, thing({"a": "1"}), "one")

    assert update(live, live, "two", LATER) == live


def test_empty_managed_fields_throw_the_entries_away():
    live = apply(None, thing({"a": "1"}), "one")
    metadata = {**live["metadata"], "managedFields": [{}]}

    assert updated(SCHEMA, live, {**live, "metadata": metadata}, writer("two")) == []


def test_an_object_without_owners_was_there_before_the_first_apply():
    live = thing({"a": "1", "b": "2"})

    live = apply(live, thing({"c": "3"}), "one")

    assert set(owned(live)) == {"before-first-apply", "one"}
    with pytest.raises(ApplyConflictError, match='conflict with "before-first-apply" using v1'):
        apply(live, thing({"a": "other"}), "one")


def test_an_endpoint_owns_nothing_that_it_resets():
    live = update(None, thing({"a": "1"}, status={"phase": "x"}), "one", ignored={"f:status": {}})

    assert owned(live) == {"one": {"f:data": {".": {}, "f:a": {}}}}


def test_the_same_manager_has_an_entry_for_each_subresource():
    live = update(None, thing({"a": "1"}), "one")

    live = update(live, {**live, "status": {"phase": "x"}}, "one", subresource="status")

    assert [(one["manager"], one.get("subresource")) for one in live["metadata"]["managedFields"]] == [
        ("one", None),
        ("one", "status"),
    ]


def test_more_than_ten_updaters_are_folded_into_one_entry():
    live = update(None, thing({"k0": "0"}), "m0", "2026-01-01T00:00:00Z")
    for number in range(1, 15):
        new = {**live, "data": {**live["data"], f"k{number}": "x"}}
        live = update(live, new, f"m{number}", f"2026-01-{number + 1:02d}T00:00:00Z")

    entries = live["metadata"]["managedFields"]

    assert len(entries) == 10
    assert "ancient-changes" in owned(live)
    fields = [name for entry in owned(live).values() for name in entry["f:data"] if name != "."]
    assert sorted(fields) == sorted(f"f:k{number}" for number in range(15))


@pytest.mark.parametrize("intent", [thing(nope=1), thing({"a": 5}), thing(set=["x", "x"])])
def test_an_intent_must_fit_its_schema(intent):
    with pytest.raises(ShapeError):
        apply(None, intent, "one")


# --- kubectl --------------------------------------------------------------------------------------------------------

LAST = "kubectl.kubernetes.io/last-applied-configuration"


def test_kubectl_takes_over_what_it_applied_before_and_nobody_changed():
    said = '{"apiVersion":"v1","data":{"a":"1","b":"2"},"kind":"Thing","metadata":{"name":"a"}}'
    first = update(
        None, thing({"a": "1", "b": "2"}, metadata={"annotations": {LAST: said}}), "kubectl-client-side-apply"
    )
    edited = update(first, {**first, "data": {"a": "1", "b": "hand"}}, "editor")

    with pytest.raises(ApplyConflictError) as caught:
        applied_by_kubectl(SCHEMA, edited, thing({"a": "new", "b": "new"}), writer("kubectl"), force=False)
    new, _ = applied_by_kubectl(SCHEMA, edited, thing({"a": "new"}), writer("kubectl"), force=False)

    assert [conflict.field for conflict in caught.value.conflicts] == [".data.b"]
    assert new["data"] == {"a": "new", "b": "hand"}
    assert new["metadata"]["annotations"][LAST] == (
        '{"apiVersion":"v1","data":{"a":"new"},"kind":"Thing","metadata":{"name":"a"}}\n'
    )


# --- laws -----------------------------------------------------------------------------------------------------------

INTENTS = st.builds(
    lambda data, values: thing(data, set=values),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), min_size=1, max_size=3),
    st.lists(st.sampled_from("xyz"), unique=True, min_size=1, max_size=3),
)
STEPS = st.lists(st.tuples(st.sampled_from(["one", "two"]), INTENTS), min_size=1, max_size=6)


@given(STEPS)
def test_the_last_forced_apply_holds_and_a_second_one_is_silent(steps):
    live = None
    for name, intent in steps:
        live = apply(live, intent, name, force=True)
        assert (intent["data"] or {}).items() <= (live.get("data") or {}).items()
        assert set(intent["set"]) <= set(live.get("set") or [])
        assert apply(live, intent, name, force=False, time=LATER) == live


@given(STEPS)
def test_every_value_of_an_applied_object_has_an_owner(steps):
    live = None
    for name, intent in steps:
        live = apply(live, intent, name, force=True)

    fields = {name for entry in owned(live).values() for name in entry.get("f:data", {})}
    values = {value for entry in owned(live).values() for value in entry.get("f:set", {})}

    assert {f"f:{key}" for key in live.get("data") or {}} <= fields
    assert {f'v:"{value}"' for value in live.get("set") or []} <= values
