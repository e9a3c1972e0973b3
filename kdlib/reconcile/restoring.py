"""The restore of a root: paused until all that it needs is there, then let go on (3.18).

Layer: shell.
"""

from dataclasses import replace

from kdlib import report
from kdlib.errors import ApiError, ConflictError, NotFoundError
from kdlib.frozen import Json
from kdlib.kube import Api, pruned
from kdlib.model import Seen
from kdlib.reconcile.announcing import Announcer
from kdlib.reconcile.marking import paused, resumed
from kdlib.reconcile.passed import Passed
from kdlib.reconcile.waiting import Waiting
from kdlib.reconcile.written import written
from kdlib.rules import is_restoring, restore
from kdlib.wire import Ref

__all__ = ["Restorer"]

_TOO_MANY = 429
_FAILURES = 500


class Restorer:
    """Passes over roots that are being restored; they write the status, and take the label away at the end."""

    def __init__(self, api: Api, waiting: Waiting, announcer: Announcer) -> None:
        self._api = api
        self._waiting = waiting
        self._announcer = announcer

    async def run(self, ref: Ref, seen: Seen) -> Passed:
        """Pass once; raises WorldError.

        Guarantees: nothing but the root is written. The label goes only after it was recorded that nothing is awaited.
        """
        if not is_restoring(seen.root):
            # Without a webhook nobody paused it before it was stored.
            held = pruned(await paused(self._api, ref, seen.root))
            passed = await self._restored(ref, replace(seen, root=held))
            return replace(passed, facts=(written(ref, held), *passed.facts))
        return await self._restored(ref, seen)

    async def _restored(self, ref: Ref, seen: Seen) -> Passed:
        found = restore(seen)
        if not found.resumes:
            return await self._recorded(seen, report.restoring(seen, found))
        try:
            answer = await resumed(self._api, ref, seen.root)
        except (ConflictError, NotFoundError):
            raise
        except ApiError as error:
            if error.code == _TOO_MANY:
                raise
            # Another try follows when something changes, and by and by: the webhook asks for more than is seen here.
            passed = await self._recorded(seen, report.restoring(seen, found.denied(_words(error))))
            return replace(passed, error=error)
        self._announcer.announce([report.resumed_event(seen)])
        return Passed(works=(), facts=(written(ref, answer),), objects=len(seen.children))

    async def _recorded(self, seen: Seen, status: Json) -> Passed:
        return await self._waiting.recorded(seen, status, report.restored_events(seen, seen.root.get("status"), status))


def _words(error: ApiError) -> str:
    """Return why the label stays: a refusal's own words, and no address that differs from try to try of a failure."""
    if error.code < _FAILURES:
        return str(error)
    return f"the API server answered {error.code} {error.reason}, as it does while a webhook cannot be reached"
