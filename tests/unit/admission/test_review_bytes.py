"""Reviews as bytes: whatever is sent is a review or a refusal in words, and every answer can be sent."""

import json
from base64 import b64decode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlib.admission.endpoints import ENDPOINTS, endpoint_at
from kdlib.admission.reviews import Answer, MalformedError, asked, encoded, refusal, verdict_answer
from kdlib.errors import Problem
from kdlib.rules import Request, Verdict
from kdlib.wire import KD_CLUSTER

CLUSTERS = endpoint_at("/review/clusters")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def unanswered(body):
    """Return why a body cannot be answered, or None."""
    try:
        asked(body, CLUSTERS)
    except MalformedError as error:
        return str(error)
    return None


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(body):
    assert unanswered(body)


@settings(deadline=None)
@given(JSON)
def test_any_json_is_refused_in_words(value):
    assert unanswered(json.dumps(value).encode())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_review_with_any_part_replaced_is_answered_or_refused_in_words(data, make_review):
    review = make_review(operation=data.draw(st.sampled_from(["CREATE", "UPDATE", "DELETE"])))
    place = review
    for key in data.draw(st.sampled_from([("request",), ("request", "object"), ("request", "userInfo"), ()])):
        place = place[key] if isinstance(place[key], dict) else place
    key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(JSON)
    why = unanswered(json.dumps(review, allow_nan=True).encode())
    assert why is None or why


@settings(deadline=None)
@given(st.binary(max_size=20), st.integers(0, 900))
def test_a_review_with_bytes_slipped_in_or_cut_off_is_answered_or_refused(make_review, junk, at):
    body = orjson.dumps(make_review())
    unanswered(body[:at] + junk + body[at:])
    assert unanswered(body[: min(at, len(body) - 1)])


def test_an_answer_bears_the_patch_only_where_it_allows():
    patch = ({"op": "add", "path": "/metadata/labels", "value": {}},)
    sent = orjson.loads(encoded(Answer(allowed=True, patch=patch), "7"))["response"]
    assert (sent["uid"], sent["patchType"], orjson.loads(b64decode(sent["patch"]))) == ("7", "JSONPatch", list(patch))
    refused = orjson.loads(encoded(Answer(allowed=False, patch=patch), "7"))["response"]
    assert "patch" not in refused
    assert "patchType" not in refused


def test_a_refusal_names_each_problem_in_words_and_as_a_cause():
    problems = (Problem("spec.a", "is wrong", "mend it"), Problem("spec.b", "is\nworse"))
    answer = verdict_answer(Request("CREATE", KD_CLUSTER, "team", "c"), Verdict(problems))
    assert answer.status["message"] == "\nspec.a: is wrong; mend it\nspec.b: is worse"
    assert [cause["field"] for cause in answer.status["details"]["causes"]] == ["spec.a", "spec.b"]
    assert (answer.status["code"], answer.status["details"]["name"]) == (422, "c")


@pytest.mark.parametrize("count", [1, 1000])
def test_a_refusal_is_never_long(count):
    problems = tuple(Problem(f"spec.roles[{number}]", "x" * 100_000) for number in range(count))
    answer = verdict_answer(Request("CREATE", KD_CLUSTER, "team", "c"), Verdict(problems, warnings=("y" * 9999,)))
    assert len(encoded(answer, "7")) < 250_000
    assert len(answer.warnings[0]) <= 256


def test_a_refused_deletion_is_forbidden():
    verdict = Verdict((Problem("(the object)", "is in use"),))
    answer = verdict_answer(Request("DELETE", KD_CLUSTER, "team", "c"), verdict)
    assert (answer.status["code"], answer.status["reason"]) == (403, "Forbidden")
    assert refusal(429, "TooManyRequests", "later", retry_after_seconds=1).status["details"]["retryAfterSeconds"] == 1


def test_each_purpose_has_a_path_of_its_own():
    reviewed = {(endpoint.kind, endpoint.subresource) for endpoint in ENDPOINTS}
    assert len({endpoint.path for endpoint in ENDPOINTS}) == len(ENDPOINTS) == len(reviewed)
