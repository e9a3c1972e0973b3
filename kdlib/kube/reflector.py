"""Reflector: keeps a Cache true for ever: list, watch from there, resume after cuts, list anew when that is refused.

Layer: shell.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from kdlib.errors import ApiError, ExpiredError, UnreachableError, WorldError, from_status
from kdlib.kube.api import Api, Selection
from kdlib.kube.backoff import Backoff
from kdlib.kube.cache import Cache, version_reached
from kdlib.kube.outages import cause_of
from kdlib.wire import WatchEvent

__all__ = ["Reflector", "ReflectorSettings", "Step", "next_step"]

_log = logging.getLogger(__name__)

_BARREN_WATCHES = 3
_OLDER_LISTS = 5
_SHORT_SECONDS = 5.0
_NOT_SERVED = 404
_FORBIDDEN = 403


class Step(StrEnum):
    """What a reflector does next."""

    LIST = "list"
    WATCH = "watch"


def next_step(step: Step, error: WorldError | None, barren: int) -> Step:
    """Return the step after `step` ended with `error` (None: well), `barren` watches in a row having told nothing.

    A server that cannot read the version (400), has forgotten it (410), or three times in a row gave nothing from it
    on (as after its storage was set back) is asked for a list.
    """
    match step, error:
        case Step.LIST, None:
            return Step.WATCH
        case Step.LIST, _:
            return Step.LIST
        case Step.WATCH, ExpiredError():
            return Step.LIST
        case Step.WATCH, ApiError(code=400):
            return Step.LIST
        case _ if error is not None and barren >= _BARREN_WATCHES:
            return Step.LIST
        case _:
            return Step.WATCH


@dataclass(frozen=True, slots=True)
class ReflectorSettings:
    """Limits of one reflector. Bookmarks come about once a minute, so a watch silent for longer is dead.

    `missing_remedy` tells people what to do where a kind is not served.
    """

    page_size: int = 500
    idle_seconds: float = 75.0
    lifetime_seconds: tuple[int, int] = (300, 600)
    backoff: Backoff = field(default_factory=Backoff)
    random: Callable[[], float] = random.random
    missing_remedy: str = ""


class Reflector:
    """Follows one selection of objects into a Cache.

    As long as nothing was listed yet, a kind that is not served counts as empty where it is `optional`, and one that
    may not be listed where it is `dispensable`.
    `told` is called after each list, with what went wrong or None, once the cache holds what it gave.

    Guarantees: after every failure it goes on from a state from which it recovers; failures in a row are waited for
    longer and longer; a list from a server that knows less than is known here already is not taken, unless it is all
    there is; an object without a name is left out and stops nothing else; what keeps it from the server is
    logged once by all that follow the same one.
    Cancellation: at any time; the cache stays readable.
    """

    def __init__(
        self,
        api: Api,
        selection: Selection,
        cache: Cache,
        *,
        optional: bool = False,
        dispensable: bool = False,
        settings: ReflectorSettings | None = None,
        told: Callable[[WorldError | None], None] | None = None,
    ) -> None:
        self._api = api
        self._selection = selection
        self._cache = cache
        self._absences = (*((_NOT_SERVED,) if optional else ()), *((_FORBIDDEN,) if dispensable else ()))
        self._settings = settings or ReflectorSettings()
        self._told = told
        self._barren = 0
        self._older = 0
        self._forgotten = False

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            await self._follow()
        finally:
            self._api.pulse.forget(id(self))
            for step in Step:
                self._api.outages.forget((id(self), step))

    async def _follow(self) -> None:
        step, failures = Step.LIST, 0
        while True:
            error, fruitful = await self._try(step)
            done, step = step, next_step(step, error, self._barren)
            if error is None and fruitful:
                # A list alone proves nothing: a server may answer every list well and refuse every watch.
                failures = failures if done is Step.LIST else 0
                continue
            failures += 1
            if failures > 1 or not isinstance(error, ExpiredError):
                await asyncio.sleep(self._wait_seconds(failures, error))

    async def _try(self, step: Step) -> tuple[WorldError | None, bool]:
        """Do one step; return what went wrong, and whether it told anything or lasted a while."""
        self._api.pulse.beat(id(self), str(self._selection))
        begun = asyncio.get_running_loop().time()
        seen = self._cache.resource_version
        error: WorldError | None = None
        try:
            await (self._list() if step is Step.LIST else self._watch())
        except WorldError as raised:
            error = raised
        self._complain(step, error)
        if step is Step.LIST and self._told is not None:
            self._told(error)
        lasted = asyncio.get_running_loop().time() - begun
        fruitful = step is Step.LIST or self._cache.resource_version != seen or lasted >= _SHORT_SECONDS
        if step is Step.WATCH:
            self._forgotten = isinstance(error, ExpiredError)
            self._barren = 0 if error is None or self._cache.resource_version != seen else self._barren + 1
        else:
            self._barren = 0
        return error, fruitful

    async def _list(self) -> None:
        try:
            listing = await self._api.list(self._selection, page_size=self._settings.page_size)
        except ApiError as error:
            if error.code in self._absences and not self._cache.synced.is_set():
                self._cache.replace((), "")
            raise
        self._check_age(listing.resource_version)
        unreadable = self._cache.replace(listing.items, listing.resource_version)
        if unreadable:
            _log.warning("%s: %d objects without a name are left out", self._subject, unreadable)

    def _check_age(self, version: str) -> None:
        """Raise WorldError for a list older than what is known, which a server that is behind gives after a 410.

        It would bring back what is gone. But a storage may have been set back: then no server has a younger one.
        """
        known = self._cache.resource_version
        comparable = version.isdigit() and known.isdigit()
        if not (self._forgotten and comparable) or version_reached(version, known):
            self._older = 0
            return
        self._older += 1
        if self._older <= _OLDER_LISTS:
            raise WorldError("the list is older than what is known already")
        self._older = 0

    async def _watch(self) -> None:
        shortest, longest = self._settings.lifetime_seconds
        lifetime = shortest + int((longest - shortest) * self._settings.random())
        watch = self._api.watch(
            self._selection,
            self._cache.resource_version,
            lifetime_seconds=lifetime,
            idle_seconds=self._settings.idle_seconds,
        )
        async with watch as events:
            async for event in events:
                self._take(event)

    def _take(self, event: WatchEvent) -> None:
        self._api.pulse.beat(id(self), str(self._selection))
        readable = True
        match event.type:
            case "ADDED" | "MODIFIED":
                readable = self._cache.put(event.object)
            case "DELETED":
                readable = self._cache.drop(event.object)
            case "BOOKMARK":
                self._cache.advance(event.object)
            case "ERROR":
                raise from_status(event.object)
            case _:
                readable = False
        if not readable:
            _log.warning("%s: an event %r that cannot be read is left out", self._subject, event.type)

    def _wait_seconds(self, failures: int, error: WorldError | None) -> float:
        delay = self._settings.backoff.delay_seconds(failures, self._settings.random)
        return max(delay, error.retry_after_seconds) if isinstance(error, ApiError) else delay

    def _complain(self, step: Step, error: WorldError | None) -> None:
        subject = (id(self), step)
        if error is None:
            self._api.outages.end(subject)
        elif step is Step.WATCH and isinstance(error, ExpiredError | UnreachableError):
            # A watch that is cut or too old is everyday life; what keeps it from coming back is told by the next step.
            _log.debug("%s: %s failed: %s", self._subject, step, error)
        else:
            cause = cause_of(self._selection.kind, error, self._settings.missing_remedy)
            self._api.outages.begin(subject, cause, silent=isinstance(error, UnreachableError))

    @property
    def _subject(self) -> str:
        return f"{self._api.name} {self._selection}".strip()
