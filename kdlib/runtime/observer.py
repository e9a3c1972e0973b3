"""Observer: who hears what becomes of the roots in a controller's queue, for metrics and the like.

Layer: shell.
"""

from collections.abc import Hashable
from typing import Protocol

__all__ = ["SILENT", "Observer"]


class Observer(Protocol):
    """Hears of each root in the queue; must neither wait nor raise."""

    def added(self, key: Hashable) -> None:
        """Hear that the root waits for a worker from now on."""

    def taken(self, key: Hashable) -> None:
        """Hear that a worker begins to pass over the root."""

    def retried(self, key: Hashable) -> None:
        """Hear that the root is to be passed over again after a failure."""

    def ended(self, key: Hashable, result: str) -> None:
        """Hear that the pass ended, in `success` or in `error`."""

    def gave_up(self) -> None:
        """Hear that the queue is closed, and nothing waits any more."""


class _Silent:
    """Hears nothing."""

    def added(self, key: Hashable) -> None:
        """Hear nothing."""

    def taken(self, key: Hashable) -> None:
        """Hear nothing."""

    def retried(self, key: Hashable) -> None:
        """Hear nothing."""

    def ended(self, key: Hashable, result: str) -> None:
        """Hear nothing."""

    def gave_up(self) -> None:
        """Hear nothing."""


SILENT: Observer = _Silent()
"""Nobody hears."""
