"""What is wanted is compared by what it names, and told by its path."""

import pytest

from kdlib.testing import differences

FOUND = {"spec": {"size": 2, "on": True, "names": ["a", "b"], "parts": [{"id": 1, "x": 1}, {"id": 2}]}, "status": {}}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"spec": {"size": 2}},
        {"spec": {"size": ...}, "status": ..., "metadata": None},
        {"spec": {"names": ("a", "b")}},
        {"spec": {"parts": [{"id": 1}, {"id": 2, "x": None}]}},
        {"status": {}},
    ],
)
def test_only_what_is_named_counts(wanted):
    assert differences(FOUND, wanted) == ()


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"spec": {"size": 3, "on": False}}, ("spec.size: is 2, wanted 3", "spec.on: is true, wanted false")),
        ({"spec": {"on": 1}}, ("spec.on: is true, wanted 1",)),
        ({"spec": {"names": ["a"]}}, ('spec.names: has 2 items, wanted 1: ["a", "b"]',)),
        ({"spec": {"parts": [{"id": 1}, {"id": 3}]}}, ("spec.parts[1].id: is 2, wanted 3",)),
        ({"spec": {"size": None}}, ("spec.size: is 2, wanted nothing",)),
        ({"metadata": ...}, ("metadata: is absent",)),
        ({"status": {"a": {"b": 1}}}, ('status.a: is absent, wanted {"b": 1}',)),
        ({"spec": 1}, ("spec: is {",)),
        ([{}], ("(the object): is {",)),
    ],
)
def test_each_difference_is_told_by_its_path(wanted, told):
    found = differences(FOUND, wanted)
    assert len(found) == len(told)
    assert all(one.startswith(other) for one, other in zip(found, told, strict=True))
