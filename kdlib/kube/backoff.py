"""How long to wait after the nth failure in a row: exponentially longer, and never in step with others.

Layer: shell.
"""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays from `first_seconds` doubling to `longest_seconds`, each shortened by up to the share `jitter`."""

    first_seconds: float = 0.2
    longest_seconds: float = 30.0
    jitter: float = 0.4

    def delay_seconds(self, failures: int, random: Callable[[], float]) -> float:
        """Return the delay after so many failures in a row (1 for the first); `random` gives numbers in [0, 1)."""
        exponent = min(max(failures, 1) - 1, 32)
        return min(self.first_seconds * 2.0**exponent, self.longest_seconds) * (1.0 - self.jitter * random())
