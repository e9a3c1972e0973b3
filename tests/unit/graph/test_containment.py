"""What counts as there already."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.graph import contained

CONTAINED = [
    ({}, {"a": 1}),
    ({"a": None}, {"a": 7}),
    ({"a": {}}, {}),
    ({"a": ""}, {}),
    ({"a": False, "b": 0, "c": []}, {}),
    ({"a": {"b": {"c": []}}}, {}),
    ({"spec": {"replicas": 2}}, {"spec": {"replicas": 2, "revisionHistoryLimit": 10}}),
    ({"limits": {"cpu": "0.5", "memory": "1024Mi"}}, {"limits": {"cpu": "500m", "memory": "1Gi"}}),
    ({"requests": {"nvidia.com/gpu": "1"}}, {"requests": {"nvidia.com/gpu": 1, "cpu": "1"}}),
    ({"emptyDir": {"sizeLimit": "20480Mi"}}, {"emptyDir": {"sizeLimit": "20Gi"}}),
    ({"limits": {"memory": "1e3"}}, {"limits": {"memory": "1k"}}),
    ({"limits": {"memory": "1500m"}}, {"limits": {"memory": "1.5"}}),
    ({"env": [{"name": "B", "value": ""}]}, {"env": [{"name": "A", "value": "1"}, {"name": "B"}]}),
    ({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80, "protocol": "TCP"}]}),
    (
        {"ports": [{"port": 80, "name": "a"}]},
        {"ports": [{"port": 80, "protocol": "TCP", "name": "a", "nodePort": 30000}]},
    ),
    ({"volumes": [{"name": "v", "emptyDir": {}}]}, {"volumes": [{"name": "w"}, {"name": "v", "emptyDir": {}}]}),
    ({"finalizers": ["a"]}, {"finalizers": ["b", "a"]}),
    ({"command": ["sh", "-c"]}, {"command": ["sh", "-c"]}),
    (
        {"volumeClaimTemplates": [{"metadata": {"name": "p"}}]},
        {"volumeClaimTemplates": [{"metadata": {"name": "p"}, "status": {}}]},
    ),
]
DIFFERENT = [
    ({"a": 1}, {}),
    ({"a": 1}, {"a": 2}),
    ({"a": False}, {"a": True}),
    ({"a": ""}, {"a": "x"}),
    ({"a": {"b": 1}}, {}),
    ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1m"}}),
    ({"limits": {"cpu": "x"}}, {"limits": {"cpu": "y"}}),
    ({"image": "1Gi"}, {"image": "1024Mi"}),
    ({"command": ["sh", "-c"]}, {"command": ["-c", "sh"]}),
    ({"command": ["sh"]}, {"command": ["sh", "-c"]}),
    ({"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}),
    ({"env": [{"name": "A", "value": "1"}]}, {}),
    ({"ports": [{"port": 80}]}, {"ports": [{"port": 81}]}),
    ({"ports": [{"port": 80, "protocol": "UDP"}]}, {"ports": [{"port": 80, "protocol": "TCP"}]}),
    ({"finalizers": ["a"]}, {"finalizers": ["b"]}),
    ({"a": {"b": 1}}, {"a": "text"}),
]


@pytest.mark.parametrize(("intent", "live"), CONTAINED)
def test_what_the_server_added_or_rewrote_is_no_difference(intent, live) -> None:
    assert contained(intent, live)


@pytest.mark.parametrize(("intent", "live"), DIFFERENT)
def test_what_was_changed_or_removed_is_a_difference(intent, live) -> None:
    assert not contained(intent, live)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("abm1", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab") | st.just("limits"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_everything_contains_itself(value) -> None:
    assert contained(value, value)


@given(st.dictionaries(st.text("ab", max_size=2), JSON), st.dictionaries(st.text("cd", min_size=1, max_size=2), JSON))
def test_further_fields_are_no_difference(intent, more) -> None:
    assert contained(intent, {**intent, **more})
