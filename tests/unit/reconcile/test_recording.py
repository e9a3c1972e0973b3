"""Recorder: a status is written when it differs, at once after a pause, and never more often than allowed."""

import asyncio

import pytest

from kdlib.kube import Api, Kind
from kdlib.reconcile import Recorder, Recording, Urgency, Written, urgency_of
from kdlib.testing.virtual_time import VirtualTime
from kdlib.wire import Ref

POOL = Kind("example.org/v1", "NotebookPool")
REF = Ref(POOL, "ns", "a")


def root(status=None, uid="u"):
    made = {"apiVersion": "example.org/v1", "kind": "NotebookPool", "metadata": {"namespace": "ns", "name": "a"}}
    made["metadata"] |= {"uid": uid, "resourceVersion": "1", "labels": {"x": "y"}}
    return {**made, "spec": {"size": 3}, **({"status": status} if status is not None else {})}


class Server:
    """Stores statuses as `keep` does."""

    def __init__(self, keep=lambda status: status):
        self.keep, self.bodies = keep, []

    async def request(self, request):
        self.bodies.append(request.body)
        metadata = {**request.body["metadata"], "uid": "u", "managedFields": []}
        metadata["resourceVersion"] = str(100 + len(self.bodies))
        return {**request.body, "metadata": metadata, "status": self.keep(request.body["status"])}


def made(server, interval_seconds=0.05):
    return Recorder(Api(server), POOL, interval_seconds=interval_seconds)


async def test_a_status_that_is_stored_is_not_written():
    server = Server()
    assert await made(server).record(root({"state": "x"}), {"state": "x"}) == Recording(is_current=True)
    assert await made(server).record(root(), {}) == Recording(is_current=True)
    assert server.bodies == []


async def test_w47_what_is_applied_is_the_status_alone_and_to_the_very_state_that_was_seen():
    server = Server()
    recording = await made(server).record(root({"state": "x"}), {"state": "y"})
    assert recording == Recording(fact=Written(REF, "u", "101"))
    names = {"namespace": "ns", "name": "a", "resourceVersion": "1"}
    assert server.bodies == [
        {"apiVersion": "example.org/v1", "kind": "NotebookPool", "metadata": names, "status": {"state": "y"}}
    ]


async def test_w35_the_first_write_after_a_pause_goes_at_once_and_further_ones_wait():
    server = Server()
    recorder = made(server)
    await recorder.record(root({"state": "1"}), {"state": "2"})
    waiting = await recorder.record(root({"state": "2"}), {"state": "3"})
    assert 0 < waiting.wait_seconds < 0.051
    assert not waiting.is_current
    await asyncio.sleep(waiting.wait_seconds)
    assert (await recorder.record(root({"state": "2"}), {"state": "4"})).fact is not None
    assert [body["status"]["state"] for body in server.bodies] == ["2", "4"]


async def test_a_reservation_never_waits():
    server = Server()
    recorder = made(server, 60.0)
    await recorder.record(root({"state": "1"}), {"state": "2"})
    assert (await recorder.record(root({"state": "2"}), {"state": "3"}, Urgency.AT_ONCE)).fact is not None


async def test_what_is_only_for_people_waits_a_moment_and_goes_with_what_follows():
    server = Server()
    recorder = made(server)
    waiting = await recorder.record(root({"state": "1"}), {"state": "1", "words": "a"}, Urgency.LATER)
    assert 0 < waiting.wait_seconds < 0.051
    assert (await recorder.record(root({"state": "1"}), {"state": "2", "words": "b"}, Urgency.SOON)).fact is not None
    assert [body["status"]["words"] for body in server.bodies] == ["b"]


def test_what_is_only_for_people_does_not_wait_for_ever():
    server, waits = Server(), []

    async def scenario():
        recorder = made(server)
        for words in "abcdefgh":
            recording = await recorder.record(root({"state": "1"}), {"state": "1", "words": words}, Urgency.LATER)
            waits.append(recording.wait_seconds)
            await asyncio.sleep(0.01)

    VirtualTime().run(scenario())
    assert waits[0] > waits[1] > waits[2] > 0
    assert len(server.bodies) == 1


def member(**detail):
    return {"pod": "p", "state": detail.pop("state", "creating"), "stateDetail": detail}


@pytest.mark.parametrize(
    ("before", "after", "urgency"),
    [
        (None, {"state": "creating"}, Urgency.SOON),
        ({"state": "creating"}, {"state": "configured"}, Urgency.SOON),
        ({"members": "1/2"}, {"members": "2/2", "conditions": []}, Urgency.LATER),
        (member(attempt=1), member(attempt=2), Urgency.SOON),
        (member(attempt=1), member(attempt=1, state="configured"), Urgency.SOON),
        (member(attempt=1), member(attempt=1, progress="waits", lastKnownContainerState="waiting"), Urgency.LATER),
        (member(), member(pendingNotifyCmds=[{"arguments": ["--addnodes"]}]), Urgency.SOON),
    ],
)
def test_somebody_waits_for_states_attempts_and_changes_and_nobody_for_words(before, after, urgency):
    def status(part):
        return {"roles": [{"id": "r", "members": [part]}]} if part and "pod" in part else part

    assert urgency_of(status(before), status(after)) is urgency


async def test_roots_do_not_wait_for_one_another():
    server = Server()
    recorder = made(server, 60.0)
    await recorder.record(root({"state": "1"}), {"state": "2"})
    other = root({"state": "1"})
    other["metadata"]["name"] = "b"
    assert (await recorder.record(other, {"state": "2"})).fact is not None


async def test_a_root_made_anew_under_the_same_name_starts_afresh():
    server = Server()
    recorder = made(server, 60.0)
    await recorder.record(root({"state": "1"}), {"state": "2"})
    assert (await recorder.record(root(uid="v"), {"state": "2"})).fact is not None


@pytest.mark.parametrize(
    "keep", [lambda status: {"state": status["state"]}, lambda status: {**status, "defaulted": True}]
)
async def test_a_server_that_stores_a_status_otherwise_is_not_asked_again_for_the_same(keep):
    server = Server(keep)
    recorder = made(server, 0.0)
    wanted = {"state": "y", "ours": 1}
    await recorder.record(root({"state": "x"}), wanted)
    assert (await recorder.record(root(keep(wanted)), wanted)).is_current
    assert len(server.bodies) == 1
    await recorder.record(root(keep(wanted)), {**wanted, "ours": 2})
    assert len(server.bodies) == 2


async def test_a_status_that_somebody_else_changed_is_written_again():
    server = Server()
    recorder = made(server, 0.0)
    await recorder.record(root({"state": "x"}), {"state": "y"})
    assert (await recorder.record(root({"state": "meddled"}), {"state": "y"})).fact is not None


async def test_a_forgotten_root_waits_for_nothing():
    server = Server()
    recorder = made(server, 60.0)
    await recorder.record(root({"state": "1"}), {"state": "2"})
    recorder.forget(REF)
    assert (await recorder.record(root({"state": "2"}), {"state": "3"})).fact is not None
