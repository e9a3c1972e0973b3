"""Outages: one line in the log for each cause, however many suffer from it, and one when all is well again."""

import logging

import pytest

from kdlib.errors import UnreachableError, api_error
from kdlib.kube import Kind, Outages
from kdlib.kube.outages import cause_of
from kdlib.wire import POD

AWAY = 'no answer from "https://h:1": connection refused'


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_cause_that_many_share_is_told_once_and_its_end_once(lines):
    outages = Outages("east")
    for subject in "abcabc":
        outages.begin(subject, f"{AWAY}; tried again until it answers")
    assert lines() == [f"east: {AWAY}; tried again until it answers"]
    for subject in "abc":
        outages.end(subject)
    assert lines()[1:] == [f"east: works again, after: {AWAY}"]


def test_causes_that_come_in_turns_are_told_once_each(lines):
    outages = Outages()
    for _ in range(4):
        outages.begin("a", "refused")
        outages.begin("a", "too slow")
    outages.end("a")
    outages.end("a")
    assert lines() == ["refused", "too slow", "works again, after: too slow"]


def test_what_comes_again_after_all_was_well_is_told_again(lines):
    outages = Outages()
    for _ in range(2):
        outages.begin("a", "refused")
        outages.end("a")
    assert lines().count("refused") == 2


def test_that_one_outage_is_over_is_told_while_another_lasts(lines):
    outages = Outages()
    outages.begin("a", "refused")
    outages.begin("b", "not served")
    outages.begin("c", "refused")
    outages.end("a")
    assert lines()[2:] == []
    outages.end("c")
    assert lines()[2:] == ["works again, after: refused"]
    outages.end("b")
    assert lines()[3:] == ["works again, after: not served"]


def test_a_subject_that_asks_no_more_says_nothing_about_the_others(lines):
    outages = Outages()
    outages.begin("a", "refused")
    outages.begin("b", "refused")
    outages.forget("a")
    assert lines() == ["refused"]
    outages.end("b")
    assert lines() == ["refused", "works again, after: refused"]
    outages.begin("a", "refused")
    outages.forget("a")
    outages.begin("b", "refused")
    assert lines().count("refused") == 3


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UnreachableError(f"GET /x: {AWAY}", cause=AWAY), f"{AWAY}; tried again until it answers"),
        (UnreachableError("cut"), "pods: cut; tried again"),
        (
            api_error(401, "Unauthorized", "Unauthorized"),
            "our credentials are refused: Unauthorized; tried again; renew the token or the client certificate",
        ),
        (
            api_error(403, "Forbidden", "not for you"),
            "pods: not for you; tried again; give our account the verbs list and watch on pods",
        ),
        (api_error(404, "", "404 page not found"), "pods: 404 page not found; tried again"),
    ],
)
def test_words_name_what_is_common_to_all(error, words):
    assert cause_of(POD, error, "do this") == words


def test_a_kind_that_is_not_served_is_told_by_its_group_with_the_remedy():
    missing = api_error(404, "", "404 page not found")
    causes = {cause_of(Kind("example.org/v1", name), missing, "kubectl apply -f x/") for name in ("A", "B")}
    assert causes == {"example.org/v1 is not served; tried again until it is; install it: kubectl apply -f x/"}
