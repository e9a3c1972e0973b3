"""Reporter: keeps the status of objects that have no objects of their own, such as a configuration.

Layer: shell.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

import anyio

from kdlib.errors import ApiError, WorldError
from kdlib.frozen import Json
from kdlib.kube import Api, Backoff, Cache, Change, Identity, Reflector, ReflectorSettings, Selection, identity
from kdlib.reconcile import Recorder, Written, is_going
from kdlib.runtime.containment import contained
from kdlib.runtime.queue import WorkQueue
from kdlib.wire import Kind, Ref

__all__ = ["Reporter", "ReporterSettings", "Tell"]

_log = logging.getLogger(__name__)

Tell: TypeAlias = Callable[[Json, Callable[[Ref], bool], datetime], Json]
"""Computes the status of one object, given which other objects are there and the time. Pure."""


def _now() -> datetime:
    return datetime.now(UTC)


def _named(obj: Json) -> Json:
    return {"metadata": {key: obj["metadata"].get(key) for key in ("name", "namespace", "uid", "resourceVersion")}}


@dataclass(frozen=True, slots=True)
class ReporterSettings:
    """Limits of one reporter: the back-off after failures, how long changes gather, its watches, and its clock."""

    backoff: Backoff = field(default_factory=lambda: Backoff(0.1, 60.0))
    gather_seconds: float = 0.01
    watches: ReflectorSettings = field(default_factory=ReflectorSettings)
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
        self._queue: WorkQueue[Identity] = WorkQueue(backoff=self._settings.backoff)
        self._recorder = Recorder(api, kind)
        self._written: dict[Identity, Written] = {}
        self._objects.subscribe(self._changed)
        for cache in self._others.values():
            cache.subscribe(self._other_changed)

    async def run(self) -> None:
        """Report until cancelled."""
        watches = self._settings.watches
        async with anyio.create_task_group() as group:
            for kind, cache in ((self._kind, self._objects), *self._others.items()):
                group.start_soon(Reflector(self._api, Selection(kind), cache, optional=True, settings=watches).run)
            for cache in (self._objects, *self._others.values()):
                await cache.synced.wait()
            await self._api.gate.opened()
            while (key := await self._queue.get()) is not None:
                try:
                    await self._look_at(key)
                finally:
                    self._queue.done(key)

    async def _look_at(self, key: Identity) -> None:
        ref = Ref(self._kind, *key)
        result = await contained(str(ref), lambda: self._report(ref))
        match result:
            case WorldError():
                asked = result.retry_after_seconds if isinstance(result, ApiError) else 0
                self._queue.retry(key, at_least_seconds=asked)
                _log.debug("%s: will be tried again: %s", ref, result)
            case _:
                self._queue.succeeded(key)

    async def _report(self, ref: Ref) -> None:
        key = (ref.namespace, ref.name)
        obj, written = self._objects.get(*key), self._written.get(key)
        if obj is None or is_going(obj):
            self._recorder.forget(ref)
            self._written.pop(key, None)
            return
        if written is not None and not self._objects.has_seen(ref, written.uid, written.resource_version):
            return
        recording = await self._recorder.record(obj, self._tell(obj, self._is_present, self._settings.clock()))
        if recording.fact is not None:
            self._written[key] = recording.fact
        if recording.wait_seconds:
            self._queue.add_after(key, recording.wait_seconds)

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
            self._queue.add_after(key, self._settings.gather_seconds)
