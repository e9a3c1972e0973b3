"""Faults that a test orders while its operator runs: the next write, event or exec that fits is struck.

Layer: shell.
"""

from dataclasses import dataclass

from kdlib.testing.faults import FAULTS, Channel

__all__ = ["Order", "Orders"]


@dataclass(frozen=True, slots=True)
class Order:
    """One fault for the next thing on a channel whose description has the words; `struck` tells what that was."""

    channel: Channel
    kind: str
    words: str = ""


class Orders:
    """The faults ordered and not struck yet, oldest first, and those that were struck, each with what it struck."""

    def __init__(self) -> None:
        self.open: list[Order] = []
        self.struck: list[tuple[Order, str]] = []

    def add(self, channel: Channel | str, kind: str, words: str = "") -> None:
        """Order a fault; raises ValueError where the channel has no such fault (see `kdlib.testing.faults.FAULTS`)."""
        wanted = Channel(channel)
        if kind not in FAULTS[wanted]:
            raise ValueError(f"channel {wanted.value!r} has no fault {kind!r}; it has {', '.join(FAULTS[wanted])}")
        self.open.append(Order(wanted, kind, words))

    def at(self, channel: Channel, what: str) -> str:
        """Return the fault that strikes here; empty for none."""
        for order in self.open:
            if order.channel is channel and order.words in what:
                self.open.remove(order)
                self.struck.append((order, what))
                return order.kind
        return ""
