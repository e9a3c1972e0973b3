"""The plan: what is done, in which order, and what is left alone."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from kdlib import graph, wire
from kdlib.graph import Adopt, Apply, Delete, ObjectGraph, Why

ROOT = {
    "apiVersion": "kubedirector.hpe.com/v1beta1",
    "kind": "KubeDirectorCluster",
    "metadata": {"name": "db", "namespace": "n", "uid": "u1"},
}
DELETABLE = (wire.SERVICE, wire.STATEFUL_SET, wire.PERSISTENT_VOLUME_CLAIM)


def obj(kind, name, **spec):
    made = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "namespace": "n"},
        "spec": spec,
    }
    return graph.owned([made], ROOT)[0]


def service(name, **spec):
    return obj(wire.SERVICE, name, **spec)


def members(name, replicas):
    return obj(wire.STATEFUL_SET, name, replicas=replicas)


def served(target, **metadata):
    """Return the object as a server gives it back: defaults added, quantities and empty values rewritten."""
    live = copy.deepcopy(target)
    live["metadata"] |= {
        "uid": f"uid-{target['metadata']['name']}",
        "resourceVersion": "7",
        "generation": 1,
        **metadata,
    }
    spec = {key: value for key, value in live["spec"].items() if value not in (None, "", [], {}, False)}
    for port in spec.get("ports", []):
        port.setdefault("protocol", "TCP")
    if "limits" in spec:
        spec["limits"] = {
            key: {"1024Mi": "1Gi", "0.5": "500m"}.get(value, value) for key, value in spec["limits"].items()
        }
    live["spec"] = {**spec, "sessionAffinity": "None"}
    live["status"] = {"loadBalancer": {}}
    return live


def planned(objects, observed, **options):
    made = objects if isinstance(objects, ObjectGraph) else ObjectGraph(tuple(objects))
    return graph.plan(made, observed, root=ROOT, deletable=DELETABLE, **options)


def all_served(objects):
    return [served(target) for target in ObjectGraph(tuple(objects))]


def said(plan):
    return [[str(step) for step in wave] for wave in plan.waves]


def test_what_is_missing_is_applied_first_objects_first() -> None:
    objects = ObjectGraph(
        (members("s", 2), service("head"), service("a")), first=(wire.Ref(wire.SERVICE, "n", "head"),)
    )

    plan = planned(objects, [])

    assert said(plan) == [
        ["apply Service n/head (missing)"],
        ["apply StatefulSet n/s (missing)", "apply Service n/a (missing)"],
    ]
    assert not plan.irreversible


def test_an_applied_graph_needs_nothing() -> None:
    objects = [service("a", ports=[{"port": 80, "name": ""}]), members("s", 2)]
    assert planned(objects, all_served(objects)).is_empty


def test_a_dropped_field_is_seen_by_its_digest() -> None:
    live = all_served([service("a", type="NodePort", externalName="x")])
    assert said(planned([service("a", type="NodePort")], live)) == [["apply Service n/a (changed)"]]


def test_drift_is_repaired() -> None:
    (live,) = all_served([service("a", type="NodePort")])
    live["spec"]["type"] = "ClusterIP"
    assert said(planned([service("a", type="NodePort")], [live])) == [["apply Service n/a (drifted)"]]


def test_a_lost_owner_reference_is_drift() -> None:
    (live,) = all_served([service("a")])
    del live["metadata"]["ownerReferences"]
    assert said(planned([service("a")], [live])) == [["apply Service n/a (drifted)"]]


def test_what_is_to_be_renewed_is_deleted_as_it_was_seen() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "s-0", "namespace": "n", "uid": "p"}}
    graph_of = ObjectGraph((members("s", 1),), renewed=(wire.Ref(wire.POD, "n", "s-0"), wire.Ref(wire.POD, "n", "s-1")))
    live = [*all_served([members("s", 1)]), {**pod, "metadata": {**pod["metadata"], "resourceVersion": "9"}}]

    plan = planned(graph_of, live)

    assert said(plan) == [["delete Pod n/s-0"]]
    assert [(step.uid, step.resource_version) for step in plan.steps] == [("p", "9")]
    assert plan.irreversible
    live[-1]["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z"
    assert planned(graph_of, live).is_empty
    assert planned(graph_of.joined(service("a")), live[:1]).waves[0][0].ref.name == "a"


def test_fewer_replicas_cannot_be_undone() -> None:
    shrink = planned([members("s", 1)], all_served([members("s", 3)]))
    grow = planned([members("s", 3)], all_served([members("s", 1)]))

    assert (shrink.irreversible, grow.irreversible) == (True, False)
    assert shrink.waves[0][0].irreversible


def test_what_is_owned_but_not_wanted_is_deleted_last_with_preconditions() -> None:
    live = all_served([service("old"), obj(wire.PERSISTENT_VOLUME_CLAIM, "p-s-1")])

    plan = planned([service("a")], live)

    assert plan.waves[-1] == (
        Delete(wire.Ref(wire.PERSISTENT_VOLUME_CLAIM, "n", "p-s-1"), "uid-p-s-1", "7"),
        Delete(wire.Ref(wire.SERVICE, "n", "old"), "uid-old", "7"),
    )
    assert plan.irreversible
    assert isinstance(plan.waves[0][0], Apply)


def test_nothing_is_deleted_that_is_unmanaged_unowned_foreign_kept_or_going() -> None:
    pod, free, foreign, kept, going = all_served(
        [obj(wire.POD, "pod"), service("s1"), service("s2"), service("s3"), service("s4")]
    )
    del free["metadata"]["ownerReferences"]
    foreign["metadata"]["ownerReferences"][0] |= {"uid": "u2", "name": "other"}
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    objects = ObjectGraph((), kept=(wire.Ref(wire.SERVICE, "n", "s3"),))

    assert planned(objects, [pod, free, foreign, kept, going]).is_empty


def test_an_object_of_another_owner_is_not_touched_but_told() -> None:
    (live,) = all_served([service("a", type="NodePort")])
    live["metadata"]["ownerReferences"][0] |= {"uid": "u2", "name": "other"}

    plan = planned([service("a")], [live])

    assert plan.is_empty
    assert plan.blocked == ((wire.Ref(wire.SERVICE, "n", "a"), "is controlled by KubeDirectorCluster 'other'"),)


def test_an_object_of_the_former_self_is_adopted() -> None:
    (live,) = all_served([service("a")])
    live["metadata"]["ownerReferences"][0]["uid"] = "u0"

    plan = planned([service("a")], [live])

    metadata = {"uid": "uid-a", "resourceVersion": "7", "ownerReferences": [graph.owner_reference(ROOT)]}
    assert plan.waves[0] == (Adopt(wire.Ref(wire.SERVICE, "n", "a"), {"metadata": metadata}),)
    assert said(plan)[1] == ["apply Service n/a (drifted)"]


def test_a_terminating_object_is_waited_for() -> None:
    live = served(ObjectGraph((service("a"),)).objects[0], deletionTimestamp="2026-01-01T00:00:00Z")
    assert planned([service("a", type="NodePort")], [live]).is_empty


def test_why_an_object_is_applied_tells_whether_force_is_due() -> None:
    missing, changed = planned([service("a"), service("b", type="NodePort")], all_served([service("b")])).steps
    assert (missing.why, changed.why) == (Why.MISSING, Why.CHANGED)


SPECS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["ClusterIP", "NodePort", ""]),
        "ports": st.lists(st.integers(1, 9).map(lambda n: {"port": n}), max_size=2, unique_by=lambda p: p["port"]),
        "limits": st.fixed_dictionaries({"memory": st.sampled_from(["1024Mi", "1Gi", "5"])}),
        "selector": st.none() | st.dictionaries(st.sampled_from("ab"), st.sampled_from("cd")),
        "on": st.booleans(),
    },
)
GRAPHS = st.dictionaries(st.sampled_from("abcd"), SPECS).map(lambda d: tuple(service(n, **s) for n, s in d.items()))


def carried_out(plan, observed):
    live = {graph.ref_of(item): item for item in observed}
    for step in plan.steps:
        match step:
            case Apply():
                live[step.ref] = served(step.target)
            case Delete():
                del live[step.ref]
    return list(live.values())


@given(GRAPHS, GRAPHS)
def test_from_any_state_one_plan_is_enough(before, after) -> None:
    live = carried_out(planned(before, []), [])
    live = carried_out(planned(after, live), live)

    assert planned(after, live).is_empty
    assert {item["metadata"]["name"] for item in live} == {item["metadata"]["name"] for item in after}


@given(GRAPHS, GRAPHS, st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_order(before, after, random) -> None:
    live, objects = all_served(before), list(after)
    expected = planned(objects, live)
    random.shuffle(live)
    random.shuffle(objects)
    assert planned(objects, live) == expected


def test_only_what_is_going_already_is_forced_and_as_it_was_seen() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "s-0", "namespace": "n", "uid": "p"}}
    graph_of = ObjectGraph((members("s", 1),), forced=(wire.Ref(wire.POD, "n", "s-0"),))
    here = {**pod, "metadata": {**pod["metadata"], "resourceVersion": "9"}}
    going = {**here, "metadata": {**here["metadata"], "deletionTimestamp": "2030-01-01T00:00:00Z"}}

    assert planned(graph_of, [*all_served([members("s", 1)]), here]).is_empty
    plan = planned(graph_of, [*all_served([members("s", 1)]), going])

    assert said(plan) == [["delete Pod n/s-0 by force"]]
    assert [(step.uid, step.resource_version, step.force) for step in plan.steps] == [("p", "9", True)]
    assert plan.irreversible
