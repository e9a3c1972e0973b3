"""A fleet: controllers on several Kubernetes clusters in one process, none disturbed by another.

Layer: shell.
"""

import logging
import random
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import anyio

from kdlib.errors import RefusedError, WorldError
from kdlib.kube import Api, Backoff

__all__ = ["Service", "Site", "run_fleet"]

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


async def run_fleet(
    sites: Iterable[Site], services: Callable[[Api], Iterable[Service]], *, backoff: Backoff | None = None
) -> None:
    """Run the services of every site until cancelled.

    Guarantees: a site that cannot be reached, or whose credentials cannot be read, is tried again with back-off, and
    the others do not notice. Cancellation: as of `Controller.run`, all sites side by side.
    """
    async with anyio.create_task_group() as group:
        for site in sites:
            group.start_soon(_run_site, site, services, backoff or Backoff(1.0, 60.0))


async def _run_site(site: Site, services: Callable[[Api], Iterable[Service]], backoff: Backoff) -> None:
    failures, told = 0, ""
    while True:
        try:
            async with site.connect() as api, anyio.create_task_group() as group:
                for service in services(api):
                    group.start_soon(service.run)
        except (RefusedError, WorldError) as error:
            failures += 1
            if str(error) != told:
                told = str(error)
                _log.error("%s: cannot be connected: %s", site.name, told)
            await anyio.sleep(backoff.delay_seconds(failures, random.random))
