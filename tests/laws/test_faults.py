"""A sample of the fault campaign: whatever befalls one call, event or process, the end is the same."""

import asyncio
import logging
import random
import subprocess
import sys
from dataclasses import replace

import pytest
from faults import campaign
from faults.campaign import plans_of
from faults.playing import play
from faults.plays import SCENARIOS, Step
from faults.stage import MARKER

from kdlib.names import LABEL_CLUSTER
from kdlib.testing.faults import FAULTS, Fault, NoFaults, OneFault
from kdlib.wire import SERVICE, STATEFUL_SET

PLANS = 2
"""How many plans of each scenario are played here; `make laws` plays all of them."""


@pytest.fixture(scope="module")
def calm():
    """What each scenario comes to without a fault, and its points."""
    return {}


def without_fault(calm, scenario):
    if scenario not in calm:
        schedule = NoFaults()
        calm[scenario] = play(SCENARIOS[scenario], schedule), tuple(schedule.points)
    return calm[scenario]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_without_fault_keeps_the_laws(calm, scenario):
    run, points = without_fault(calm, scenario)
    assert run.problems == []
    assert points


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("number", range(PLANS))
def test_the_end_is_the_same_whatever_befell_one_thing(calm, scenario, number):
    expected, points = without_fault(calm, scenario)
    plan = random.Random(f"{scenario} {number}").choice(plans_of(points))
    schedule = OneFault(plan)
    run = play(SCENARIOS[scenario], schedule)
    assert schedule.struck, f"{scenario}:{plan}"
    assert run.against(expected) == [], f"python tests/laws/faults/campaign.py --plan {scenario}:{plan}"


def test_the_campaign_runs_by_itself_as_make_laws_runs_it():
    """What pytest puts on the path is not there."""
    words = [sys.executable, campaign.__file__, "--plan", "service-type:write:1:lost"]
    ended = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "the end is the same\n", "")


def test_every_fault_is_told_by_a_text_that_can_be_read_again():
    for channel, kinds in FAULTS.items():
        for kind in kinds:
            text = f"{channel}:3:{kind}"
            assert str(Fault.parse(text)) == text


def test_a_plan_makes_the_same_run_each_time():
    requests = []
    for _ in range(2):
        schedule = OneFault(Fault.parse("write:4:answer-lost"))
        play(SCENARIOS["create"], schedule)
        requests.append([(str(point), point.what) for point in schedule.points])
    assert requests[0] == requests[1]


def orphan(stage):
    metadata = {"namespace": "default", "name": "stray", "labels": {LABEL_CLUSTER: "c1"}}
    spec = {"ports": [{"port": 80}]}
    stage.world.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    # The operator that finds it would take it away: this one has no time for that.
    stage.world.registry.patch(SERVICE, "default", "stray", {"metadata": {"finalizers": ["test/stays"]}})


def second_run(stage):
    stage.members.runs += stage.members.runs[-1:] * 2


def told_secret(stage):
    logging.getLogger("kdlib.test").warning("the token is %s", MARKER)


def unknown_defect(stage):
    logging.getLogger("kdlib.test").error("unexpected KeyError")


def late_drift(stage):
    def drift():
        first = stage.world.registry.list(STATEFUL_SET, "default")[0]["metadata"]["name"]
        stage.world.registry.patch(STATEFUL_SET, "default", first, {"spec": {"replicas": 3}})

    asyncio.get_running_loop().call_later(500, drift)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (orphan, "Service stray is an orphan"),
        (second_run, "was told 2 times in one container life: --configure"),
        (told_secret, "a secret value is in the log"),
        (unknown_defect, "a defect was logged"),
        (late_drift, "of quiet"),
    ],
)
def test_what_breaks_a_law_is_noticed(harm, told):
    scenario = SCENARIOS["create"]
    harmed = replace(scenario, steps=(*scenario.steps, Step(harm, lambda stage: True)))
    assert any(told in problem for problem in play(harmed, NoFaults()).problems)


def test_another_end_is_noticed(calm):
    (grown, _), (made, _) = without_fault(calm, "grow"), without_fault(calm, "create")
    (problem,) = made.against(grown)
    assert problem.startswith("after step 1 there is something else")
