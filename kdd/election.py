"""Leader election of the daemon: one lease for each Kubernetes cluster, in its system namespace.

Layer: shell.
"""

import secrets

from kdd.settings import LeaseSettings, Settings
from kdlib import kube
from kdlib.errors import Problem, RefusedError
from kdlib.wire import LEASE, Ref

__all__ = ["check_election", "lease", "lease_ref"]

_NAME = "kubedirector"


def check_election(settings: Settings) -> None:
    """Raise RefusedError where the times of the lease leave no room for one another."""
    wanted = settings.lease
    if wanted is None:
        return
    problems = []
    if wanted.lease_seconds <= wanted.renew_seconds:
        what = f"{wanted.lease_seconds} s is no longer than the {wanted.renew_seconds:g} s of --renew-deadline"
        problems.append(Problem("--lease-duration", what, "leave time for requests that are under way"))
    if wanted.renew_seconds < 2 * wanted.retry_seconds:
        what = f"{wanted.renew_seconds:g} s is less than twice the {wanted.retry_seconds:g} s of --retry-period"
        problems.append(Problem("--renew-deadline", what, "leave time for a second try"))
    if problems:
        raise RefusedError("kdd run", problems)


def lease_ref(system_namespace: str) -> Ref:
    """Return the Lease by which daemons of one Kubernetes cluster take turns."""
    return Ref(LEASE, system_namespace, _NAME)


def lease(api: kube.Api, settings: Settings, wanted: LeaseSettings) -> kube.Lease:
    """Return the lease of one Kubernetes cluster, held in the name of this process."""
    place = settings.system_namespace
    remedy = (
        f"create the namespace {place!r} if it is missing, and allow get, watch, create and patch of leases in it, "
        "or run one daemon alone with --no-leader-elect"
    )
    times = kube.LeaseSettings(
        lease_seconds=wanted.lease_seconds,
        renew_seconds=wanted.renew_seconds,
        retry_seconds=wanted.retry_seconds,
        remedy=remedy,
    )
    identity = f"{settings.host}_{secrets.token_hex(4)}"
    return kube.Lease(api, lease_ref(place), identity, settings=times)
