"""A fleet: controllers on several Kubernetes clusters in one process, none disturbed by another.

Layer: shell.
"""

import logging
import random
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from kdlib.errors import RefusedError, WorldError
from kdlib.kube import Api, Backoff, Lease

__all__ = ["Crew", "Fleet", "Service", "Site", "run_fleet"]

_log = logging.getLogger(__name__)


class Service(Protocol):
    """What runs for one Kubernetes cluster until it is cancelled: a controller, a holder, a webhook."""

    async def run(self) -> None:
        """Run until cancelled."""


@dataclass(frozen=True, slots=True)
class Site:
    """One Kubernetes cluster: its name in logs, and how to connect to it, each time anew."""

    name: str
    connect: Callable[[], AbstractAsyncContextManager[Api]]


def _nobody(_: Api) -> Iterable[Service]:
    return ()


@dataclass(frozen=True, slots=True)
class Crew:
    """What runs on each site.

    With a `lease` the `leading` services change something only while this process holds the site's lease; until then
    they fill their caches. They are made anew for each term. The `always` services act whoever holds it.
    """

    leading: Callable[[Api], Iterable[Service]]
    always: Callable[[Api], Iterable[Service]] = field(default=_nobody)
    lease: Callable[[Api], Lease] | None = None


class Fleet:
    """Kubernetes clusters that are looked after, each by a crew of its own; they may come and go.

    Guarantees: a site that cannot be reached, or whose credentials cannot be read, is tried again with back-off, and
    the others do not notice; of one name one site runs at a time; a lease is given back once all that depends on it has
    ended.
    """

    def __init__(self, crew: Crew, *, backoff: Backoff | None = None) -> None:
        self._crew = crew
        self._backoff = backoff or Backoff(1.0, 60.0)
        self._posts: dict[str, _Post] = {}
        self._group: TaskGroup | None = None

    async def run(self) -> None:
        """Look after them until cancelled; all come to their ends side by side, as of `Controller.run`."""
        async with anyio.create_task_group() as group:
            self._group = group
            for post in self._posts.values():
                group.start_soon(self._serve, post)
            await anyio.sleep_forever()

    def put(self, site: Site) -> None:
        """Look after a site from now on, in the place of another one of its name."""
        before = self._posts.get(site.name)
        post = self._posts[site.name] = _Post(site, before.ended if before is not None else None)
        if before is not None:
            before.scope.cancel()
        if self._group is not None:
            self._group.start_soon(self._serve, post)

    def drop(self, name: str) -> None:
        """Look after the site of this name no more."""
        post = self._posts.get(name)
        if post is not None:
            post.scope.cancel()

    async def _serve(self, post: "_Post") -> None:
        try:
            with post.scope:
                if post.after is not None:
                    await post.after.wait()
                await _run_site(post.site, self._crew, self._backoff)
        finally:
            with anyio.CancelScope(shield=True):
                # Who was told to go before it began still keeps its successor back until its predecessor has ended.
                if post.after is not None:
                    await post.after.wait()
            post.ended.set()


@dataclass(slots=True)
class _Post:
    """A site that is looked after until its scope is cancelled; it begins when another one has ended."""

    site: Site
    after: anyio.Event | None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


async def run_fleet(sites: Iterable[Site], crew: Crew, *, backoff: Backoff | None = None) -> None:
    """Run the crew on every site until cancelled, as a `Fleet` to which nobody comes."""
    fleet = Fleet(crew, backoff=backoff)
    for site in sites:
        fleet.put(site)
    await fleet.run()


async def _run_site(site: Site, crew: Crew, backoff: Backoff) -> None:
    failures, told = 0, ""
    while True:
        try:
            async with site.connect() as api, anyio.create_task_group() as group:
                for service in crew.always(api):
                    group.start_soon(service.run)
                if crew.lease is None:
                    await _work(crew, api)
                else:
                    await _take_turns(crew, api, crew.lease(api))
        except (RefusedError, WorldError) as error:
            failures += 1
            if str(error) != told:
                told = str(error)
                _log.error("%s: cannot be connected: %s", site.name, told)
            await anyio.sleep(backoff.delay_seconds(failures, random.random))


async def _work(crew: Crew, api: Api) -> None:
    async with anyio.create_task_group() as group:
        for service in crew.leading(api):
            group.start_soon(service.run)


async def _take_turns(crew: Crew, api: Api, lease: Lease) -> None:
    """Work in terms, each until the lease is lost; the lease outlives all work, and is then given back."""
    keeping = anyio.CancelScope(shield=True)
    async with anyio.create_task_group() as group:
        group.start_soon(_within, keeping, lease)
        try:
            while True:
                term = lease.term()
                async with anyio.create_task_group() as work:
                    work.start_soon(_work, crew, api.guarded(term))
                    await term.opened()
                    await lease.closed()
                    work.cancel_scope.cancel()
        finally:
            keeping.cancel()


async def _within(scope: anyio.CancelScope, lease: Lease) -> None:
    with scope:
        await lease.run()
