"""The daemon put together: every Kubernetes cluster with its crew, and the port for health and metrics.

Layer: shell.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import kdlib
from kdd.alone import check_alone
from kdd.crew import Home, crew, site
from kdd.election import check_election
from kdd.kubeconfig_secrets import KubeconfigSecrets
from kdd.meter import UNMETERED, Meter
from kdd.reach import Connect, check_servers, reached
from kdd.settings import Settings
from kdd.standing import Standings
from kdlib import kube, runtime

__all__ = ["operate"]

_log = logging.getLogger(__name__)


async def operate(settings: Settings) -> None:
    """Look after the clusters of every context until cancelled.

    Raises RefusedError at once for settings that do not fit, a context or credentials that cannot be read, an API
    server that is too old, and a port that is taken; a Kubernetes cluster that cannot be reached is tried again, and
    disturbs no other.
    """
    check_election(settings)
    check_alone(settings)
    if settings.webhook is not None:
        from kdd.webhook import check_webhook

        check_webhook(settings)
    names = [await _name_of(settings, context) for context in settings.contexts or (None,)]
    await check_servers(_ways(settings))
    standings = Standings()
    async with _metered(settings, standings) as meter:
        _log.info("kubedirector %s starts", kdlib.__version__)
        fleet = _fleet(settings, names, standings, meter)
        await fleet.run()


def _fleet(settings: Settings, names: list[str], standings: Standings, meter: Meter) -> runtime.Fleet:
    """Return the fleet of all contexts, and of what Secrets name while it runs."""

    def put(name: str, connect: Connect) -> None:
        """Take a Kubernetes cluster on, or take it up anew by another connection."""
        fleet.put(site(name, partial(reached, connect, settings.namespace), standings, meter))

    def drop(name: str) -> None:
        """Let go of a Kubernetes cluster and of all that is told of it."""
        fleet.drop(name)
        standings.forget(name)
        meter.forget(name)

    follow = None
    if settings.kubeconfig_secrets:
        secrets = KubeconfigSecrets(settings.system_namespace, names, put=put, drop=drop)
        follow = partial(_Following, secrets)
    fleet = runtime.Fleet(crew(settings, standings, meter, Home(names[0], follow)))
    for name, connect in zip(names, _ways(settings), strict=True):
        put(name, connect)
    return fleet


def _ways(settings: Settings) -> list[Connect]:
    """Return how to connect to the Kubernetes cluster of each context."""
    return [
        partial(kube.connect, kubeconfig=settings.kubeconfig, context=context)
        for context in settings.contexts or (None,)
    ]


@dataclass(frozen=True, slots=True)
class _Following:
    """What follows the Secrets by one connection."""

    secrets: KubeconfigSecrets
    api: kube.Api

    async def run(self) -> None:
        """Follow until cancelled."""
        await self.secrets.run(self.api)


async def _name_of(settings: Settings, context: str | None) -> str:
    access = await kube.load_access(kubeconfig=settings.kubeconfig, context=context)
    access.close()
    return access.name


@asynccontextmanager
async def _metered(settings: Settings, standings: Standings) -> AsyncIterator[Meter]:
    """Serve health and metrics, where they are asked for; give who counts."""
    if settings.http is None:
        yield UNMETERED
        return
    # They take memory that a daemon without the port spares.
    from kdd.listener import listening
    from kdd.metrics import Metrics

    metrics = Metrics(standings)
    async with listening(settings.http, standings, metrics) as port:
        _log.info("health and metrics are served on port %d", port)
        yield metrics
