"""Faults: what can befall an operator's calls, events and life, struck at a point that is told by channel and number.

Layer: shell.
"""

from kdlib.testing.faults.life import ProcessLife, Stragglers
from kdlib.testing.faults.points import FAULTS, Channel, Fault, Point
from kdlib.testing.faults.schedule import NoFaults, OneFault, Schedule
from kdlib.testing.faults.transport import FaultyTransport
from kdlib.testing.faults.watches import Replicas

__all__ = [
    "FAULTS",
    "Channel",
    "Fault",
    "FaultyTransport",
    "NoFaults",
    "OneFault",
    "Point",
    "ProcessLife",
    "Replicas",
    "Schedule",
    "Stragglers",
]
