"""Where a fault can strike, and which: one call or event of an operator, by channel and number.

Layer: pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

__all__ = ["FAULTS", "Channel", "Fault", "Point"]


class Channel(StrEnum):
    """What an operator sends or gets."""

    WRITE = "write"
    READ = "read"
    TELL = "tell"
    WATCH = "watch"
    EXEC = "exec"


@dataclass(frozen=True, slots=True)
class Point:
    """The nth thing on a channel, counted from 1; `what` says in words what it was."""

    channel: Channel
    number: int
    what: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.channel}:{self.number}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at one point; its text is `CHANNEL:NUMBER:KIND`."""

    point: Point
    kind: str

    def __str__(self) -> str:
        return f"{self.point}:{self.kind}"

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read a fault from its text; raises ValueError where there is no such fault."""
        channel, _, rest = text.partition(":")
        number, _, kind = rest.partition(":")
        fault = cls(Point(Channel(channel), int(number)), kind)
        if kind not in FAULTS[fault.point.channel]:
            known = ", ".join(FAULTS[fault.point.channel])
            raise ValueError(f"channel {channel!r} has no fault {kind!r}; it has {known}")
        return fault


_KILLED = {
    "killed-before": "the operator dies before it",
    "killed-after": "the operator dies after it, the answer unread",
}
_REFUSED = {
    "throttled": "429, to be tried again after 7 s",
    "broken": "500",
    "unavailable": "503",
}
_LOST = {
    "lost": "it never arrives, and the connection is cut",
    "delayed": "it arrives 20 s later",
    "hung": "it never arrives, and nobody answers until the time is over",
}
_DONE = {
    "answer-lost": "it is done, and the connection is cut before the answer",
    "late": "the connection is cut, and it is done 5 s later all the same",
    "repeated": "it is done twice, as by a proxy that tries again",
}
FAULTS: Mapping[Channel, Mapping[str, str]] = MappingProxyType(
    {
        Channel.WRITE: {
            **_LOST,
            **_DONE,
            **_REFUSED,
            "conflict": "409 Conflict",
            "timed-out": "it is done, and nobody answers until the time is over",
            **_KILLED,
            "killed-late": "the operator dies, and it is done 5 s later all the same",
        },
        Channel.READ: {**_LOST, **_REFUSED, **_KILLED},
        Channel.TELL: {**_LOST, **_REFUSED, "conflict": "409 Conflict", "repeated": _DONE["repeated"]},
        Channel.WATCH: {
            "cut": "the connection is cut before it",
            "cut-after": "the connection is cut after it",
            "ended": "the server ends the watch before it",
            "gone": "410 Gone instead of it, so that a list follows",
            "broken": "an error 500 instead of it",
            "doubled": "it is told twice",
            "stale": "the last events are told once more before it",
            "delayed": "it and what follows come 20 s later",
            "silent": "nothing more comes, and the connection stays open",
            "missed": "410 Gone, and the watch after the list is opened 15 s later only",
            "travel": "410 Gone, and list and watch come from a server that is behind for 15 s",
            **_KILLED,
            "killed-travel": "the operator dies, and the next one begins with servers that are behind for 15 s",
        },
        Channel.EXEC: {
            **_LOST,
            **_DONE,
            "refused": "500",
            "cut-stdin": "the connection is cut in the middle of what is sent",
            "cut": "the connection is cut once all is sent",
            "code-lost": "it is done and its output comes, not its exit code",
            "timed-out": "it is done, and nobody answers until the time is over",
            **_KILLED,
            "killed-in-stdin": "the operator dies in the middle of what is sent",
            "killed-late": "the operator dies, and it is done 5 s later all the same",
        },
    }
)
"""The kinds of faults of each channel, with what they mean."""
