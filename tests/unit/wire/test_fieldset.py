"""Sets of fields in the form of FieldsV1: the algebra of sets holds."""

from hypothesis import given
from hypothesis import strategies as st

from kdlib.wire.fieldset import (
    difference,
    intersection,
    members,
    path_text,
    recursive_difference,
    sorted_fields,
    union,
    with_named_fields,
)

ELEMENTS = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
PATHS = st.sets(st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple), max_size=8)


def made(paths):
    """Make a set from paths, the long way round."""
    root = {}
    for path in sorted(paths):
        node = root
        for step in path:
            node = node.setdefault(step, {"?": {}})
        node["."] = {}
    return _packed(root)


def _packed(node):
    inner = {key: _packed(value) for key, value in node.items() if key not in {"?", "."}}
    if "." in node and inner:
        return {".": {}, **inner}
    return inner


def paths(fields):
    return set(members(fields))


@given(PATHS)
def test_a_set_has_the_members_that_it_was_made_of(some):
    assert paths(made(some)) == some


@given(PATHS, PATHS)
def test_union_intersection_and_difference_are_those_of_sets(one, other):
    left, right = made(one), made(other)

    assert paths(union(left, right)) == one | other
    assert paths(intersection(left, right)) == one & other
    assert paths(difference(left, right)) == one - other


@given(PATHS, PATHS)
def test_recursive_difference_takes_what_is_below_too(one, other):
    left, right = made(one), made(other)

    kept = {path for path in one if not any(path[: len(cut)] == cut for cut in other)}

    assert paths(recursive_difference(left, right)) == kept


@given(PATHS, PATHS)
def test_results_are_in_their_shortest_form(one, other):
    left, right = made(one), made(other)

    for result in (union(left, right), intersection(left, right), difference(left, right)):
        assert result == made(paths(result))


@given(PATHS)
def test_sorting_changes_the_order_alone(some):
    fields = made(some)

    assert sorted_fields(fields) == fields
    assert list(sorted_fields(fields)) == sorted(fields)


def test_declared_fields_with_members_below_become_members(schemas):
    schema = schemas.kind("v1", "Pod")
    fields = {"f:spec": {"f:containers": {'k:{"name":"a"}': {"f:image": {}}}}, "f:metadata": {"f:labels": {"f:x": {}}}}

    assert paths(with_named_fields(fields, schema)) == {
        ("f:spec",),
        ("f:spec", "f:containers"),
        ("f:spec", "f:containers", 'k:{"name":"a"}', "f:image"),
        ("f:metadata",),
        ("f:metadata", "f:labels"),
        ("f:metadata", "f:labels", "f:x"),
    }


def test_paths_read_as_in_messages():
    path = ("f:spec", "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}', "f:name")

    assert path_text(path) == '.spec.ports[containerPort=80,protocol="TCP"].name'
    assert path_text(("f:set", 'v:"a"')) == '.set[="a"]'
    assert path_text(("f:list", "i:0")) == ".list[0]"
