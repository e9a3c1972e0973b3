"""Reporter: keeps the status of objects that have no objects of their own, such as a configuration.

Layer: shell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from kdlib.frozen import Json
from kdlib.kube import Api, Cache, Change, Identity, identity
from kdlib.reconcile import Recorder, is_going
from kdlib.runtime.own_writes import OwnWrites
from kdlib.runtime.rounds import Rounds, RoundSettings
from kdlib.wire import Kind, Ref

__all__ = ["Reporter", "ReporterSettings", "Tell"]


Tell: TypeAlias = Callable[[Json, Callable[[Ref], bool], datetime], Json]
"""Computes the status of one object, given which other objects are there and the time. Pure."""


def _now() -> datetime:
    return datetime.now(UTC)


def _named(obj: Json) -> Json:
    return {"metadata": {key: obj["metadata"].get(key) for key in ("name", "namespace", "uid", "resourceVersion")}}


@dataclass(frozen=True, slots=True)
class ReporterSettings(RoundSettings):
    """Limits of one reporter, and its clock."""

    clock: Callable[[], datetime] = _now


class Reporter:
    """Writes the statuses of all objects of one kind, where they differ from what `tell` computes.

    `others` are the kinds of which it matters whether an object is there; of those only names are kept.

    Guarantees: without changes nothing is sent but the watches; one object that fails stops no other; two replicas
    write the same. Cancellation: at any time.
    """

    def __init__(
        self,
        api: Api,
        kind: Kind,
        tell: Tell,
        *,
        others: tuple[Kind, ...] = (),
        settings: ReporterSettings | None = None,
    ) -> None:
        self._api = api
        self._kind = kind
        self._tell = tell
        self._settings = settings or ReporterSettings()
        self._objects = Cache()
        self._others = {other: Cache(transform=_named) for other in others}
        self._rounds = Rounds(api, kind, self._report, settings=self._settings)
        self._recorder = Recorder(api, kind)
        self._writes = OwnWrites(self._objects)
        self._objects.subscribe(self._changed)
        for cache in self._others.values():
            cache.subscribe(self._other_changed)

    async def run(self) -> None:
        """Report until cancelled."""
        await self._rounds.run((self._kind, self._objects), *self._others.items())

    async def _report(self, ref: Ref) -> None:
        key = (ref.namespace, ref.name)
        obj = self._objects.get(*key)
        if obj is None or is_going(obj):
            self._recorder.forget(ref)
            self._writes.forget(ref)
            return
        if self._writes.are_awaited(ref):
            return
        recording = await self._recorder.record(obj, self._tell(obj, self._is_present, self._settings.clock()))
        if recording.fact is not None:
            self._writes.note(ref, recording.fact.uid, recording.fact.resource_version)
        if recording.wait_seconds:
            self._rounds.soon(key, after_seconds=recording.wait_seconds)

    def _is_present(self, ref: Ref) -> bool:
        return self._others[ref.kind].get(ref.namespace, ref.name) is not None

    def _changed(self, change: Change) -> None:
        self._soon(identity(change.after or change.before or {}))

    def _other_changed(self, change: Change) -> None:
        if change.before is None or change.after is None:
            for obj in self._objects:
                self._soon(identity(obj))

    def _soon(self, key: Identity | None) -> None:
        if key is not None:
            self._rounds.soon(key)
