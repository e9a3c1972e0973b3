"""Lists and watches: selectors, pages, versions, bookmarks, and what a watch is told."""

import asyncio

import pytest

from kdlib.errors import ApiError, ExpiredError
from kdlib.wire import CONFIG_MAP, POD, Request, parse_labels

MAPS = "/api/v1/namespaces/default/configmaps"


def names(body):
    return [item["metadata"]["name"] for item in body["items"]]


@pytest.fixture
def five(world, make):
    for index, name in enumerate("abcde"):
        world.registry.create(make.config_map(name, {"n": str(index)}, labels={"odd": str(index % 2)}))
    return world


async def test_a_list_names_its_kind_once_and_its_version(five):
    body = await five.send("GET", MAPS)

    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert body["metadata"] == {"resourceVersion": str(five.registry.version)}
    assert "kind" not in body["items"][0]
    assert names(body) == list("abcde")


async def test_selectors_choose(five):
    assert names(await five.send("GET", MAPS, labelSelector="odd=1")) == ["b", "d"]
    assert names(await five.send("GET", MAPS, fieldSelector="metadata.name=c")) == ["c"]
    assert [one["metadata"]["name"] for one in five.registry.list(CONFIG_MAP, selector=parse_labels("odd!=1"))] == [
        "a",
        "c",
        "e",
    ]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"labelSelector": "a in b"}, 400),
        ({"fieldSelector": "data.n=1"}, 400),
        ({"limit": "x"}, 400),
        ({"resourceVersion": "x"}, 400),
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersion": "1", "resourceVersionMatch": "Nonsense"}, 422),
        ({"resourceVersion": "0", "resourceVersionMatch": "Exact"}, 422),
        ({"continue": "nonsense"}, 400),
        ({"sendInitialEvents": "true"}, 422),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(five, query, code):
    assert (await five.refused("GET", MAPS, **query)).code == code


