"""What the daemon runs on each Kubernetes cluster, and how that stands.

Layer: shell.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

from kdd.alone import Alone
from kdd.election import lease
from kdd.leftover import LeftoverRegistration
from kdd.logs import logging_about
from kdd.meter import Meter
from kdd.operator import config_services, controller, holder
from kdd.settings import LeaseSettings, Settings
from kdd.standing import Standings
from kdlib import kube, runtime

__all__ = ["Home", "crew", "site"]


@dataclass(frozen=True, slots=True)
class Home:
    """The first Kubernetes cluster: its webhook is the one that is served, and others may be named there."""

    name: str
    follow: Callable[[kube.Api], runtime.Service] | None = None
    """Makes what follows the Secrets that name others."""


def site(
    name: str, connect: Callable[[], AbstractAsyncContextManager[kube.Api]], standings: Standings, meter: Meter
) -> runtime.Site:
    """Return one Kubernetes cluster, whose requests are counted and whose standing is kept."""
    standings.of(name)

    @asynccontextmanager
    async def connected() -> AsyncIterator[kube.Api]:
        """Connect, and keep the standing while the connection lasts."""
        # Each site has a task of its own, in which this is entered.
        logging_about(name)
        async with connect() as api:
            standing = standings.of(name)
            standing.api = meter.counting(api)
            try:
                yield standing.api
            finally:
                standing.api = standing.controller = standing.lease = None

    return runtime.Site(name, connected)


def crew(settings: Settings, standings: Standings, meter: Meter, home: Home) -> runtime.Crew:
    """Return what runs on each Kubernetes cluster."""

    def local(api: kube.Api) -> Settings:
        """Return the settings for this Kubernetes cluster: the webhook is served where the daemon lives."""
        return settings if api.name == home.name else replace(settings, webhook=None)

    def leading(api: kube.Api) -> Iterator[runtime.Service]:
        """Yield what one daemon alone does at a time."""
        settings = local(api)
        observer = meter.observer(api.name, "kubedirectorcluster", workers=settings.workers)
        made = standings.of(api.name).controller = controller(api, settings, observer=observer)
        yield made
        yield holder(api, settings)
        yield from config_services(api, settings)

    def always(api: kube.Api) -> Iterator[runtime.Service]:
        """Yield what each replica does, whoever leads."""
        yield _reviewing(api, local(api), standings)
        if api.name == home.name and home.follow is not None:
            yield home.follow(api)

    def elected(api: kube.Api, wanted: LeaseSettings) -> kube.Lease:
        """Return the Lease, and let the standing show who holds it."""
        made = standings.of(api.name).lease = lease(api, settings, wanted)
        return made

    wanted = settings.lease
    return runtime.Crew(leading, always, lease=None if wanted is None else lambda api: elected(api, wanted))


def _reviewing(api: kube.Api, settings: Settings, standings: Standings) -> runtime.Service:
    """Return the webhook, or what tells of one that is registered and not served.

    That is for who looks after all namespaces: for one alone there may be any number of others, each with its own.
    """
    if settings.webhook is None:
        return Alone(api) if settings.namespace else LeftoverRegistration(api)
    # It takes memory that a daemon without webhook spares.
    from kdd.webhook import webhook

    made = webhook(api, settings, settings.webhook)
    standings.of(api.name).reviewing = made.serving
    return made
