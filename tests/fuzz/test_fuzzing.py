"""A sample of the fuzz campaign: no file makes a step raise or hang, and what is accepted can be built."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SAMPLE, SLICES = 500, 5


@pytest.fixture(scope="module")
def campaign():
    """Return the campaign as a module; the laws have one of the same name."""
    spec = importlib.util.spec_from_file_location("fuzz_campaign", HERE / "campaign.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("first", range(0, SAMPLE, SAMPLE // SLICES))
def test_mutated_manifests_are_refused_or_can_be_built(campaign, first):
    ends = {case: campaign.run_case(campaign.bytes_of(case), case) for case in range(first, first + SAMPLE // SLICES)}
    assert set(ends.values()) <= {"refused", "accepted", "built"}


def test_the_corpus_is_accepted_and_built(campaign):
    assert [campaign.run_case(data) for data in campaign.CORPUS] == ["accepted", "built", "built", "built"]


def test_a_case_is_made_from_its_number_alone(campaign):
    assert [campaign.bytes_of(case) for case in (7, 8)] == [campaign.bytes_of(case) for case in (7, 8)]
