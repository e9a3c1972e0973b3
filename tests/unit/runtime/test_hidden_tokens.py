"""Auth tokens that the app hides, under the whole operator, in virtual time (decision 20)."""

import asyncio
import base64
import logging

import pytest
from hiding import (
    CONFIG,
    PLACE,
    annotate,
    everything_else,
    heads,
    held,
    hidden,
    on_services,
    put,
    refusal,
    rotate_all_and_one,
    secret,
    secrets,
)

from kdlib.errors import api_error
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import KD_CLUSTER, KD_STATUS_BACKUP, POD, SECRET, Request


@pytest.fixture
def members(made):
    return made.members()


# --- where tokens stand


def test_app_x_60_a_hidden_token_stands_in_the_secret_and_in_members_and_nowhere_else(play_hidden, members, caplog):
    """Law 7: neither in status, annotation, backup, Event or log."""
    caplog.set_level(logging.DEBUG)

    async def scenario(world, transport):
        first = hidden(world)
        assert sorted(first) == [member["pod"] for member in heads(world)]
        assert len(set(first.values())) == 2
        assert all(len(token) == 32 for token in first.values())
        assert held(world, members) == first
        assert on_services(world) == [None, None]
        annotate(world, "rotate-tokens", "1")
        await asyncio.sleep(30)
        second = hidden(world)
        assert held(world, members) == second
        sent = [item for item in transport.requests if "/secrets" not in item.path]
        told = everything_else(world) + caplog.text + str(sent)
        assert world.registry.get(KD_STATUS_BACKUP, "default", "c1")["spec"]["statusBackup"] == world.status()
        for token in (*first.values(), *second.values()):
            assert token not in told
            assert base64.b64encode(token.encode()).decode() not in told

    play_hidden(scenario, CONFIG)


def test_the_secret_is_the_clusters_and_goes_with_it(play_hidden):
    async def scenario(world, _):
        found = secret(world)
        (owner,) = found["metadata"]["ownerReferences"]
        assert (found["type"], found["metadata"]["labels"][LABEL_CLUSTER]) == ("Opaque", "c1")
        assert (owner["uid"], owner["controller"]) == (world.cluster()["metadata"]["uid"], True)
        world.registry.delete(KD_CLUSTER, "default", "c1")
        await world.until(lambda: not secrets(world))

    play_hidden(scenario)


def test_law_1_a_settled_cluster_with_hidden_tokens_sends_nothing_and_a_fresh_operator_writes_nothing(play_hidden):
    async def scenario(world, transport):
        await asyncio.sleep(30)
        sent = len(transport.requests), len(transport.execs)
        await asyncio.sleep(600)
        assert (len(transport.requests), len(transport.execs)) == sent
        before = hidden(world), world.status()
        async with world.operating() as other:
            await asyncio.sleep(60)
        assert (other.writes, other.execs) == ([], [])
        assert (hidden(world), world.status()) == before

    play_hidden(scenario)


def test_only_the_secret_itself_is_watched(play_hidden):
    """W-36: nobody lists all Secrets."""

    async def scenario(world, transport):
        asked = [item for item in transport.requests if "/secrets" in item.path and item.method == "GET"]
        assert asked
        assert all(item.query.get("fieldSelector") == f"metadata.name={PLACE}" for item in asked)

    play_hidden(scenario)


def test_a_cluster_whose_app_hides_nothing_asks_for_no_secret(play_hidden):
    async def scenario(world, transport):
        assert [item.path for item in transport.requests if "/secrets" in item.path] == []
        assert on_services(world) == [member["authToken"] for member in heads(world)]

    play_hidden(scenario, app="open")


# --- record before act


def test_a_hidden_token_is_stored_before_it_is_told(play_hidden, members):
    """Decision 2: by the time of each exec the Secret has what the member is told."""

    async def scenario(world, transport):
        told = []

        def look(request):
            if not isinstance(request, Request):
                told.append((request.pod, hidden(world)))

        transport.before = look
        annotate(world, "rotate-tokens", "1")
        await asyncio.sleep(30)
        second = hidden(world)
        assert len(told) == 3
        assert all(found == second for _, found in told)

    play_hidden(scenario)


def test_new_tokens_are_told_by_one_exec_and_a_request_is_handled_once(play_hidden, members):
    """5.5: asked for all, then for one."""

    def tokens(world):
        found = hidden(world)
        assert held(world, members) == found
        return found

    async def scenario(world, transport):
        await rotate_all_and_one(world, transport, members, tokens)

    play_hidden(scenario)


@pytest.mark.parametrize("failing", ["secrets", "status"])
def test_law_2_a_rotation_that_is_cut_short_leaves_members_with_the_stored_token(play_hidden, members, failing):
    """Whichever of the two writes fails, once or twice, Secret and members end with the same token."""

    async def scenario(world, transport):
        first, left = hidden(world), [2]

        def fail(request):
            writes = getattr(request, "method", "GET") != "GET"
            if writes and request.path.endswith(failing if failing == "status" else PLACE) and left[0]:
                left[0] -= 1
                raise api_error(500, "InternalError", "not now")

        transport.before = fail
        annotate(world, "rotate-tokens", "1")
        await asyncio.sleep(120)
        second = hidden(world)
        assert left == [0]
        assert not set(first.values()) & set(second.values())
        assert held(world, members) == second

    play_hidden(scenario)


