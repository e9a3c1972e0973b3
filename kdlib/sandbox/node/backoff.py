"""How long to wait before the next try: doubling, bounded, forgotten after a long good run.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy.

Layer: pure.
"""

from dataclasses import dataclass

__all__ = ["Backoff", "Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """The node's waits, in seconds."""

    first: float = 10.0
    """The first back-off of a container that ended, or an image that is not there."""
    most: float = 300.0
    forget_after: float = 600.0
    """A container that ran for so long starts anew with the shortest wait."""
    retry: float = 10.0
    """Before a look for a missing ConfigMap, Secret or volume is repeated; a change of one is seen at once."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait before the next try; 0 for the first one, which is made at once."""

    pace: Pace
    seconds: float = 0.0

    def after_run(self, seconds: float) -> "Backoff":
        """Return the back-off after a run of so many seconds."""
        if seconds >= self.pace.forget_after:
            return Backoff(self.pace)
        return self

    def longer(self) -> "Backoff":
        """Return the next back-off."""
        return Backoff(self.pace, min(self.seconds * 2 or self.pace.first, self.pace.most))
