"""The graph of intended objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib import graph, wire


def service(name, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "n"}, "spec": spec}


def test_every_object_is_stamped_with_the_digest_of_its_intent() -> None:
    (obj,) = graph.ObjectGraph((service("a", type="ClusterIP"),))

    assert obj["metadata"]["annotations"] == {graph.INTENT: graph.intent_digest(service("a", type="ClusterIP"))}
    assert graph.stamped(obj) == obj
    assert graph.intent_digest(obj) == graph.intent_digest(service("a", type="ClusterIP"))
    assert graph.intent_digest(obj) != graph.intent_digest(service("a", type="NodePort"))


def test_stamping_leaves_the_given_object_alone() -> None:
    given_object = service("a")
    graph.ObjectGraph((given_object,))
    assert given_object == service("a")


@given(st.permutations([service("c"), service("a"), service("b")]))
def test_the_graph_does_not_depend_on_the_order_of_its_objects(objects) -> None:
    assert graph.ObjectGraph(tuple(objects)) == graph.ObjectGraph((service("a"), service("b"), service("c")))
    assert [obj["metadata"]["name"] for obj in graph.ObjectGraph(tuple(objects))] == ["a", "b", "c"]


def test_two_objects_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two objects are named Service n/a"):
        graph.ObjectGraph((service("a"), service("a", type="NodePort")))


def test_first_must_be_in_the_graph() -> None:
    with pytest.raises(ValueError, match="not in the graph: Service n/b"):
        graph.ObjectGraph((service("a"),), first=(wire.Ref(wire.SERVICE, "n", "b"),))


def test_a_graph_is_looked_up_counted_and_joined() -> None:
    one = graph.ObjectGraph((service("a"),))
    ref = wire.Ref(wire.SERVICE, "n", "b")

    both = one.joined(service("b"))

    assert (len(one), len(both), ref in one, ref in both) == (1, 2, False, True)
    assert one.get(ref) is None
    assert both.get(ref)["metadata"]["name"] == "b"
    assert both.of_kind(wire.SERVICE) == both.objects
    assert both.of_kind(wire.POD) == ()


def test_an_object_of_the_graph_is_not_also_kept() -> None:
    ref = wire.Ref(wire.SERVICE, "n", "a")
    assert graph.ObjectGraph((service("a"),), kept=(ref,)).kept == ()
