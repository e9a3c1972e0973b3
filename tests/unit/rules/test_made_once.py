"""What is made of a request is made once, and never for another request or other facts."""

from dataclasses import replace

from kdlib.rules import Facts, Request
from kdlib.wire import KD_CLUSTER

REQUEST = Request("CREATE", KD_CLUSTER, "team", "c", new={"spec": {}})


def made(request, *rest):
    return [request, *rest]


def test_the_same_is_made_once():
    assert REQUEST.once(made) is REQUEST.once(made)


def test_other_facts_make_another_even_where_they_are_equal():
    request, one, other = replace(REQUEST), Facts(), Facts()
    first = request.once(made, one)
    assert request.once(made, one) is first
    assert request.once(made, other)[1] is other


def test_a_changed_request_starts_anew():
    request = replace(REQUEST)
    request.once(made)
    changed = replace(request, new={"spec": {"app": "spark"}})
    assert changed.once(made) == [changed]
    assert changed != request


def test_what_was_made_is_no_part_of_the_request():
    request = replace(REQUEST)
    request.once(made)
    assert request == REQUEST
    assert repr(request) == repr(REQUEST)
