"""Selectors: what they match, how they are written, what keeps one from being read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.wire import (
    SelectorError,
    from_label_selector,
    label_key_problems,
    label_value_problems,
    parse_fields,
    parse_labels,
)

DASK = {"app": "dask", "tier": "a", "size": "4"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=dask", True),
        ("app==dask", True),
        ("app=spark", False),
        ("app!=spark", True),
        ("nope!=x", True),
        ("app in (spark, dask)", True),
        ("app notin (spark)", True),
        ("nope notin (spark)", True),
        ("nope in (spark)", False),
        ("tier", True),
        ("nope", False),
        ("!nope", True),
        ("!tier", False),
        ("size>3", True),
        ("size<4", False),
        ("app=dask,tier in (a,b),!old", True),
        ("app=dask,tier=b", False),
        ("app=", False),
        (" app = dask , tier ", True),
    ],
)
def test_a_label_selector_matches_what_it_says(text, matches):
    assert parse_labels(text).matches(DASK) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("=x", "found '=', expected: !, identifier, or 'end of string'"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("(a)", "found '(', expected: !, identifier, or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a===", "unable to parse requirement: found '=', expected: identifier"),
        ("a>", "unable to parse requirement: found '', expected: identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
    ],
)
def test_an_unreadable_label_selector_is_refused_in_the_servers_words(text, message):
    with pytest.raises(SelectorError) as caught:
        parse_labels(text)

    assert str(caught.value) == message


def test_label_selectors_must_name_labels_that_can_exist():
    with pytest.raises(SelectorError, match=r'key: Invalid value: "-a"'):
        parse_labels("-a=b")
    with pytest.raises(SelectorError, match=r"values\[0\]\[a\]: Invalid value"):
        parse_labels("a=-b")
    with pytest.raises(SelectorError, match="the value must be an integer"):
        parse_labels("a>x")


def test_the_two_forms_of_a_label_selector_say_the_same():
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "size", "operator": "Exists"},
        {"key": "app", "operator": "NotIn", "values": ["spark"]},
    ]
    selector = from_label_selector({"matchLabels": {"app": "dask"}, "matchExpressions": expressions})

    assert selector.matches(DASK)
    assert not selector.matches({**DASK, "old": ""})
    assert parse_labels(str(selector)).matches(DASK)


def test_an_expression_without_an_operator_is_refused():
    with pytest.raises(SelectorError, match='"" is not a valid label selector operator'):
        from_label_selector({"matchExpressions": [{"key": "a"}]})


def test_fields_are_compared_as_the_api_writes_them():
    node = {"spec": {"unschedulable": True, "podCIDR": None, "count": 3}}
    assert parse_fields("spec.unschedulable=true,spec.podCIDR=,spec.nothing=,spec.count=3").matches(node)
    assert parse_fields("spec.unschedulable!=false").matches(node)
    assert parse_fields("spec.unschedulable=false").matches({"spec": {"unschedulable": False}})


def test_an_empty_selector_selects_all_and_a_null_one_nothing():
    assert from_label_selector({}).matches({})
    assert not from_label_selector(None).matches({})


NAMES = st.from_regex(r"[a-z]([a-z0-9]{0,5}[a-z0-9])?", fullmatch=True)


@given(st.dictionaries(NAMES, NAMES, max_size=4), st.dictionaries(NAMES, NAMES, max_size=4))
def test_a_written_label_selector_reads_as_itself(wanted, labels):
    selector = from_label_selector({"matchLabels": wanted})

    assert parse_labels(str(selector)).matches(labels) == selector.matches(labels) == (wanted.items() <= labels.items())


def test_a_field_selector_compares_fields_by_their_path():
    pod = {"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}

    assert parse_fields("metadata.name=a,status.phase!=Failed").matches(pod)
    assert not parse_fields("spec.nodeName=").matches(pod)
    assert parse_fields("status.reason=").matches(pod)
    assert parse_fields("metadata.name=a").exact("metadata.name") == "a"
    assert parse_fields("metadata.name!=a").exact("metadata.name") is None


def test_a_field_selector_escapes_what_would_end_a_value():
    selector = parse_fields(r"a=x\,y\=z")

    assert selector.matches({"a": "x,y=z"})
    assert str(selector) == r"a=x\,y\=z"


@pytest.mark.parametrize("text", ["a", "a=b=c", r"a=\q"])
def test_an_unreadable_field_selector_is_refused(text):
    with pytest.raises(SelectorError):
        parse_fields(text)


def test_label_keys_and_values_are_checked_as_a_server_does():
    assert label_key_problems("example.com/my-name") == ()
    assert label_key_problems("/x") == ("prefix part must be non-empty",)
    assert label_key_problems("Example.com/x")[0].startswith("prefix part a lowercase RFC 1123 subdomain")
    assert label_key_problems("a" * 64) == ("name part must be no more than 63 bytes",)
    assert label_key_problems("")[0] == "name part must be non-empty"
    assert label_key_problems("a/b/c")[0].startswith("a qualified name must consist of")
    assert label_value_problems("") == ()
    assert label_value_problems("a b")[0].startswith("a valid label must be an empty string")
    assert label_value_problems("a" * 64) == ("must be no more than 63 bytes",)
