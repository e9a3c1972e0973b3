"""How each Kubernetes cluster stands: what health, readiness and metrics are read from.

Layer: shell.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from kdlib import kube, runtime

__all__ = ["Standing", "Standings"]

_STUCK_SECONDS = 300.0
"""Watches give up after 75 s without a word, and rest for half a minute at most."""


@dataclass(slots=True)
class Standing:
    """One Kubernetes cluster that is looked after; what is not there yet is None."""

    name: str
    api: kube.Api | None = None
    controller: runtime.Controller | None = None
    lease: kube.Lease | None = None
    reviewing: asyncio.Event | None = None

    @property
    def leads(self) -> bool:
        """Tell whether this daemon acts there."""
        return self.lease is None or self.lease.is_held

    @property
    def is_synced(self) -> bool:
        """Tell whether all caches are filled."""
        return self.controller is not None and self.controller.synced.is_set()

    @property
    def troubles(self) -> tuple[str, ...]:
        """Return what keeps the API server from answering."""
        return ("not connected",) if self.api is None else self.api.outages.causes

    @property
    def follows(self) -> bool:
        """Tell whether caches are filled and kept up to date."""
        return self.is_synced and self.api is not None and not self.api.outages.is_cut_off

    @property
    def reviews(self) -> bool:
        """Tell whether reviews are answered where they are to be."""
        return self.reviewing is None or self.reviewing.is_set()

    @property
    def excused(self) -> bool:
        """Tell whether nobody has to wait for it, since it is in trouble of its own."""
        return self.reviews and bool(self.troubles)

    def report(self) -> tuple[bool, str]:
        """Tell whether it is well, and in a line how it stands."""
        if self.follows and self.reviews:
            return True, f"[+]{self.name} {'leads' if self.leads else 'stands by'}"
        waits = "fills its caches" if self.reviews else "does not answer reviews yet"
        return False, f"[-]{self.name} {'; '.join(self.troubles) or waits}"


class Standings:
    """How all Kubernetes clusters stand."""

    def __init__(self) -> None:
        self._found: dict[str, Standing] = {}

    def __iter__(self) -> Iterator[Standing]:
        return iter([self._found[name] for name in sorted(self._found)])

    def of(self, name: str) -> Standing:
        """Return how one stands, from now on."""
        return self._found.setdefault(name, Standing(name))

    def forget(self, name: str) -> None:
        """Drop one that is looked after no more."""
        self._found.pop(name, None)

    def stuck(self) -> tuple[str, ...]:
        """Return the watches that gave no sign of life for minutes: a new process would do better."""
        return tuple(
            f"{standing.name}: {name} is stuck"
            for standing in self
            if standing.api is not None
            for name in standing.api.pulse.stuck(_STUCK_SECONDS)
        )

    def readiness(self) -> tuple[bool, tuple[str, ...]]:
        """Tell whether the daemon is ready, with a line for each Kubernetes cluster.

        It is when it follows at least one, and answers reviews where it is to; one that has a trouble of its own, such
        as an API server that is away, keeps no other waiting.
        """
        found = [(standing, *standing.report()) for standing in self]
        waits = any(not is_well and not standing.excused for standing, is_well, _ in found)
        return any(is_well for _, is_well, _ in found) and not waits, tuple(line for _, _, line in found)