def test_members_that_come_get_a_key_and_those_that_go_take_theirs_along(play_hidden, members):
    """A member of the same name that comes later is another one: its token is new."""

    async def scenario(world, _):
        before = hidden(world)
        kept, gone = sorted(before)
        world.change(head=1)
        await world.until(lambda: world.configured(head=1, tail=1)() and set(hidden(world)) == {kept})
        world.change(head=2)
        await world.until(world.configured(head=2, tail=1))
        after = hidden(world)
        assert after[kept] == before[kept]
        assert after[gone] != before[gone]
        assert held(world, members) == after

    play_hidden(scenario)


def test_a_token_survives_its_members_container_and_the_operator(play_hidden, members):
    """IC-12."""

    async def scenario(world, _):
        tokens = hidden(world)
        for pod in tokens:
            world.registry.delete(POD, "default", pod)
        await asyncio.sleep(60)
        await world.until(world.configured(head=2, tail=1))
        assert hidden(world) == held(world, members) == tokens

    play_hidden(scenario)


# --- what others do to the Secret


def test_w36_the_secret_is_read_by_lists_alone_also_where_somebody_changes_it(play_hidden):
    """A daemon for one namespace has no right to get Secrets."""

    async def scenario(world, transport):
        pod, _ = hidden(world)
        put(world, pod, "ab" * 16)
        await asyncio.sleep(30)
        asked = [request for request in transport.requests if "/secrets/" in request.path and request.method == "GET"]
        assert asked == []

    play_hidden(scenario)


def test_a_token_that_somebody_wrote_is_told_to_all_members(play_hidden, members):
    async def scenario(world, transport):
        pod, other = sorted(hidden(world))
        kept, execs = hidden(world)[other], len(transport.execs)
        put(world, pod, "ab" * 16)
        await asyncio.sleep(30)
        assert hidden(world) == held(world, members) == {pod: "ab" * 16, other: kept}
        assert len(transport.execs) == execs + 3

    play_hidden(scenario)


@pytest.mark.parametrize("token", ["", "hunter2", "AB" * 16])
def test_what_is_no_token_is_replaced_by_one(play_hidden, members, token):
    """What somebody could guess would be confirmed by its digest in the status."""

    async def scenario(world, _):
        pod, other = sorted(hidden(world))
        kept = hidden(world)[other]
        put(world, pod, token)
        await asyncio.sleep(30)
        found = hidden(world)
        assert (len(found[pod]), found[other]) == (32, kept)
        assert found[pod] != token
        assert held(world, members) == found

    play_hidden(scenario)


def test_lost_tokens_are_made_anew_and_told_to_all_members(play_hidden, members):
    async def scenario(world, transport):
        before, runs, execs = hidden(world), list(members.runs), len(transport.execs)
        world.registry.delete(SECRET, "default", PLACE)
        await asyncio.sleep(30)
        after = hidden(world)
        assert after.keys() == before.keys()
        assert not set(after.values()) & set(before.values())
        assert held(world, members) == after
        assert (members.runs, len(transport.execs)) == (runs, execs + 3)

    play_hidden(scenario)


def test_what_somebody_adds_or_takes_away_beside_the_tokens_is_put_right(play_hidden):
    async def scenario(world, transport):
        before, execs = secret(world), len(transport.execs)
        metadata = {"labels": {LABEL_CLUSTER: None}, "ownerReferences": None}
        world.registry.patch(SECRET, "default", PLACE, {"metadata": metadata, "data": {"stray": "eA=="}})
        world.registry.patch(SECRET, "default", PLACE, {"metadata": {"labels": {LABEL_CLUSTER: "c1"}}})
        await asyncio.sleep(30)
        after = secret(world)
        assert after["data"] == before["data"]
        assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]
        assert len(transport.execs) == execs

    play_hidden(scenario)


def test_cl_x_71_a_secret_of_somebody_else_is_left_alone_until_it_is_given_over(play_hidden, members):
    metadata = {"namespace": "default", "name": PLACE}
    strange = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"mine": "eA=="}}

    async def scenario(world, _):
        await asyncio.sleep(30)
        assert secret(world)["data"] == {"mine": "eA=="}
        assert "ownerReferences" not in secret(world)["metadata"]
        assert f"the label {LABEL_CLUSTER}=c1" in refusal(world)
        world.registry.patch(SECRET, "default", PLACE, {"metadata": {"labels": {LABEL_CLUSTER: "c1"}}})
        await world.until(world.configured(head=2, tail=1))
        assert hidden(world) == held(world, members)

    play_hidden(scenario, strange, configured=False)


@pytest.mark.parametrize(("method", "rule"), [("GET", "cannot be read"), ("POST", "cannot be written")])
def test_cl_x_70_and_72_without_the_right_nothing_is_done_and_the_words_are_told(
    play, members, app_of, cluster_of, method, rule
):
    async def scenario(world):
        transport, may = world.transport(), [False]

        def refuse(request):
            if getattr(request, "method", "") == method and "/secrets" in request.path and not may[0]:
                raise api_error(403, "Forbidden", "may not touch secrets")

        transport.before = refuse
        async with world.operating(transport):
            world.create(app_of(), cluster_of())
            await asyncio.sleep(60)
            words = refusal(world)
            assert rule in words
            assert "may not touch secrets" in words
            assert world.registry.list(POD) == []
            may[0] = True
            await world.until(world.configured(head=2, tail=1))
            assert hidden(world) == held(world, members)

    play(scenario, members)
