"""Hidden auth tokens that move: into the Secret and out of it, to connected clusters, and through a restore."""

import asyncio
import itertools
import json

import pytest
from hiding import CONFIG, PLACE, annotate, heads, held, hidden, on_services, secret, secrets
from keeping import ANNOTATION as BACKED_UP
from keeping import RESTORING, SAVED, brought_back, lost, saved

from kdlib.wire import KD_APP, KD_CLUSTER, KD_STATUS_BACKUP, SECRET


@pytest.fixture
def members(made):
    return made.members()


# --- on, and off again


def move(world, app):
    world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"app": app}})


def test_tokens_move_into_the_secret_and_back_as_they_are(play_hidden, members):
    """An upgrade to an app that hides tokens, and the way back; at no time is a token in no place."""

    async def scenario(world, transport):
        tokens = {member["pod"]: member["authToken"] for member in heads(world)}
        gaps = []

        def look(_):
            stored = {member["pod"]: member.get("authToken") for member in heads(world)}
            found = hidden(world) if PLACE in secrets(world) else {}
            gaps.extend(pod for pod, token in tokens.items() if token not in (stored.get(pod), found.get(pod)))

        transport.before = transport.after = look
        move(world, "shell")
        await asyncio.sleep(120)
        await world.until(world.configured(head=2, tail=1))
        assert hidden(world) == held(world, members) == tokens
        assert on_services(world) == [None, None]
        assert not any("authToken" in member for member in heads(world))
        move(world, "open")
        await asyncio.sleep(120)
        await world.until(world.configured(head=2, tail=1))
        assert {member["pod"]: member["authToken"] for member in heads(world)} == tokens == held(world, members)
        assert on_services(world) == list(tokens.values())
        assert "authTokenDigest" not in json.dumps(world.status())
        assert secrets(world) == {}
        assert gaps == []

    play_hidden(scenario, app="open")


def test_a_paused_cluster_keeps_its_tokens_where_they_are(play_hidden):
    async def scenario(world, transport):
        tokens = [member["authToken"] for member in heads(world)]
        world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"paused": True, "app": "shell"}})
        await asyncio.sleep(60)
        assert [member["authToken"] for member in heads(world)] == tokens
        assert secrets(world) == {}
        world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"paused": False}})
        await world.until(lambda: PLACE in secrets(world) and world.configured(head=2, tail=1)())
        assert list(hidden(world).values()) == tokens

    play_hidden(scenario, app="open")


# --- other clusters


def test_members_of_connected_clusters_are_told_hidden_tokens_and_of_new_ones(play_hidden, members, cluster_of):
    """3.16: they read that of the last member, as ever."""

    async def scenario(world, _):
        world.create(cluster_of("c2", app="open", connections={"clusters": ["c1"]}))
        await world.until(lambda: world.status("c2").get("state") == "configured")
        pod = heads(world, "c2")[0]["pod"]

        def told():
            other = members.configmeta(pod)["connections"]["clusters"]["c1"]
            return other["nodegroups"]["1"]["roles"]["head"]["services"]["web"]["authToken"]

        assert told() == hidden(world)[heads(world)[-1]["pod"]]
        annotate(world, "rotate-tokens", "1")
        await asyncio.sleep(60)
        assert told() == hidden(world)[heads(world)[-1]["pod"]]
        assert [item for item in hidden(world).values() if item in json.dumps(world.registry.list(KD_CLUSTER))] == []

    play_hidden(scenario)


# --- lost and restored


@pytest.fixture
def play_restored(play, members, app_of, cluster_of):
    """Play a scenario on a cluster that was saved, with its status, and lost."""

    def played(scenario):
        async def run(world):
            numbers = itertools.count(1)
            world.entropy = lambda: f"{next(numbers):064x}"
            async with world.operating():
                world.create(CONFIG, app_of(), cluster_of())
                await world.until(world.configured(head=2, tail=1))
                await world.until(lambda: world.cluster()["metadata"]["annotations"][BACKED_UP] == "true")
                await asyncio.sleep(5)
                kept, tokens = saved(world), hidden(world)
                await lost(world)
                await world.until(lambda: not secrets(world))
                await scenario(world, kept, tokens)

        return play(run, members)

    return played


@pytest.mark.parametrize("late", [SECRET, KD_STATUS_BACKUP, KD_APP, KD_CLUSTER], ids=str)
def test_a_restored_cluster_has_the_tokens_that_it_had(play_restored, members, late):
    """RC-42: whatever comes last; nobody makes other tokens in between."""

    async def scenario(world, kept, tokens):
        brought_back(world, kept, *(kind for kind in (*SAVED, KD_CLUSTER) if kind != late))
        await asyncio.sleep(30)
        brought_back(world, kept, late)
        await world.until(world.configured(head=2, tail=1))
        await asyncio.sleep(30)
        assert hidden(world) == held(world, members) == tokens
        assert secret(world)["metadata"]["ownerReferences"][0]["uid"] == world.cluster()["metadata"]["uid"]

    play_restored(scenario)


def test_a_cluster_whose_secret_does_not_come_back_waits_and_goes_on_with_new_tokens(play_restored, members):
    """OP-03: it says what it waits for; whoever takes the label away gets new tokens, and members hear of them."""

    async def scenario(world, kept, tokens):
        brought_back(world, kept, *(kind for kind in (*SAVED, KD_CLUSTER) if kind != SECRET))
        await asyncio.sleep(60)
        ready = next(item for item in world.status()["conditions"] if item["type"] == "Ready")
        assert f"Secret default/{PLACE}" in ready["message"]
        assert secrets(world) == {}
        world.registry.patch(KD_CLUSTER, "default", "c1", {"metadata": {"labels": {RESTORING: None}}})
        await world.until(world.configured(head=2, tail=1))
        await asyncio.sleep(30)
        assert hidden(world) == held(world, members)
        assert hidden(world).keys() == tokens.keys()
        assert not set(hidden(world).values()) & set(tokens.values())

    play_restored(scenario)
