"""Ages, paths and columns; the cells of built-in kinds are compared with a real API server in tests/api."""

from datetime import UTC, datetime, timedelta

import pytest

from kdlib.sandbox.http.printers import JsonPath, age, custom_columns, human_duration, partial_object_list, table

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (630, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (7 * 3600 + 60, "7h1m"),
        (8 * 3600 + 60, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (9 * 86400, "9d"),
        (2 * 365 * 86400, "2y"),
        (2 * 365 * 86400 + 86400, "2y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_durations_have_two_or_three_figures(seconds, text):
    assert human_duration(seconds) == text


def test_an_age_is_counted_from_now():
    assert age("2026-01-01T23:59:00Z", NOW) == "60s"
    assert age(None, NOW) == "<unknown>"
    assert age("yesterday", NOW) == "<invalid>"


THING = {
    "spec": {"size": 3, "a.b": "dotted", "list": [{"n": 1}, {"n": 2}], "map": {"x": 1}},
    "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.size", [3]),
        (".spec.nothing.at.all", []),
        (".spec['a.b']", ["dotted"]),
        (r".spec.a\.b", ["dotted"]),
        (".spec.list[1].n", [2]),
        (".spec.list[-1].n", [2]),
        (".spec.list[*].n", [1, 2]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type == 'A')].status", ["False"]),
        (".spec.list[?(@.n>1)].n", [2]),
        (".spec.list[?(@.m)].n", []),
    ],
)
def test_paths_lead_to_values(path, found):
    assert JsonPath(path).find(THING) == found


def test_a_path_that_is_none_is_refused():
    with pytest.raises(ValueError, match="unrecognized path"):
        JsonPath("spec size")


@pytest.mark.parametrize(
    ("kind", "path", "cell"),
    [
        ("integer", ".spec.size", 3),
        ("string", ".spec.size", "3"),
        ("string", ".spec.map", '{"x":1}'),
        ("boolean", ".spec.size", None),
        ("integer", ".spec.map", None),
        ("string", ".nothing", None),
        ("date", ".when", "60s"),
        ("date", ".never", "<invalid>"),
    ],
)
def test_cells_of_custom_resources_have_their_columns_type(kind, path, cell):
    (_, column) = custom_columns([{"name": "X", "type": kind, "jsonPath": path}])
    thing = {**THING, "when": (NOW - timedelta(seconds=60)).isoformat(), "never": "x"}
    assert column.cell(thing, NOW) == cell


def test_custom_resources_without_columns_show_their_age():
    assert [column.name for column in custom_columns(None)] == ["Name", "Age"]


def test_a_table_carries_of_each_object_what_was_asked_for():
    listed = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "a"}, "spec": {"x": 1}}]}
    columns = custom_columns([])
    rows = {
        include: table(listed, columns, now=NOW, include=include)["rows"][0]["object"] for include in ("None", "Object")
    }
    assert rows == {"None": None, "Object": {"metadata": {"name": "a"}, "spec": {"x": 1}}}
    made = table(listed, columns, now=NOW, include="Metadata")
    assert made["metadata"] == {"resourceVersion": "7"}
    assert made["rows"][0]["object"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "a"},
    }
    assert partial_object_list(listed)["items"] == [made["rows"][0]["object"]]
