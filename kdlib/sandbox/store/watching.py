"""Watches: from where they start, what they are told, bookmarks, and when they end.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.

Layer: shell.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from kdlib.frozen import Json
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.faults import bad_request, expired, forbidden_field, invalid_options
from kdlib.sandbox.store.history import Change
from kdlib.sandbox.store.listing import Query, listed, read_query, selected
from kdlib.sandbox.store.target import Target
from kdlib.wire import WatchEvent

__all__ = ["Watching"]

_BOOKMARK_SECONDS = 60.0
_LONGEST_SECONDS = 3600.0
_MOST_WAITING = 20_000
_MOST_AT_ONCE = 64
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(eq=False, slots=True)
class _Feed:
    """Changes that one watch has not read yet."""

    namespace: str
    name: str
    waiting: deque[Change] = field(default_factory=deque)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    overrun: bool = False

    def push(self, change: Change) -> None:
        """Take in a change that this watch is about."""
        if (self.namespace and change.key[0] != self.namespace) or (self.name and change.key[1] != self.name):
            return
        if len(self.waiting) >= _MOST_WAITING:
            self.overrun = True
        else:
            self.waiting.append(change)
        self.ready.set()


class Watching:
    """Feeds every open watch from the commits of the store."""

    def __init__(self, core: Core, bookmark_seconds: float = _BOOKMARK_SECONDS) -> None:
        self._core = core
        self._bookmark_seconds = bookmark_seconds
        self._feeds: dict[str, list[_Feed]] = {}
        core.shelves.listen(self._tell)

    def _tell(self, change: Change) -> None:
        for feed in self._feeds.get(change.storage, ()):
            feed.push(change)

    @asynccontextmanager
    async def open(
        self, target: Target, query: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[Sequence[WatchEvent]]]:
        """Open a watch; leaving the context ends it. Raises ApiError for a query that makes no sense.

        Events that are there at the same time come together.
        """
        asked = read_query(target.resource, query)
        name = target.name or asked.fields.exact("metadata.name") or ""
        _check_initial(query)
        seconds = _seconds(query)
        feed = _Feed(target.namespace, name)
        first = list(self._first(target, asked, query, name))
        feeds = self._feeds.setdefault(target.resource.storage, [])
        feeds.append(feed)
        try:
            yield self._events(target, asked, query, (feed, first, seconds))
        finally:
            feeds.remove(feed)

    def _first(self, target: Target, asked: Query, query: Mapping[str, str], name: str) -> Iterator[WatchEvent]:
        """Yield what a watch is told before anything happens."""
        initial = query.get("sendInitialEvents", "").lower()
        is_initial = initial in {"true", "1"}
        if is_initial or (not initial and asked.version in {"", "0"}):
            found, _ = listed(self._core, target.resource, target.namespace, Query(asked.labels, asked.fields))
            yield from (WatchEvent("ADDED", obj) for obj in found if not name or obj["metadata"]["name"] == name)
            if is_initial:
                yield self._bookmark(target, is_initial_end=True)
        elif asked.version not in {"", "0"}:
            yield from self._since(target, asked, _Feed(target.namespace, name))

    def _since(self, target: Target, asked: Query, feed: _Feed) -> Iterator[WatchEvent]:
        """Yield what happened since a version."""
        version = int(asked.version)
        history = self._core.shelves.history(target.resource.storage)
        if version < history.floor:
            yield WatchEvent("ERROR", expired(f"too old resource version: {version} ({history.floor})").status)
            return
        for change in history.after(version):
            feed.push(change)
        for change in feed.waiting:
            yield from self._told(target, asked, change)

    async def _events(
        self, target: Target, asked: Query, query: Mapping[str, str], start: tuple[_Feed, list[WatchEvent], float]
    ) -> AsyncIterator[Sequence[WatchEvent]]:
        feed, first, seconds = start
        for begin in range(0, len(first), _MOST_AT_ONCE):
            yield first[begin : begin + _MOST_AT_ONCE]
        if first and first[-1].type == "ERROR":
            return
        end = asyncio.get_running_loop().time() + seconds
        pause = self._bookmark_seconds if query.get("allowWatchBookmarks", "").lower() in {"true", "1"} else seconds
        while not feed.overrun:
            while feed.waiting:
                changes = [feed.waiting.popleft() for _ in range(min(len(feed.waiting), _MOST_AT_ONCE))]
                told = [event for change in changes for event in self._told(target, asked, change)]
                if told:
                    yield told
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return
            if not await _has_more(feed, min(left, pause)) and pause < left:
                yield [self._bookmark(target)]

    def _told(self, target: Target, asked: Query, change: Change) -> Iterator[WatchEvent]:
        """Yield what a change means to a watch: entering or leaving its selection counts as coming or going."""
        show = target.resource.shown
        old, new = change.old, change.new
        if not asked.is_everything:
            old, new = (one if one is not None and selected(asked, show(one)) else None for one in (old, new))
        if new is not None:
            yield WatchEvent("MODIFIED" if old is not None else "ADDED", show(new))
        elif old is not None:
            gone = change.gone if change.gone is not None else _under(old, change.version)
            yield WatchEvent("DELETED", show(gone))

    def _bookmark(self, target: Target, *, is_initial_end: bool = False) -> WatchEvent:
        kind = target.resource.kind
        metadata: Json = {"resourceVersion": str(self._core.shelves.version)}
        if is_initial_end:
            metadata["annotations"] = {_INITIAL_END: "true"}
        return WatchEvent("BOOKMARK", {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata})


async def _has_more(feed: _Feed, seconds: float) -> bool:
    """Wait for the next change, for so long; tell whether it came."""
    feed.ready.clear()
    try:
        async with asyncio.timeout(seconds):
            await feed.ready.wait()
    except TimeoutError:
        return False
    return True


def _under(obj: Json, version: int) -> Json:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}


def _seconds(query: Mapping[str, str]) -> float:
    text = query.get("timeoutSeconds") or "0"
    try:
        seconds = int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
    return float(seconds) if seconds > 0 else _LONGEST_SECONDS


def _check_initial(query: Mapping[str, str]) -> None:
    what = ""
    initial, match = query.get("sendInitialEvents"), query.get("resourceVersionMatch")
    if initial and match != "NotOlderThan":
        what = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    elif match and not initial:
        what = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    if what:
        raise invalid_options("ListOptions", [forbidden_field("resourceVersionMatch", what)])
