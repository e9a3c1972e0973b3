"""The state machine of a member is a table: complete, reachable, and drawn for the documentation."""

from pathlib import Path

from kdlib.lifecycle import TABLE, Cause, Effect, diagram, life_page
from kdlib.model import MemberState


def test_every_cause_and_every_effect_is_used():
    assert {cause for _, cause in TABLE} == set(Cause)
    assert {effect for row in TABLE.values() for effect in row.effects} == set(Effect)


def test_every_state_is_reached_from_create_pending_and_leads_out():
    reached, todo = set(), {MemberState.CREATE_PENDING}
    while todo:
        reached |= todo
        todo = {row.state for (state, _), row in TABLE.items() if state in reached and row.state} - reached
    assert reached == set(MemberState)
    leads_out = set()
    for _ in MemberState:
        leads_out |= {state for (state, _), row in TABLE.items() if row.state is None or row.state in leads_out}
    assert leads_out == set(MemberState)


def test_an_unwanted_member_leaves_whatever_it_is_doing():
    for state in (MemberState.CREATE_PENDING, MemberState.CREATING, MemberState.CONFIGURED, MemberState.CONFIG_ERROR):
        assert TABLE[state, Cause.UNWANTED].state == MemberState.DELETING
        assert TABLE[state, Cause.UNWANTED_KNOWN].state == MemberState.DELETE_PENDING


def test_the_diagram_shows_every_change_of_state():
    drawn = diagram()
    assert drawn.startswith("stateDiagram-v2\n")
    changes = [cause for (state, cause), row in TABLE.items() if row.state != state]
    assert all(f": {cause}\n" in drawn for cause in changes)
    assert drawn.count("-->") == len(changes) + 1


def test_the_page_in_the_documentation_shows_the_diagram_and_every_row():
    page = Path(__file__).parents[3] / "docs" / "reference" / "member-life.md"
    text = page.read_text(encoding="utf-8")
    assert text == life_page(), "member-life.md is outdated: run `make schemas`"
    assert diagram() in text
    assert text.count("\n| ") == len(TABLE) + 1
