"""A sample of the fault campaign: whatever befalls one call, event or process, the end is the same."""

import random

import pytest
from faults.campaign import plans_of
from faults.playing import play
from faults.plays import SCENARIOS

from kdlib.testing.faults import FAULTS, Fault, NoFaults, OneFault

PLANS = 6
"""How many plans of each scenario are played here; `make laws` plays all of them."""


@pytest.fixture(scope="module")
def calm():
    """What each scenario comes to without a fault, and its points."""
    return {}


def without_fault(calm, scenario):
    if scenario not in calm:
        schedule = NoFaults()
        calm[scenario] = play(scenario, schedule), tuple(schedule.points)
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
    run = play(scenario, schedule)
    assert schedule.struck, f"{scenario}:{plan}"
    assert run.against(expected) == [], f"python tests/laws/faults/campaign.py --plan {scenario}:{plan}"


def test_every_fault_is_told_by_a_text_that_can_be_read_again():
    for channel, kinds in FAULTS.items():
        for kind in kinds:
            text = f"{channel}:3:{kind}"
            assert str(Fault.parse(text)) == text


def test_a_plan_makes_the_same_run_each_time():
    requests = []
    for _ in range(2):
        schedule = OneFault(Fault.parse("write:4:answer-lost"))
        play("create", schedule)
        requests.append([(str(point), point.what) for point in schedule.points])
    assert requests[0] == requests[1]
