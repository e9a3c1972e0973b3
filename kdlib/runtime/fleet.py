"""A fleet: controllers on several Kubernetes clusters in one process, none disturbed by another.

Layer: shell.
"""

import logging
import random
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import anyio

from kdlib.errors import RefusedError, WorldError
from kdlib.kube import Api, Backoff
from kdlib.runtime.controller import Controller

__all__ = ["Site", "run_fleet"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """One Kubernetes cluster: its name in logs, and how to connect to it, each time anew."""

    name: str
    connect: Callable[[], AbstractAsyncContextManager[Api]]


async def run_fleet(
    sites: Iterable[Site], controllers: Callable[[Api], Iterable[Controller]], *, backoff: Backoff | None = None
) -> None:
    """Run the controllers of every site until cancelled.

    Guarantees: a site that cannot be reached, or whose credentials cannot be read, is tried again with back-off, and
    the others do not notice. Cancellation: as of `Controller.run`, all sites side by side.
    """
    async with anyio.create_task_group() as group:
        for site in sites:
            group.start_soon(_run_site, site, controllers, backoff or Backoff(1.0, 60.0))


async def _run_site(site: Site, controllers: Callable[[Api], Iterable[Controller]], backoff: Backoff) -> None:
    failures, told = 0, ""
    while True:
        try:
            async with site.connect() as api, anyio.create_task_group() as group:
                for controller in controllers(api):
                    group.start_soon(controller.run)
        except (RefusedError, WorldError) as error:
            failures += 1
            if str(error) != told:
                told = str(error)
                _log.error("%s: cannot be connected: %s", site.name, told)
            await anyio.sleep(backoff.delay_seconds(failures, random.random))
