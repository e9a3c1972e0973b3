"""What is to be done inside members, composed from a pass' actions.

Layer: shell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from kdlib import guest
from kdlib.kube import Api
from kdlib.manifests import Desired, configmeta_bytes
from kdlib.model import Action, GuestFact, Notify, SetUp, WatchCopy
from kdlib.reconcile.telling import fields_of
from kdlib.reconcile.work import Progress, Work, WorkId

__all__ = ["works_of"]


def works_of(api: Api, desired: Desired, limits: guest.Limits, *, clock: Callable[[], datetime]) -> tuple[Work, ...]:
    """Return the work for each action of a pass.

    A member's configmeta is computed when the work is begun, so a pass over many members at work costs little.
    """
    inside, logged = _Inside(api, desired, limits, clock), fields_of(api, desired.resolved.seen.root)
    return tuple(
        Work(WorkId(action.pod, action.container, action.key), partial(inside.do, action), logged)
        for action in desired.life.actions
    )


@dataclass(frozen=True, slots=True)
class _Inside:
    """The inside of a cluster's members, as one pass wants it."""

    api: Api
    desired: Desired
    limits: guest.Limits
    clock: Callable[[], datetime]

    async def do(self, action: Action, progress: Progress) -> GuestFact:
        """Do one action."""
        resolved = self.desired.resolved
        match action:
            case WatchCopy():
                return await guest.watch_copy(self.api, resolved.root.namespace, action)
            case SetUp():
                document = configmeta_bytes(self.desired, action.pod)
                work = guest.set_up_work(resolved, action, document, limits=self.limits)
                return await guest.set_up(self.api, work, progress=progress, clock=self.clock)
            case Notify():
                document = configmeta_bytes(self.desired, action.pod)
                told = guest.notify_work(resolved, action, document, limits=self.limits)
                return await guest.notify(self.api, told, progress=progress, clock=self.clock)
