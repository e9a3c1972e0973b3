"""Order, the process and its hash seed leave no trace: the same Seen gives everybody the same bytes (laws 4, 5)."""

import asyncio
import os
import pickle
import subprocess
import sys
from pathlib import Path

import computing
import pytest
from likeness import differences, likeness
from troubles import Late
from world import Members, desired

from kdlib.wire import KD_CLUSTER, POD

PROGRAM = Path(computing.__file__)
PACKAGE = "file:///opt/test/shell.tgz"


def lived(play, made, *, wrap=lambda transport: transport):
    """Live through growth, failure, restart, refusal and end; return the Seens, and what the cluster was like."""
    members, seens, pictures = Members(), [], []

    def compute(seen):
        seens.append(seen)
        return desired(seen)

    async def scenario(world):
        async with world.operating(wrap(world.transport()), compute=compute):
            world.create(made.app("shell", PACKAGE), made.cluster(app="shell", tails=1))
            await world.until(world.configured(head=1, tail=1))
            first = world.status()["roles"][0]["members"][0]["pod"]
            members.codes[first] = 3
            await world.node.restart("default", first)
            world.change(tail=3)
            await world.until(lambda: "config error" in str(world.states()))
            pictures.append(await picture(world))
            members.codes.clear()
            world.retry("1")
            await world.until(world.configured(head=1, tail=3))
            pictures.append(await picture(world))
            world.change(tail=1, head=2)
            await world.until(lambda: "Refused" in str(world.status()["conditions"]))
            world.change(tail=1, head=1)
            world.registry.delete(POD, "default", first)
            await world.until(world.configured(head=1, tail=1))
            pictures.append(await picture(world))
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not world.left())

    play(scenario, members)
    return seens, pictures


async def picture(world):
    await asyncio.sleep(600)
    return likeness(world, "default")


@pytest.fixture(scope="module")
def life(request):
    """Return the Seens of one life, which is lived once."""
    known = {}

    def of(play, made):
        if not known:
            known["seens"], known["pictures"] = lived(play, made)
        return known

    return of


def test_the_order_of_what_was_seen_changes_nothing(play, made, life):
    seens = life(play, made)["seens"]
    assert len(seens) > 20
    for seen in seens:
        assert computing.computed(computing.turned(seen)) == computing.computed(seen)


def test_fresh_processes_with_other_hash_seeds_compute_the_same_bytes(play, made, life):
    seens = life(play, made)["seens"]
    told = pickle.dumps(seens)
    expected = b"".join(computing.computed(seen) + b"\n" for seen in seens)
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, PROGRAM], input=told, env=environment, capture_output=True, check=True)
        assert done.stdout == expected


PLURALS = ("pods", "statefulsets", "services", "persistentvolumeclaims", "kubedirectorclusters", "kubedirectorapps")


@pytest.mark.parametrize("first", range(3))
def test_the_order_of_events_across_kinds_changes_nothing(play, made, life, first):
    expected = life(play, made)["pictures"]
    order = (*PLURALS[first * 2 :], *PLURALS[: first * 2])
    delays = {plural: 0.9 * index for index, plural in enumerate(order)}
    _, pictures = lived(play, made, wrap=lambda inner: Late(inner, delays))
    for found, wanted in zip(pictures, expected, strict=True):
        assert differences(found, wanted) == []


def test_the_order_of_roles_in_the_spec_changes_nothing(play, made, life):
    expected = life(play, made)["pictures"]
    straight = made.cluster

    class Turned(made):
        @staticmethod
        def cluster(*args, **options):
            given = straight(*args, **options)
            return {**given, "spec": {**given["spec"], "roles": list(reversed(given["spec"]["roles"]))}}

    _, pictures = lived(play, Turned)
    for found, wanted in zip(pictures, expected, strict=True):
        assert differences(found, wanted) == []