async def test_pages_show_one_moment_whatever_happens_meanwhile(five, make):
    first = await five.send("GET", MAPS, limit="2")
    five.registry.create(make.config_map("bb"))
    five.registry.delete(CONFIG_MAP, "default", "d")
    five.registry.patch(CONFIG_MAP, "default", "e", {"data": {"n": "changed"}})

    second = await five.send("GET", MAPS, limit="2", **{"continue": first["metadata"]["continue"]})
    third = await five.send("GET", MAPS, limit="2", **{"continue": second["metadata"]["continue"]})

    assert [names(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert third["items"][0]["data"] == {"n": "4"}
    assert first["metadata"]["remainingItemCount"] == 3
    assert len({page["metadata"]["resourceVersion"] for page in (first, second, third)}) == 1
    assert "continue" not in third["metadata"]


async def test_a_page_of_a_forgotten_moment_is_gone(five, make):
    first = await five.send("GET", MAPS, limit="2")
    five.registry.create(make.config_map("f"))
    five.registry.compact()

    error = await five.refused("GET", MAPS, limit="2", **{"continue": first["metadata"]["continue"]})

    assert isinstance(error, ExpiredError)


async def test_a_list_at_an_exact_version_shows_that_moment(five):
    then = str(five.registry.version)
    five.registry.delete(CONFIG_MAP, "default", "a")

    at_least = await five.send("GET", MAPS, resourceVersion=then, resourceVersionMatch="NotOlderThan")
    exact = await five.send("GET", MAPS, resourceVersion=then, resourceVersionMatch="Exact")

    assert names(at_least) == list("bcde")
    assert (names(exact), exact["metadata"]["resourceVersion"]) == (list("abcde"), then)


async def test_a_version_that_comes_in_time_is_waited_for(five, make):
    wanted = str(five.registry.version + 1)
    asyncio.get_running_loop().call_soon(five.registry.create, make.config_map("f"))

    assert names(await five.send("GET", MAPS, resourceVersion=wanted)) == list("abcdef")


# --- watches --------------------------------------------------------------------------------------------------------


class Watch:
    """Reads the next events of a watch."""

    def __init__(self, events):
        self.events = events

    async def next(self):
        async with asyncio.timeout(5):
            event = await anext(self.events)
        return event.type, event.object["metadata"].get("name")


def watching(world, path=MAPS, **query):
    return world.registry.watch(Request("GET", path, {"watch": "true", **query}))


async def test_a_watch_without_a_version_starts_with_what_is_there(five, make):
    async with watching(five, labelSelector="odd=1") as events:
        watch = Watch(events)
        seen = [await watch.next(), await watch.next()]
        five.registry.create(make.config_map("f"))
        five.registry.create(make.config_map("g", labels={"odd": "1"}))
        seen.append(await watch.next())

    assert seen == [("ADDED", "b"), ("ADDED", "d"), ("ADDED", "g")]


async def test_a_watch_from_a_version_is_told_what_came_after_it(five):
    then = str(five.registry.version)
    five.registry.patch(CONFIG_MAP, "default", "a", {"data": {"n": "9"}})
    five.registry.delete(CONFIG_MAP, "default", "b")

    async with watching(five, resourceVersion=then) as events:
        watch = Watch(events)
        assert [await watch.next(), await watch.next()] == [("MODIFIED", "a"), ("DELETED", "b")]


async def test_entering_and_leaving_a_selection_is_coming_and_going(five):
    then = str(five.registry.version)
    five.registry.patch(CONFIG_MAP, "default", "a", {"metadata": {"labels": {"odd": "1"}}})
    five.registry.patch(CONFIG_MAP, "default", "a", {"data": {"n": "9"}})
    five.registry.patch(CONFIG_MAP, "default", "a", {"metadata": {"labels": {"odd": "0"}}})

    async with watching(five, resourceVersion=then, labelSelector="odd=1") as events:
        seen = [await anext(events) for _ in range(3)]

    assert [event.type for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
    assert seen[2].object["metadata"]["labels"] == {"odd": "1"}
    assert seen[2].object["metadata"]["resourceVersion"] == str(five.registry.version)


async def test_a_watch_of_one_object_hears_of_no_other(five):
    then = str(five.registry.version)
    five.registry.delete(CONFIG_MAP, "default", "a")
    five.registry.delete(CONFIG_MAP, "default", "b")

    async with watching(five, f"{MAPS}/b", resourceVersion=then) as events:
        assert await Watch(events).next() == ("DELETED", "b")
    async with watching(five, resourceVersion=then, fieldSelector="metadata.name=b") as events:
        assert await Watch(events).next() == ("DELETED", "b")


async def test_a_watch_from_a_forgotten_version_is_told_that_it_is_gone(five, make):
    then = str(five.registry.version)
    five.registry.create(make.config_map("f"))
    five.registry.compact()

    async with watching(five, resourceVersion=then) as events:
        seen = [event async for event in events]

    assert [(event.type, event.object["code"], event.object["reason"]) for event in seen] == [("ERROR", 410, "Expired")]


async def test_a_quiet_watch_is_told_the_version_by_bookmarks(five):
    async with watching(five, resourceVersion=str(five.registry.version), allowWatchBookmarks="true") as events:
        event = await anext(events)

    assert event.type == "BOOKMARK"
    assert event.object == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(five.registry.version)},
    }


async def test_initial_events_end_with_a_bookmark_that_says_so(five):
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with watching(five, **query) as events:
        seen = [await anext(events) for _ in range(6)]

    assert [event.type for event in seen] == ["ADDED"] * 5 + ["BOOKMARK"]
    assert seen[5].object["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_ends_with_its_time(five):
    async with watching(five, resourceVersion=str(five.registry.version), timeoutSeconds="1") as events:
        async with asyncio.timeout(5):
            assert [event async for event in events] == []


@pytest.mark.parametrize(
    "query",
    [
        {"timeoutSeconds": "x"},
        {"sendInitialEvents": "true"},
        {"resourceVersionMatch": "NotOlderThan"},
        {"resourceVersion": "x"},
        {"labelSelector": "=="},
    ],
)
async def test_a_watch_that_makes_no_sense_is_refused_at_once(five, query):
    with pytest.raises(ApiError):
        async with watching(five, **query):
            pass


async def test_a_watch_that_nobody_reads_does_not_hold_the_others_up(five, make):
    async with watching(five, resourceVersion=str(five.registry.version)):
        async with watching(five, resourceVersion=str(five.registry.version)) as events:
            five.registry.create(make.config_map("f"))
            assert await Watch(events).next() == ("ADDED", "f")


# --- events in two groups -------------------------------------------------------------------------------------------


async def test_an_event_is_one_object_in_two_groups(world):
    core, other = "/api/v1/namespaces/default/events", "/apis/events.k8s.io/v1/namespaces/default/events"
    regarding = {"kind": "Pod", "name": "p", "namespace": "default"}
    body = {"metadata": {"name": "e"}, "involvedObject": regarding, "reason": "R", "message": "M", "count": 2}

    await world.send("POST", core, {"apiVersion": "v1", "kind": "Event", **body})
    found = await world.send("GET", f"{other}/e")

    assert (found["apiVersion"], found["note"], found["deprecatedCount"]) == ("events.k8s.io/v1", "M", 2)
    assert found["regarding"] == regarding
    assert (await world.send("GET", f"{core}/e"))["message"] == "M"


async def test_pods_are_found_by_their_node_and_phase(world, make):
    world.registry.create(make.pod("a"))
    world.registry.create(make.pod("b", nodeName="m"))
    stored = world.registry.get(POD, "default", "a")
    world.registry.update({**stored, "status": {"phase": "Running"}}, "status")

    assert names(await world.send("GET", "/api/v1/pods", fieldSelector="spec.nodeName=m")) == ["b"]
    assert names(await world.send("GET", "/api/v1/pods", fieldSelector="status.phase=Running")) == ["a"]
