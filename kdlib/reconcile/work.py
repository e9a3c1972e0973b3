"""Work: one operation inside a member, as the task supervisor runs it.

Layer: shell.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from kdlib.model import GuestFact

__all__ = ["Work", "WorkId"]


class WorkId(NamedTuple):
    """Names one operation inside one container life of one member of a cluster."""

    pod: str
    container: str
    operation: str

    def __str__(self) -> str:
        return f"{self.operation} in Pod {self.pod}"


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, and how.

    `run` does it once and returns what came of it; it raises WorldError where the member could not be reached, and
    may be called again later: what was begun is read back from the container.
    """

    id: WorkId
    run: Callable[[], Awaitable[GuestFact]]
