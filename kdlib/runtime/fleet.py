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

from kdlib.errors import RefusedError, WorldError
from kdlib.kube import Api, Backoff, Lease

__all__ = ["Crew", "Service", "Site", "run_fleet"]

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


async def run_fleet(sites: Iterable[Site], crew: Crew, *, backoff: Backoff | None = None) -> None:
    """Run the crew on every site until cancelled.

    Guarantees: a site that cannot be reached, or whose credentials cannot be read, is tried again with back-off, and
    the others do not notice; a lease is given back once all that depends on it has ended.
    Cancellation: as of `Controller.run`, all sites side by side.
    """
    async with anyio.create_task_group() as group:
        for site in sites:
            group.start_soon(_run_site, site, crew, backoff or Backoff(1.0, 60.0))


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
    keeping, guarded = anyio.CancelScope(shield=True), api.guarded(lease)
    async with anyio.create_task_group() as group:
        group.start_soon(_within, keeping, lease)
        try:
            while True:
                async with anyio.create_task_group() as term:
                    term.start_soon(_work, crew, guarded)
                    await lease.opened()
                    await lease.closed()
                    term.cancel_scope.cancel()
        finally:
            keeping.cancel()


async def _within(scope: anyio.CancelScope, lease: Lease) -> None:
    with scope:
        await lease.run()
