"""Meter: who counts what the daemon does, or nobody. What counts is imported only where metrics are served.

Layer: shell.
"""

from typing import Protocol

from kdlib import kube, runtime

__all__ = ["UNMETERED", "Meter"]


class Meter(Protocol):
    """Counts what happens on each Kubernetes cluster."""

    def observer(self, kubernetes: str, controller: str, *, workers: int) -> runtime.Observer:
        """Return who counts for one controller."""

    def counting(self, api: kube.Api) -> kube.Api:
        """Return the API server with its requests counted."""

    def forget(self, kubernetes: str) -> None:
        """Drop what was counted of a Kubernetes cluster that is looked after no more."""


class _Unmetered:
    """Counts nothing."""

    def observer(self, kubernetes: str, controller: str, *, workers: int) -> runtime.Observer:
        """Return one who hears nothing."""
        del kubernetes, controller, workers
        return runtime.SILENT

    def counting(self, api: kube.Api) -> kube.Api:
        """Return the API server as it is."""
        return api

    def forget(self, kubernetes: str) -> None:
        """Do nothing."""


UNMETERED: Meter = _Unmetered()
"""Nobody counts."""
