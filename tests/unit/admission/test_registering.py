"""What is registered: objects of ours fail closed, claims never fail, and nothing is missing in between."""

from kdlib.admission.configurations import configurations, is_registered, replaced
from kdlib.admission.settings import InService, Registration


def registered():
    return configurations(InService("kd"), "authority", Registration())


def test_objects_of_ours_fail_closed_and_claims_never_fail():
    """WH-08."""
    mutating, validating = registered()
    policies = {item["rules"][0]["resources"][0]: item["failurePolicy"] for item in mutating["webhooks"]}
    ours = dict.fromkeys(("kubedirectorapps", "kubedirectorclusters", "kubedirectorconfigs"), "Fail")
    assert policies == {**ours, "persistentvolumeclaims": "Ignore"}
    assert {item["rules"][0]["resources"][0]: item["failurePolicy"] for item in validating["webhooks"]} == ours
    assert {tuple(item["admissionReviewVersions"]) for item in mutating["webhooks"]} == {("v1",)}


def test_a_registration_that_is_there_is_written_over_as_a_whole():
    """WH-09: no webhook is missing at any time, and somebody else's caBundle stays."""
    for wanted in registered():
        found = {**wanted, "webhooks": [{**item, "failurePolicy": "Ignore"} for item in wanted["webhooks"]]}
        assert (is_registered(wanted, wanted), is_registered(wanted, found)) == (True, False)
        assert replaced(wanted, found) == wanted["webhooks"]
