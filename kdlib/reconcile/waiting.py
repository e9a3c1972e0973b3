"""Recording that a root waits: its status alone is written, and no backup of it.

Layer: shell.
"""

from dataclasses import replace

from kdlib.frozen import Json
from kdlib.model import Seen
from kdlib.reconcile.announcing import Announcer
from kdlib.reconcile.passed import Passed
from kdlib.reconcile.recording import Recorder, Urgency, urgency_of

__all__ = ["Waiting"]


class Waiting:
    """Stores the statuses of roots for which nothing is done yet."""

    def __init__(self, recorder: Recorder, announcer: Announcer) -> None:
        self._recorder = recorder
        self._announcer = announcer

    async def recorded(self, seen: Seen, status: Json, events: tuple[Json, ...]) -> Passed:
        """Store the status if it is another one, not too often, and announce what became different with it.

        Raises ConflictError where the root has changed since it was seen.
        """
        before, passed = seen.root.get("status"), Passed(works=(), objects=len(seen.children))
        wait_seconds = self._recorder.wait_seconds(seen.root, status, urgency_of(before, status))
        if wait_seconds:
            return replace(passed, again_seconds=wait_seconds)
        recording = await self._recorder.record(seen.root, status, Urgency.AT_ONCE)
        if recording.fact is None:
            return replace(passed, recorded=True)
        self._announcer.announce(events)
        return replace(passed, facts=(recording.fact,))
