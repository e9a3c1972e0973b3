"""Announcer: Events in order, each once, and no harm where they cannot be told."""

import logging

from kdlib.errors import UnreachableError, api_error
from kdlib.kube import Api
from kdlib.reconcile.announcing import Announcer


def event(name):
    metadata = {"namespace": "ns", "name": name}
    return {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": metadata, "reason": "R"}


class Server:
    def __init__(self, **failing):
        self.failing, self.names = failing, []

    async def request(self, request):
        name = request.body["metadata"]["name"]
        self.names.append(name)
        if name in self.failing:
            raise self.failing[name]
        return request.body


async def announced(server, *names, announcer=None):
    announcer = announcer or Announcer(Api(server))
    announcer.announce(map(event, names))
    await announcer.flush()
    return announcer


async def test_events_are_created_in_order_and_each_once():
    server = Server()
    announcer = await announced(server, "a", "b", "a")
    await announced(server, "b", "c", announcer=announcer)
    assert server.names == ["a", "b", "c"]


async def test_an_event_that_another_operator_made_is_no_error(caplog):
    server = Server(a=api_error(409, "AlreadyExists", "exists"))
    await announced(server, "a", "b")
    assert server.names == ["a", "b"]
    assert caplog.records == []


async def test_an_event_that_cannot_be_told_stops_nothing(caplog):
    with caplog.at_level(logging.WARNING):
        server = Server(a=UnreachableError("cut"))
        await announced(server, "a", "b")
    assert server.names == ["a", "b"]
    assert "is not announced: cut" in caplog.text


async def test_the_end_of_a_namespace_is_no_trouble(caplog):
    causes = [{"reason": "NamespaceTerminating", "message": "namespace ns is being terminated"}]
    with caplog.at_level(logging.WARNING):
        server = Server(a=api_error(403, "Forbidden", "forbidden", details={"causes": causes}))
        await announced(server, "a", "b")
    assert server.names == ["a", "b"]
    assert caplog.records == []


async def test_too_many_events_are_dropped_not_kept_for_ever(caplog):
    server = Server()
    await announced(server, *(f"e{index}" for index in range(1100)))
    assert server.names == [f"e{index}" for index in range(1024)]
    assert "too many wait" in caplog.text


async def test_events_lost_for_one_reason_are_one_line_until_one_is_told(caplog):
    cut = UnreachableError("POST /x: no answer", cause="no answer")
    server = Server(a=cut, b=cut, d=cut)
    with caplog.at_level(logging.WARNING):
        await announced(server, "a", "b", "c", "d")
    assert [record.getMessage().partition("not announced: ")[2] for record in caplog.records] == ["no answer"] * 2
