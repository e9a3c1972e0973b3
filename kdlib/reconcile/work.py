"""Work: one operation inside a member, as the task supervisor runs it.

Layer: shell.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from kdlib.model import GuestFact

__all__ = ["Progress", "Work", "WorkId"]

Progress: TypeAlias = Callable[[GuestFact], None]
"""Told of what is known of an operation before its end."""


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

    `run` does it once and returns what came of it, and tells before what others should not wait for. It raises
    WorldError where the member could not be reached, and may be called again later: what was begun is read back from
    the container. `logged` are the fields of what is logged about it: the cluster, and the pass that asked for it.
    """

    id: WorkId
    run: Callable[[Progress], Awaitable[GuestFact]]
    logged: Mapping[str, str] = field(default_factory=dict, compare=False)
