"""The status of the global configuration says what cannot be used, and what to do about it (3.19, W-44)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from wording import hold

from kdlib import report
from kdlib.model import parse_config

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = "0f" * 32
WORDS = Path(__file__).parent / "golden" / "words.yaml"


def told(*classes, namespace="kd", status=None, now=NOW, **spec):
    metadata = {"name": "kd-global-config", "namespace": namespace, "generation": 3}
    config = {"metadata": metadata, "spec": {"masterEncryptionKey": KEY, **spec}, "status": status}
    found = report.config_status(config, lambda ref: ref.name in classes, system_namespace="kd", now=now)
    for item in found["conditions"]:
        hold(WORDS, item["reason"], item["message"])
    assert parse_config({**config, "spec": None, "status": found}).status.generation_uid == found["generationUID"]
    return found


def condition(status, kind="Ready"):
    return report.condition(status, kind)


def test_a_configuration_of_which_all_can_be_used_is_ready():
    status = told("fast", defaultStorageClassName="fast")
    assert (status["state"], status["observedGeneration"]) == ("ready", 3)
    assert [(item["type"], item["status"]) for item in status["conditions"]] == [
        ("Ready", "True"),
        ("Stalled", "False"),
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"masterEncryptionKey": "hunter2"}, "spec.masterEncryptionKey: is not an AES key"),
        ({"formerEncryptionKeys": ["hunter2"]}, "spec.formerEncryptionKeys[0]: is not an AES key"),
        ({"clusterSvcDomainBase": "..x"}, "spec.clusterSvcDomainBase"),
        ({"defaultStorageClassName": "gone"}, "StorageClass 'gone' does not exist; create it"),
        ({"podLabels": {"a b": "c"}}, "spec.podLabels[a b]"),
        ({"defaultServiceType": "Ingress"}, "defaultServiceType"),
    ],
)
def test_w44_a_value_that_cannot_be_used_is_told_with_its_remedy_and_no_key_is(spec, words):
    status = told(**spec)
    ready, stalled = condition(status), condition(status, "Stalled")
    assert (status["state"], ready["status"], stalled["status"]) == ("creating", "False", "True")
    assert words in ready["message"]
    assert ready["message"] == stalled["message"]
    assert "hunter2" not in str(status)


def test_w44_a_domain_without_its_first_dot_is_as_good():
    assert told(clusterSvcDomainBase="svc.example.org")["state"] == "ready"


def test_a_configuration_that_was_ready_stays_so_and_tells_what_is_wrong_since():
    before = told("fast", defaultStorageClassName="fast")
    status = told(status=before, defaultStorageClassName="fast")
    assert (status["state"], condition(status)["status"]) == ("ready", "False")


def test_a_configuration_that_nobody_reads_is_told_so():
    """CFG-V-02 without a webhook."""
    assert "'team' is not the operator's namespace" in condition(told(namespace="team"))["message"]


def test_a_configuration_without_a_key_names_the_command_that_makes_one():
    """CFG-X-53: the operator edits no spec."""
    status = told(masterEncryptionKey=None)
    found = condition(status, "SecretKeysAvailable")
    assert (status["state"], found["status"], "kdd rotate-key" in found["message"]) == ("ready", "False", True)
    assert condition(told(), "SecretKeysAvailable") == {}


def test_a_rotation_that_is_not_finished_is_told():
    """CFG-X-53."""
    found = condition(told(formerEncryptionKeys=["ab" * 16]), "FormerKeysKept")
    assert (found["status"], "kdd rotate-key" in found["message"]) == ("True", True)


def test_the_same_is_told_at_any_time():
    """Law 5: a status is a function of what was seen."""
    first = told()
    assert told(status=first, now=NOW.replace(year=2030)) == first
