"""Reflector: the cache becomes true again after everything that a server or a network does."""

import asyncio
import logging
from collections import deque
from contextlib import asynccontextmanager

import pytest
import waiting

from kdlib.errors import ExpiredError, UnreachableError, api_error
from kdlib.kube import Api, Backoff, Cache, Reflector, ReflectorSettings, Selection, Step, next_step
from kdlib.wire import POD, WatchEvent

SETTINGS = ReflectorSettings(backoff=Backoff(0.001, 0.002), random=lambda: 0.0)
GONE = api_error(410, "Expired", "too old resource version")
REFUSED = api_error(403, "Forbidden", "pods is forbidden")
CUT = UnreachableError("cut")


def pod(name, version):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "ns", "name": name, "resourceVersion": version},
    }


def bookmark(version):
    return WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": version}})


class Scripted:
    """A Transport that plays lists and watches from a script, then stays silent."""

    def __init__(self, lists, watches):
        self.lists, self.watches = deque(lists), deque(watches)
        self.asked = []
        self.is_silent = False

    async def request(self, request):
        self.asked.append(("list", request.query.get("continue", "")))
        answer = self.lists.popleft() if len(self.lists) > 1 else self.lists[0]
        if isinstance(answer, Exception):
            raise answer
        version, *items = answer
        metadata = {"resourceVersion": version}
        if items and isinstance(items[-1], str):
            metadata["continue"] = items.pop()
        return {"metadata": metadata, "items": [pod(name, at) for name, at in items]}

    @asynccontextmanager
    async def watch(self, request):
        self.asked.append(("watch", request.query["resourceVersion"]))
        assert request.query["allowWatchBookmarks"] == "true"
        assert int(request.query["timeoutSeconds"]) >= 300
        script = self.watches.popleft() if self.watches else ["hang"]
        if isinstance(script, Exception):
            raise script
        yield self.play(script)

    async def play(self, script):
        for item in script:
            match item:
                case "hang":
                    self.is_silent = True
                    await asyncio.Event().wait()
                case Exception():
                    raise item
                case _:
                    yield item


async def followed(transport, *, optional=False, until=None, told=None, cache=None):
    """Run a reflector until the script is played and its watch is silent, or `until` holds; return its cache."""
    cache = Cache() if cache is None else cache
    reflector = Reflector(
        Api(transport, name="east"), Selection(POD), cache, optional=optional, settings=SETTINGS, told=told
    )
    task = asyncio.create_task(reflector.run())
    done = until or (lambda: transport.is_silent)
    await waiting.until(done, 5, every=0.001)
    async with asyncio.timeout(5):
        for _ in range(5):
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return cache


def content(cache):
    return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in cache}


async def test_it_lists_in_pages_and_watches_from_the_list():
    transport = Scripted([("7", ("a", "1"), "more"), ("7", ("b", "2"))], [])
    cache = await followed(transport)
    assert content(cache) == {"a": "1", "b": "2"}
    assert transport.asked == [("list", ""), ("list", "more"), ("watch", "7")]
    assert all(obj["kind"] == "Pod" for obj in cache)


async def test_it_resumes_where_a_cut_watch_stopped():
    events = [WatchEvent("ADDED", pod("a", "8")), WatchEvent("MODIFIED", pod("a", "9")), CUT]
    transport = Scripted([("7",)], [events, [WatchEvent("DELETED", pod("a", "10"))]])
    cache = await followed(transport)
    assert content(cache) == {}
    assert transport.asked == [("list", ""), ("watch", "7"), ("watch", "9"), ("watch", "10")]


async def test_it_resumes_from_the_last_bookmark():
    transport = Scripted([("7",)], [[bookmark("50")]])
    await followed(transport)
    assert transport.asked[-1] == ("watch", "50")


async def test_each_list_is_told_once_the_cache_holds_it():
    heard = []
    transport = Scripted([REFUSED, ("7", ("a", "1")), ("9",)], [GONE])
    await followed(transport, told=heard.append)
    assert heard == [REFUSED, None, None]


@pytest.mark.parametrize("told", [GONE, [WatchEvent("ERROR", GONE.status)]])
async def test_it_lists_anew_when_its_version_is_too_old(told):
    transport = Scripted([("7", ("a", "1")), ("90", ("b", "80"))], [told])
    cache = await followed(transport)
    assert content(cache) == {"b": "80"}
    assert transport.asked == [("list", ""), ("watch", "7"), ("list", ""), ("watch", "90")]


async def test_a_list_from_a_server_that_is_behind_is_not_taken():
    """After a 410 the next server may know less than we do: objects that are gone would come back for a while."""
    transport = Scripted([("7", ("a", "1")), ("90", ("b", "80"))], [GONE])
    transport.lists.insert(1, ("5", ("gone", "4")))
    cache, names = Cache(), set()
    cache.subscribe(lambda change: names.add(change.after and change.after["metadata"]["name"]))
    assert content(await followed(transport, cache=cache)) == {"b": "80"}
    assert "gone" not in names
    assert transport.asked == [("list", ""), ("watch", "7"), ("list", ""), ("list", ""), ("watch", "90")]


