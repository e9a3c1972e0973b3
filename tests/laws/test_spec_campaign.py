"""The spec campaign, after Acto: every field of a cluster's spec is driven through its values, and back.

After each step that is accepted, all that is there is as for a fresh cluster of that spec; a step that is refused
changes nothing. `--long` (make laws) drives every field; without it a few are driven.
"""

import pytest
from driving import Drive, drive_leaf
from spec_values import leaves, values
from world import Members

LEAVES = {leaf.name: leaf for leaf in leaves()}
SAMPLE = ("serviceType", "roles.members", "roles.podLabels", "roles.storage.size", "roles.secret.defaultMode")
UNWRITABLE = "roles.secretKeys.encryptedValue"
"""What nobody but admission can write."""

MODES = pytest.mark.parametrize("webhook", [True, False], ids=["webhook", "bare"])


def _chunks(size=4):
    """Return the fields in groups, those of one part of the spec together."""
    units = {}
    for name, leaf in LEAVES.items():
        units.setdefault(leaf.unit, []).append(name)
    return [tuple(names[at : at + size]) for names in units.values() for at in range(0, len(names), size)]


def driven(play, names, found, *, webhook):
    """Drive fields in one world; return for each the values that were in force, and those that were not."""

    async def scenario(world):
        async with world.operating() as transport:
            drive = Drive(world, transport)
            if webhook:
                async with world.reviewed():
                    return await _drive(drive)
            return await _drive(drive)

    async def _drive(drive):
        await drive.begin()
        return {name: await drive_leaf(drive, LEAVES[name], found(LEAVES[name])) for name in names}

    return play(scenario, Members())


def few(leaf):
    """Return a value that is right, one that is wrong, and what goes with an absent field."""
    return [*values(leaf)[:1], *values(leaf)[-2:]]


def enough(leaf):
    """Return all values of a field; of the many fields of an affinity, a few."""
    return few(leaf) if "affinity" in leaf.path else values(leaf)


def test_every_field_of_the_spec_has_values():
    """Whoever adds a field gives it an example in the model; what that names must be in the campaign's world."""
    without = [name for name, leaf in LEAVES.items() if not leaf.schema.get("examples")]
    assert without == [], "give these fields of the spec examples, and lines in spec_values.MEANT"
    assert len(LEAVES) > 100


@MODES
def test_a_few_fields_are_driven_there_and_back(play, webhook):
    results = driven(play, SAMPLE[:: 1 if webhook else 2], few, webhook=webhook)
    assert all(taken for taken, _ in results.values())


@pytest.mark.long
@MODES
@pytest.mark.parametrize("names", _chunks(), ids=lambda names: names[0])
def test_every_field_is_driven_there_and_back(play, names, webhook):
    results = driven(play, names, enough if webhook else few, webhook=webhook)
    idle = [name for name, (taken, _) in results.items() if not taken and name != UNWRITABLE]
    assert idle == [] or not webhook, "none of the values of these fields was ever in force: see spec_values.MEANT"
