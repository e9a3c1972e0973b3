"""Cache: atomic relists, indexes, subscribers, and knowing what has been seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.frozen import dig
from kdlib.kube import Cache, Change, version_reached
from kdlib.wire import POD, Ref

REF = Ref(POD, "ns", "a")


def pod(name, version="1", *, uid="", namespace="ns", **labels):
    metadata = {"namespace": namespace, "name": name, "uid": uid or f"uid-{name}", "resourceVersion": version}
    return {"kind": "Pod", "metadata": {**metadata, "labels": labels}}


def by_app(obj):
    return [label for label in [dig(obj, "metadata", "labels", "app")] if label]


def names(objects):
    return sorted(obj["metadata"]["name"] for obj in objects)


@pytest.fixture
def changes():
    return []


@pytest.fixture
def cache(changes):
    made = Cache(indexes={"app": by_app})
    made.subscribe(changes.append)
    return made


def test_a_relist_tells_exactly_what_changed(cache, changes):
    cache.replace([pod("a"), pod("b"), pod("c")], "3")
    changes.clear()
    cache.replace([pod("b"), pod("c", "4"), pod("d", "5")], "5")
    assert sorted(changes, key=str) == sorted(
        [Change(pod("a"), None), Change(pod("c"), pod("c", "4")), Change(None, pod("d", "5"))], key=str
    )
    assert cache.resource_version == "5"


def test_subscribers_see_the_whole_new_content_at_the_first_change(cache):
    seen = []
    cache.subscribe(lambda change: seen.append((names(cache), names(cache.find("app", "x")))))
    cache.replace([pod("a", app="x"), pod("b", app="x")], "2")
    assert seen == [(["a", "b"], ["a", "b"])] * 2


def test_a_recreated_object_of_the_same_name_is_a_change(cache, changes):
    cache.replace([pod("a", "1", uid="one")], "1")
    cache.replace([pod("a", "1", uid="two")], "9")
    assert changes[-1] == Change(pod("a", "1", uid="one"), pod("a", "1", uid="two"))


def test_an_index_follows_added_modified_and_deleted_objects(cache):
    cache.put(pod("a", "1", app="x"))
    cache.put(pod("b", "2", app="x"))
    cache.put(pod("a", "3", app="y"))
    assert (names(cache.find("app", "x")), names(cache.find("app", "y"))) == (["b"], ["a"])
    cache.drop(pod("b", "4"))
    assert cache.find("app", "x") == ()
    assert names(cache) == ["a"]


def test_what_no_pass_reads_is_dropped(cache):
    obj = pod("a")
    obj["metadata"] |= {"managedFields": [{}], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x"}}
    cache.put(obj)
    assert cache.get("ns", "a") == {**pod("a"), "metadata": {**pod("a")["metadata"], "annotations": {}}}
    assert "managedFields" in obj["metadata"]


def test_an_object_without_a_name_is_left_out_and_stops_nothing_else(cache):
    assert cache.replace([{"metadata": None}, pod("a"), {}], "3") == 2
    assert not cache.put({"metadata": {"name": 7}})
    assert not cache.drop({})
    assert names(cache) == ["a"]


def test_a_write_is_seen_once_its_version_or_a_later_one_arrived(cache):
    cache.replace([pod("a", "5")], "9")
    assert cache.has_seen(REF, "uid-a", "5")
    assert not cache.has_seen(REF, "uid-a", "6")
    cache.put(pod("a", "10"))
    assert cache.has_seen(REF, "uid-a", "6")


def test_a_write_to_an_object_that_was_deleted_afterwards_is_seen(cache):
    cache.replace([], "9")
    assert not cache.has_seen(REF, "uid-a", "10")
    cache.drop(pod("a", "12"))
    assert cache.has_seen(REF, "uid-a", "10")


def test_a_bookmark_tells_that_everything_before_it_was_seen(cache):
    cache.replace([], "9")
    cache.advance({"metadata": {"resourceVersion": "20"}})
    assert cache.has_seen(REF, "uid-a", "15")


def test_a_deletion_is_seen_when_the_object_is_going_or_gone_or_another(cache):
    cache.put(pod("a", "1"))
    assert not cache.has_seen_end(REF, "uid-a")
    assert cache.has_seen_end(REF, "uid-other")
    going = pod("a", "2")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cache.put(going)
    assert cache.has_seen_end(REF, "uid-a")
    cache.drop(going)
    assert cache.has_seen_end(REF, "uid-a")


def test_versions_that_are_no_numbers_are_only_equal_or_not():
    assert version_reached("abc", "abc")
    assert not version_reached("abd", "abc")
    assert version_reached("10", "9")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "drop", "replace"]), st.sampled_from("xy"))))
def test_indexes_always_agree_with_the_content(steps):
    cache = Cache(indexes={"app": by_app})
    for version, (name, verb, app) in enumerate(steps):
        obj = pod(name, str(version), app=app)
        match verb:
            case "put":
                cache.put(obj)
            case "drop":
                cache.drop(obj)
            case "replace":
                cache.replace([obj], str(version))
        for term in "xy":
            assert names(cache.find("app", term)) == names(obj for obj in cache if by_app(obj) == [term])
