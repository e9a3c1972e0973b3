"""Recording: the status goes to the API server when it differs, at once, but no more often than so.

Layer: shell.
"""

import asyncio
from dataclasses import dataclass

from kdlib.frozen import Json, digest
from kdlib.kube import Api, pruned
from kdlib.reconcile.written import Written, written
from kdlib.wire import Kind, Ref

__all__ = ["Recorder", "Recording"]


@dataclass(frozen=True, slots=True)
class Recording:
    """What came of recording a status.

    `is_current` tells that the status was stored already; `fact` is there where it was written; where neither holds,
    the write has to wait for `wait_seconds`.
    """

    is_current: bool = False
    fact: Written | None = None
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Last:
    at: float
    uid: str
    sent: str
    stored: str


class Recorder:
    """Writes the statuses of roots of one kind, each root's no more often than every `interval_seconds`.

    The first write after a pause goes at once. A server that stores a status otherwise than it was sent (it dropped a
    field, or filled in a default) is not asked again for the same.
    """

    def __init__(self, api: Api, kind: Kind, *, interval_seconds: float = 0.25) -> None:
        self._api = api
        self._kind = kind
        self._interval_seconds = interval_seconds
        self._last: dict[Ref, _Last] = {}

    async def record(self, root: Json, status: Json, *, at_once: bool = False) -> Recording:
        """Apply the status, if the root does not hold it; `at_once` for what is acted upon next.

        Raises ConflictError where the root has changed since it was seen.
        """
        metadata = root["metadata"]
        ref = Ref(self._kind, metadata.get("namespace", ""), metadata["name"])
        if self._is_stored(ref, root, status):
            return Recording(is_current=True)
        wait_seconds = 0.0 if at_once else self._wait_seconds(ref, metadata["uid"])
        if wait_seconds > 0:
            return Recording(wait_seconds=wait_seconds)
        answer = await self._api.apply_status(_body(root, status), kind=self._kind)
        now = asyncio.get_running_loop().time()
        stored = pruned(answer).get("status") or {}
        self._last[ref] = _Last(now, metadata["uid"], digest(status), digest(stored))
        return Recording(fact=written(ref, answer))

    def forget(self, ref: Ref) -> None:
        """Drop what is remembered of a root that is gone."""
        self._last.pop(ref, None)

    def _is_stored(self, ref: Ref, root: Json, status: Json) -> bool:
        stored = root.get("status") or {}
        if stored == status:
            return True
        last = self._last.get(ref)
        known = last is not None and last.uid == root["metadata"]["uid"]
        return last is not None and known and last.sent == digest(status) and last.stored == digest(stored)

    def _wait_seconds(self, ref: Ref, uid: str) -> float:
        last = self._last.get(ref)
        if last is None or last.uid != uid:
            return 0.0
        return last.at + self._interval_seconds - asyncio.get_running_loop().time()


def _body(root: Json, status: Json) -> Json:
    """Return what is applied: to the very state of the root that was seen, since the status holds reservations.

    An API server compares the resource version of an applied status, and overlooks a UID.
    """
    kept = ("name", "namespace", "resourceVersion")
    names = {key: root["metadata"][key] for key in kept if key in root["metadata"]}
    return {"apiVersion": root["apiVersion"], "kind": root["kind"], "metadata": names, "status": status}
