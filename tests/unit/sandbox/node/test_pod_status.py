"""The status of a pod is a function of what is known of its containers."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kdlib.sandbox.node.backoff import Backoff, Pace
from kdlib.sandbox.node.states import ContainerStatus, PodFacts, initial_statuses, pod_status

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
FACTS = PodFacts("10.88.0.1", "10.88.0.2", "2026-05-06T07:08:00Z")
WAITING = ContainerStatus("a", "main", "image")
RUNNING = replace(WAITING, state={"running": {"startedAt": "x"}}, container_id="sandbox://1", ready=True, started=True)
CRASHED = replace(
    WAITING, state={"waiting": {}}, last_state={"terminated": {"exitCode": 1}}, container_id="sandbox://1"
)
INIT = ContainerStatus("i", "init", "image")
SIDECAR = ContainerStatus("s", "sidecar", "image")


def ended(status, code):
    return replace(status, state={"terminated": {"exitCode": code}}, container_id="sandbox://1", ready=False)


def pod(policy="Always", **spec):
    return {"metadata": {}, "spec": {"restartPolicy": policy, "containers": [{"name": "a"}], **spec}}


def conditions(status):
    return {each["type"]: each["status"] for each in status["conditions"]}


@pytest.mark.parametrize(
    ("policy", "statuses", "phase"),
    [
        ("Always", [WAITING], "Pending"),
        ("Always", [RUNNING], "Running"),
        ("Always", [RUNNING, WAITING], "Pending"),
        ("Always", [CRASHED], "Running"),
        ("Always", [ended(WAITING, 0)], "Running"),
        ("Never", [ended(WAITING, 0)], "Succeeded"),
        ("Never", [ended(WAITING, 1)], "Failed"),
        ("Never", [ended(WAITING, 1), RUNNING], "Running"),
        ("OnFailure", [ended(WAITING, 0)], "Succeeded"),
        ("OnFailure", [ended(WAITING, 1)], "Running"),
        ("Never", [INIT, WAITING], "Pending"),
        ("Never", [ended(INIT, 1), WAITING], "Failed"),
        ("Always", [ended(INIT, 1), WAITING], "Pending"),
        ("Always", [ended(INIT, 0), RUNNING], "Running"),
        ("Never", [replace(SIDECAR, state={"running": {}}, started=True), ended(WAITING, 0)], "Running"),
        ("Never", [ended(SIDECAR, 137), ended(WAITING, 0)], "Succeeded"),
    ],
)
def test_the_phase_follows_the_containers(policy, statuses, phase):
    assert pod_status(pod(policy), statuses, FACTS, NOW)["phase"] == phase


def test_a_pod_that_was_stopped_ends_by_its_exit_codes():
    facts = replace(FACTS, ended=True)

    assert pod_status(pod(), [ended(WAITING, 0)], facts, NOW)["phase"] == "Succeeded"
    assert pod_status(pod(), [ended(WAITING, 143)], facts, NOW)["phase"] == "Failed"
    assert pod_status(pod(), [WAITING], facts, NOW)["phase"] == "Failed"


def test_conditions_tell_how_far_the_pod_is():
    made = pod_status(pod(), [INIT, WAITING], replace(FACTS, address=""), NOW)
    assert conditions(made) == {
        "PodReadyToStartContainers": "False",
        "Initialized": "False",
        "Ready": "False",
        "ContainersReady": "False",
        "PodScheduled": "True",
    }
    messages = {each["type"]: each.get("message") for each in made["conditions"]}
    assert messages["Initialized"] == "containers with incomplete status: [i]"
    assert messages["Ready"] == "containers with unready status: [a]"

    assert set(conditions(pod_status(pod(), [ended(INIT, 0), RUNNING], FACTS, NOW)).values()) == {"True"}


def test_a_readiness_gate_keeps_the_pod_from_being_ready():
    gated = pod(readinessGates=[{"conditionType": "mine"}])
    made = pod_status(gated, [RUNNING], FACTS, NOW)
    assert (conditions(made)["Ready"], conditions(made)["ContainersReady"]) == ("False", "True")

    opened = {**gated, "status": {"conditions": [{"type": "mine", "status": "True"}]}}
    made = pod_status(opened, [RUNNING], FACTS, NOW)
    assert (conditions(made)["Ready"], conditions(made)["mine"]) == ("True", "True")


def test_times_move_only_with_their_status_and_a_second_look_changes_nothing():
    first = pod_status(pod(), [WAITING], FACTS, NOW)
    known = {**pod(), "status": first}
    later = NOW.replace(year=2027)

    assert pod_status(known, [WAITING], FACTS, later) == first

    changed = pod_status(known, [RUNNING], FACTS, later)
    times = {each["type"]: each["lastTransitionTime"] for each in changed["conditions"]}
    assert times["Ready"] == "2027-05-06T07:08:09Z"
    assert times["PodScheduled"] == "2026-05-06T07:08:09Z"


def test_containers_begin_by_waiting():
    containers = {"initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]}

    statuses = initial_statuses(pod(**containers))

    assert [(each.name, each.kind) for each in statuses] == [("i", "init"), ("s", "sidecar"), ("a", "main")]
    assert {each.state["waiting"]["reason"] for each in statuses} == {"PodInitializing"}
    assert initial_statuses(pod())[0].state == {"waiting": {"reason": "ContainerCreating"}}


def test_back_off_doubles_up_to_a_bound_and_is_forgotten_after_a_good_run():
    backoff, waits = Backoff(Pace()), []
    for _ in range(8):
        waits.append(backoff.seconds)
        backoff = backoff.after_run(30).longer()

    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.after_run(600).seconds == 0
