"""The daemon put together: every Kubernetes cluster with its crew, and the port for health and metrics.

Layer: shell.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import kdlib
from kdd.crew import crew, site
from kdd.election import check_election
from kdd.meter import UNMETERED, Meter
from kdd.settings import Settings
from kdd.standing import Standings
from kdlib import kube, runtime

__all__ = ["operate"]

_log = logging.getLogger(__name__)


async def operate(settings: Settings) -> None:
    """Look after the clusters of every context until cancelled.

    Raises RefusedError at once for settings that do not fit, a context or credentials that cannot be read, and a port
    that is taken; a Kubernetes cluster that cannot be reached is tried again, and disturbs no other.
    """
    check_election(settings)
    if settings.webhook is not None:
        from kdd.webhook import check_webhook

        check_webhook(settings)
    names = [await _name_of(settings, context) for context in settings.contexts or (None,)]
    standings = Standings()
    async with _metered(settings, standings) as meter:
        _log.info("kubedirector %s starts", kdlib.__version__)
        connects = [
            partial(kube.connect, kubeconfig=settings.kubeconfig, context=context)
            for context in settings.contexts or (None,)
        ]
        sites = [site(name, connect, standings, meter) for name, connect in zip(names, connects, strict=True)]
        await runtime.run_fleet(sites, crew(settings, standings, meter))


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
