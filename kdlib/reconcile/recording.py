"""Recording: the status goes to the API server when it differs, in time, but no more often than so.

Layer: shell.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum

from kdlib.frozen import Json, dig, digest
from kdlib.kube import Api, pruned
from kdlib.reconcile.written import Written, written
from kdlib.wire import Kind, Ref

__all__ = ["Recorder", "Recording", "Urgency", "urgency_of"]


class Urgency(Enum):
    """How soon a status has to be stored."""

    AT_ONCE = "it is acted upon next"
    SOON = "somebody waits for it: at once after a pause, else with the next write"
    LATER = "it is for people: a moment later, so that what follows goes with it"


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

    A server that stores a status otherwise than it was sent (it dropped a field, or filled in a default) is not asked
    again for the same.
    """

    def __init__(self, api: Api, kind: Kind, *, interval_seconds: float = 0.25) -> None:
        self._api = api
        self._kind = kind
        self._interval_seconds = interval_seconds
        self._last: dict[Ref, _Last] = {}
        self._differs_since: dict[Ref, float] = {}

    async def record(self, root: Json, status: Json, urgency: Urgency = Urgency.SOON) -> Recording:
        """Apply the status, if the root does not hold it.

        Raises ConflictError where the root has changed since it was seen.
        """
        metadata = root["metadata"]
        ref = Ref(self._kind, metadata.get("namespace", ""), metadata["name"])
        if self._is_stored(ref, root, status):
            self._differs_since.pop(ref, None)
            return Recording(is_current=True)
        wait_seconds = self._wait_seconds(ref, metadata["uid"], urgency)
        if wait_seconds > 0:
            return Recording(wait_seconds=wait_seconds)
        answer = await self._api.apply_status(_body(root, status), kind=self._kind)
        now = asyncio.get_running_loop().time()
        stored = pruned(answer).get("status") or {}
        self._last[ref] = _Last(now, metadata["uid"], digest(status), digest(stored))
        self._differs_since.pop(ref, None)
        return Recording(fact=written(ref, answer))

    def wait_seconds(self, root: Json, status: Json, urgency: Urgency) -> float:
        """Return for how long the write has to wait yet; 0 where it is due, or where the root holds the status."""
        ref = Ref(self._kind, root["metadata"].get("namespace", ""), root["metadata"]["name"])
        due = self._is_stored(ref, root, status)
        return 0.0 if due else max(0.0, self._wait_seconds(ref, root["metadata"]["uid"], urgency))

    def has_recorded(self, root: Json) -> bool:
        """Tell whether this process wrote a status of the root: then what was seen of it is not from long ago."""
        metadata = root["metadata"]
        last = self._last.get(Ref(self._kind, metadata.get("namespace", ""), metadata["name"]))
        return last is not None and last.uid == metadata["uid"]

    def forget(self, ref: Ref) -> None:
        """Drop what is remembered of a root that is gone."""
        self._last.pop(ref, None)
        self._differs_since.pop(ref, None)

    def _is_stored(self, ref: Ref, root: Json, status: Json) -> bool:
        stored = root.get("status") or {}
        if stored == status:
            return True
        last = self._last.get(ref)
        known = last is not None and last.uid == root["metadata"]["uid"]
        return last is not None and known and last.sent == digest(status) and last.stored == digest(stored)

    def _wait_seconds(self, ref: Ref, uid: str, urgency: Urgency) -> float:
        if urgency is Urgency.AT_ONCE:
            return 0.0
        now = asyncio.get_running_loop().time()
        last = self._last.get(ref)
        due = last.at + self._interval_seconds if last is not None and last.uid == uid else now
        since = self._differs_since.setdefault(ref, now)
        if urgency is Urgency.LATER:
            due = max(due, since + self._interval_seconds)
        return due - now


def urgency_of(before: Json | None, after: Json) -> Urgency:
    """Tell how soon a status has to follow the one that is stored.

    Set-ups and notifications start only once the attempt or change is stored, and people wait for the states.
    """
    return Urgency.LATER if _gist(before or {}) == _gist(after) else Urgency.SOON


def _gist(status: Json) -> list[object]:
    members = [
        [
            member.get("pod"),
            member.get("state"),
            dig(member, "stateDetail", "attempt"),
            dig(member, "stateDetail", "lastConfigDataGeneration"),
            dig(member, "stateDetail", "pendingNotifyCmds"),
            dig(member, "stateDetail", "decommission"),
        ]
        for role in status.get("roles") or ()
        for member in role.get("members") or ()
    ]
    return [status.get("state"), members]


def _body(root: Json, status: Json) -> Json:
    """Return what is applied: to the very state of the root that was seen, since the status holds reservations.

    An API server compares the resource version of an applied status, and overlooks a UID.
    """
    kept = ("name", "namespace", "resourceVersion")
    names = {key: root["metadata"][key] for key in kept if key in root["metadata"]}
    return {"apiVersion": root["apiVersion"], "kind": root["kind"], "metadata": names, "status": status}
