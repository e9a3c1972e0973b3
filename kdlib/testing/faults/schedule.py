"""Which fault strikes where: points are counted as the operator passes them.

Layer: shell.
"""

from collections import Counter
from typing import Protocol

from kdlib.testing.faults.points import Channel, Fault, Point

__all__ = ["NoFaults", "OneFault", "Schedule"]


class Schedule(Protocol):
    """Decides at each point."""

    def at(self, channel: Channel, what: str) -> str:
        """Return the kind of the fault that strikes here; empty for none."""


class NoFaults:
    """Counts and records points, and lets nothing happen; nothing is counted before it `begins`."""

    def __init__(self, *, begun: bool = True) -> None:
        self.points: list[Point] = []
        self.begun = begun
        self._counts: Counter[Channel] = Counter()

    def at(self, channel: Channel, what: str) -> str:
        """Count the point."""
        if not self.begun:
            return ""
        self._counts[channel] += 1
        point = Point(channel, self._counts[channel], what)
        self.points.append(point)
        return self._kind(point)

    def _kind(self, point: Point) -> str:
        del point
        return ""


class OneFault(NoFaults):
    """Lets one fault strike, once; `struck` tells whether its point was reached."""

    def __init__(self, fault: Fault, *, begun: bool = True) -> None:
        super().__init__(begun=begun)
        self.fault = fault
        self.struck = False

    def _kind(self, point: Point) -> str:
        if point != self.fault.point:
            return ""
        self.struck = True
        return self.fault.kind
