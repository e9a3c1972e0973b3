"""What came of a pass.

Layer: shell.
"""

from dataclasses import dataclass

from kdlib.errors import WorldError
from kdlib.reconcile.work import Work
from kdlib.reconcile.written import Ended, Written

__all__ = ["Passed"]


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of a pass.

    `gone`: the root is no more, or is let go. `facts`: what the caches have to show before the next pass. `works`:
    what is to run inside members from now on; None leaves what runs as it is. `held`: what runs may end, and nothing
    further begins. `recorded`: the stored status says all that this pass knew. `error`: why it has to be tried again.
    `again_seconds`: when to look again at the latest. `objects`: how many children were looked at.
    """

    gone: bool = False
    facts: tuple[Written | Ended, ...] = ()
    works: tuple[Work, ...] | None = None
    held: bool = False
    recorded: bool = False
    error: WorldError | None = None
    again_seconds: float | None = None
    objects: int = 0