async def test_a_storage_that_was_set_back_is_believed_in_the_end():
    transport = Scripted([("700",), ("3", ("a", "2"))], [GONE])
    assert content(await followed(transport)) == {"a": "2"}


async def test_it_lists_anew_when_the_server_cannot_read_its_version():
    transport = Scripted([("7",), ("3", ("a", "2"))], [api_error(400, "BadRequest", "invalid resource version")])
    assert content(await followed(transport)) == {"a": "2"}


async def test_it_lists_anew_when_watches_from_its_version_bear_nothing():
    future = api_error(504, "Timeout", "Too large resource version")
    transport = Scripted([("700",), ("3", ("a", "2"))], [future, future, future])
    cache = await followed(transport, until=lambda: transport.asked[-1:] == [("watch", "3")])
    assert content(cache) == {"a": "2"}
    assert [verb for verb, _ in transport.asked] == ["list", "watch", "watch", "watch", "list", "watch"]


async def test_a_version_forgotten_between_two_pages_begins_the_list_anew():
    transport = Scripted([("7", ("a", "1"), "more"), GONE, ("9", ("b", "8"))], [])
    assert content(await followed(transport)) == {"b": "8"}


async def test_the_last_content_stays_readable_while_the_server_is_away():
    transport = Scripted([("7", ("a", "1")), CUT], [CUT, CUT, CUT])
    cache = await followed(transport, until=lambda: transport.asked.count(("list", "")) > 3)
    assert content(cache) == {"a": "1"}


async def test_it_is_synced_only_after_a_list():
    transport = Scripted([REFUSED], [])
    cache = await followed(transport, until=lambda: len(transport.asked) > 2)
    assert not cache.synced.is_set()


async def test_an_optional_kind_that_is_not_served_counts_as_empty():
    transport = Scripted([api_error(404, "", "404 page not found")], [])
    cache = await followed(transport, optional=True, until=lambda: len(transport.asked) > 2)
    assert cache.synced.is_set()
    assert len(cache) == 0


async def test_a_kind_that_vanishes_for_a_while_does_not_empty_the_cache():
    transport = Scripted([("7", ("a", "1")), api_error(404, "", "gone")], [GONE])
    cache = await followed(transport, optional=True, until=lambda: transport.asked.count(("list", "")) > 2)
    assert content(cache) == {"a": "1"}


class Counting:
    """A back-off without delay that remembers for how many failures in a row it was asked."""

    def __init__(self):
        self.failures = []

    def delay_seconds(self, failures, random):
        self.failures.append(failures)
        return 0.0


async def waits(transport, count):
    backoff = Counting()
    settings = ReflectorSettings(backoff=backoff, random=lambda: 0.0)
    task = asyncio.create_task(Reflector(Api(transport), Selection(POD), Cache(), settings=settings).run())
    await waiting.until(lambda: len(backoff.failures) >= count, every=0)
    task.cancel()
    return backoff.failures


async def test_a_watch_that_ends_at_once_again_and_again_is_waited_for_longer_and_longer():
    assert await waits(Scripted([("7",)], [[]] * 5), 5) == [1, 2, 3, 4, 5]


async def test_a_server_that_lists_well_and_refuses_every_watch_is_not_hammered():
    assert await waits(Scripted([("7",)], [GONE] * 6), 4) == [2, 3, 4, 5]


async def test_an_unreadable_object_stops_only_itself(caplog):
    events = [WatchEvent("ADDED", {"metadata": {}}), WatchEvent("STRANGE", {}), WatchEvent("ADDED", pod("a", "9"))]
    transport = Scripted([("7",)], [events])
    with caplog.at_level(logging.WARNING):
        assert content(await followed(transport)) == {"a": "9"}
    assert "cannot be read" in caplog.text


async def test_what_fails_is_logged_once_until_it_changes_or_ends(caplog):
    transport = Scripted([REFUSED, REFUSED, REFUSED, CUT, ("7",)], [])
    with caplog.at_level(logging.INFO):
        await followed(transport)
    assert [record.getMessage() for record in caplog.records] == [
        "east: pods: pods is forbidden; tried again; give our account the verbs list and watch on pods",
        "east: pods: cut; tried again",
        "east: works again, after: pods: cut",
    ]


@pytest.mark.parametrize(
    ("step", "error", "barren", "expected"),
    [
        (Step.LIST, None, 0, Step.WATCH),
        (Step.LIST, CUT, 0, Step.LIST),
        (Step.LIST, GONE, 0, Step.LIST),
        (Step.WATCH, None, 0, Step.WATCH),
        (Step.WATCH, CUT, 2, Step.WATCH),
        (Step.WATCH, CUT, 3, Step.LIST),
        (Step.WATCH, REFUSED, 1, Step.WATCH),
        (Step.WATCH, GONE, 1, Step.LIST),
    ],
)
def test_every_end_of_a_step_leads_to_a_step_that_recovers(step, error, barren, expected):
    assert next_step(step, error, barren) is expected


def test_the_error_of_a_forgotten_version_is_its_own_class():
    assert isinstance(GONE, ExpiredError)
