"""W-42: what Kubernetes tells of pods that it refuses to make, read from its Events."""

from datetime import UTC, datetime

from kdlib.lifecycle.refusals import refusals
from kdlib.model import MemberTrouble, Seen
from kdlib.wire import CORE_EVENT, Ref

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
QUOTA = 'create Pod web-1 in StatefulSet web failed error: pods "web-1" is forbidden: exceeded quota: few, used: pods=1'


def event(message, at="2030-01-01T11:59:00Z", about="web", name="e"):
    return Ref(CORE_EVENT, "team", name), {
        "metadata": {"name": name},
        "involvedObject": {"name": about},
        "message": message,
        "lastTimestamp": at,
    }


def words(*events):
    found = refusals(Seen(NOW, {}, related=events))
    assert all(trouble.kind is MemberTrouble.POD_REFUSED for trouble in found.values())
    return {name: trouble.words for name, trouble in found.items()}


def test_the_words_of_the_api_server_are_told_of_the_pod_and_of_its_set():
    told = 'its pod is refused: pods "web-1" is forbidden: exceeded quota: few, used: pods=1'
    assert words(event(QUOTA)) == {"web-1": told, "web": told}


def test_a_claim_that_is_refused_keeps_its_pod_from_being_made():
    message = "create Claim p-web-0 for Pod web-0 in StatefulSet web failed error: no more claims"
    assert words(event(message))["web-0"] == "its pod is refused: no more claims"


def test_what_was_told_last_counts():
    old = event(QUOTA, "2030-01-01T11:50:00Z", name="a")
    new = event(QUOTA.replace("quota", "limit"), "2030-01-01T11:59:00Z", name="b")
    assert words(new, old) == words(old, new)
    assert "exceeded limit" in words(old, new)["web-1"]


def test_repetitions_that_were_combined_are_read_too():
    assert set(words(event(f"(combined from similar events): {QUOTA}"))) == {"web-1", "web"}


def test_what_was_told_long_ago_or_is_about_something_else_is_no_trouble():
    assert words(event(QUOTA, "2030-01-01T11:30:00Z")) == {}
    assert words(event(QUOTA, "nonsense")) == {}
    assert words(event("delete Pod web-1 in StatefulSet web failed error: no")) == {}
