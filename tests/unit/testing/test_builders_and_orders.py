"""Objects for tests are accepted by the rules; faults are ordered by channel, kind and words."""

import json

import pytest

import kdlib
from kdlib.kube import Kind
from kdlib.testing import a_cluster, a_config_map, a_definition, a_secret, an_app
from kdlib.testing.faults import Channel
from kdlib.testing.orders import Orders
from kdlib.testing.reports import events_text, objects_text


def placed(obj):
    return {**obj, "metadata": {**obj["metadata"], "namespace": "default"}}


def test_what_is_built_passes_all_checks_that_need_no_cluster(tmp_path):
    app = an_app("spark", {"controller": "1", "worker": "0+"})
    cluster = a_cluster("mine", "spark", {"controller": 1, "worker": 3})
    for name, obj in {"app": app, "cluster": cluster}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(placed(obj)))
    checked = kdlib.check([tmp_path])
    assert (checked.count("error"), checked.objects) == (0, 2), checked.findings


def test_an_order_strikes_once_the_first_thing_that_fits():
    orders = Orders()
    orders.add("write", "lost", "statefulsets")
    orders.add(Channel.WRITE, "conflict")
    assert orders.at(Channel.READ, "GET /apis/apps/v1/statefulsets") == ""
    assert orders.at(Channel.WRITE, "PATCH /api/v1/services/a") == "conflict"
    assert orders.at(Channel.WRITE, "PATCH /api/v1/services/b") == ""
    assert orders.at(Channel.WRITE, "PATCH /apis/apps/v1/statefulsets/a") == "lost"
    assert orders.at(Channel.WRITE, "PATCH /apis/apps/v1/statefulsets/a") == ""
    assert [what for _, what in orders.struck] == ["PATCH /api/v1/services/a", "PATCH /apis/apps/v1/statefulsets/a"]
    assert orders.open == []


def test_a_fault_that_there_is_not_is_refused_when_it_is_ordered():
    with pytest.raises(ValueError, match="channel 'watch' has no fault 'conflict'; it has cut, "):
        Orders().add("watch", "conflict")


def test_the_report_withholds_values_of_secrets():
    secret = placed(a_secret("keys", password="open sesame"))
    secret["metadata"] |= {"annotations": {"last-applied": "open sesame"}, "managedFields": [{"manager": "x"}]}
    text = objects_text([secret, placed(a_config_map("told", a="b"))])
    assert "open sesame" not in text
    assert "managedFields" not in text
    assert "password: (withheld)" in text
    assert "a: b" in text


def test_events_are_told_in_order_once():
    def event(name, second, **more):
        return {"kind": "Event", "metadata": {"name": name}, "eventTime": f"2026-01-01T00:00:0{second}Z", **more}

    later = event("b", 2, reason="Grew", note="by one", type="Normal", regarding={"kind": "Pod", "name": "p"})
    earlier = event("a", 1, reason="Made", message="it", involvedObject={"kind": "Pod", "name": "p"})
    assert events_text([later, earlier, later]).splitlines() == [
        "2026-01-01T00:00:01Z  Pod/p Made: it",
        "2026-01-01T00:00:02Z Normal Pod/p Grew: by one",
    ]
    assert objects_text([later, earlier]) == ""


def test_a_definition_names_its_kind_as_the_api_server_wants_it():
    definition = a_definition(Kind("example.org/v1", "Policy", "policies", namespaced=False))
    assert definition["metadata"]["name"] == "policies.example.org"
    assert definition["spec"]["scope"] == "Cluster"
