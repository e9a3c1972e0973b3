"""differences() names the fields that make one object of another, as paths of the API."""

from kdlib.wire import Difference, differences


def test_a_field_that_comes_goes_or_changes_is_named_with_both_values():
    old = {"spec": {"a": 1, "list": [{"b": 2}], "gone": True, "same": {"x": [1]}}}
    new = {"spec": {"a": 3, "list": [{"b": 4}], "labels": {"x.y/z": "w"}, "same": {"x": [1]}}}
    assert differences(old, new) == (
        Difference("spec.a", 1, 3),
        Difference("spec.gone", True, None),
        Difference("spec.labels", None, {"x.y/z": "w"}),
        Difference("spec.list[0].b", 2, 4),
    )
    assert differences(new, new) == ()


def test_a_key_that_is_no_name_stands_in_brackets():
    assert [item.path for item in differences({"m": {"x.y/z": 1}}, {"m": {"x.y/z": 2}})] == ["m[x.y/z]"]
