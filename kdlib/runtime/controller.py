"""Controller: looks after all roots of one kind on one Kubernetes cluster, for ever.

Layer: shell.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio

from kdlib.errors import ApiError, WorldError
from kdlib.frozen import Json
from kdlib.kube import (
    Api,
    Backoff,
    Cache,
    Change,
    Identity,
    Reflector,
    ReflectorSettings,
    Selection,
    Singles,
    cause_of,
    identity,
)
from kdlib.reconcile import (
    CLUSTER_INDEX,
    OWNER_INDEX,
    Compute,
    Passed,
    Passes,
    PassSettings,
    Related,
    View,
    cluster_terms,
    owner_terms,
)
from kdlib.runtime.containment import contained, contained_now
from kdlib.runtime.expectations import Expectations
from kdlib.runtime.followed import CHILDREN, DISPENSABLE, Followed, roots_of
from kdlib.runtime.observer import SILENT, Observer
from kdlib.runtime.queue import WorkQueue
from kdlib.runtime.references import References
from kdlib.runtime.refusals import Refusals
from kdlib.runtime.supervisor import SupervisorSettings, TaskSupervisor
from kdlib.wire import STATEFUL_SET, Kind, Ref

__all__ = ["Controller", "Settings"]

_log = logging.getLogger(__name__)

_PASSING = frozenset({401, 404, 408, 409, 410, 429, 502, 503, 504})
"""Answers that others tell of, or that another try changes."""
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_UNDECLARED = "field not declared in schema"


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of one controller.

    `expectation_seconds` bounds the wait for a cache to show a write; `grace_seconds` is how long running passes have
    to end at shutdown; `backoff` is for passes that failed. After each pass a root rests for `rest_seconds` for every
    object of it, so that the events of a thousand pods lead to few passes over a thousand pods; and what happens within
    `gather_seconds` is taken together. A start that waits for a right for longer than `patience_seconds` says so.
    """

    workers: int = 8
    expectation_seconds: float = 10.0
    grace_seconds: float = 5.0
    rest_seconds: float = 0.0002
    gather_seconds: float = 0.01
    patience_seconds: float = 5.0
    backoff: Backoff = field(default_factory=lambda: Backoff(0.1, 60.0))
    passes: PassSettings = field(default_factory=PassSettings)
    members: SupervisorSettings = field(default_factory=SupervisorSettings)
    watches: ReflectorSettings = field(default_factory=ReflectorSettings)
    observer: Observer = SILENT


class Controller:
    """Looks after all roots of one kind.

    `desired` computes everything that one root wants; `children` are the kinds of what it wants; `related` tells what
    else a root refers to. The objects of roots are found by the label `kubedirector.hpe.com/kdcluster`.

    Guarantees: passes over one root never overlap, and a pass sees what the one before it wrote; one root, object or
    member that fails stops no other; without changes nothing is sent but the watches.
    Cancellation: `run` takes up nothing new, gives running passes `grace_seconds` to end, then cuts everything.
    """

    def __init__(
        self,
        api: Api,
        kind: Kind,
        desired: Compute,
        *,
        related: Related | None = None,
        children: Sequence[Followed] = CHILDREN,
        settings: Settings | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        self._api = api
        self._kind = kind
        self._settings = settings or Settings()
        self._related = related or Related()
        self._roots = Cache()
        indexes = {CLUSTER_INDEX: cluster_terms, OWNER_INDEX: owner_terms}
        self._children = {item.kind: Cache(transform=item.transform, indexes=indexes) for item in children}
        self._others = {item: Cache() for item in self._related.kinds if item not in {kind, *self._children}}
        self._followed = tuple(children)
        self._singles = Singles(api, self._related.singles, self._referred_changed, settings=self._settings.watches)
        self._refusals = Refusals(self._set_refused)
        self._unlisted: dict[Kind, str] = {}
        self._view = View(
            kind,
            self._roots,
            self._children,
            others=self._others,
            refs=self._related.refs,
            singles=self._singles,
            unlisted=self._unlisted,
            told=self._refusals.about,
        )
        self._passes = Passes(api, self._view, desired, settings=self._settings.passes)
        self._queue: WorkQueue[Identity] = WorkQueue(backoff=self._settings.backoff, observer=self._settings.observer)
        self._references = References()
        self._running: set[anyio.CancelScope] = set()
        self._refused: dict[Identity, tuple[int, bool]] = {}
        self._subscribe()

    async def run(self) -> None:
        """Look after the roots until cancelled."""
        loop = asyncio.get_running_loop()
        expectations: Expectations[Identity] = Expectations(
            self._view.caches,
            limit_seconds=self._settings.expectation_seconds,
            time=loop.time,
            singles=self._singles,
        )
        async with anyio.create_task_group() as group:
            supervisor = TaskSupervisor(group, self._soon, settings=self._settings.members)
            group.start_soon(self._passes.announcer.run)
            group.start_soon(self._singles.run)
            for reflector in self._reflectors():
                group.start_soon(reflector.run)
            await self._known()
            self.synced.set()
            await self._api.gate.opened()
            _log.info("%s: looks after %d %s", self._api.name, len(self._roots), self._kind.plural)
            try:
                await self._serve(supervisor, expectations)
            finally:
                for key in filter(None, map(identity, self._roots)):
                    self._api.outages.forget((id(self), key))
                with anyio.move_on_after(min(self._settings.grace_seconds, 1.0), shield=True):
                    await self._passes.announcer.flush()

    async def _serve(self, supervisor: TaskSupervisor[Identity], expectations: Expectations[Identity]) -> None:
        async with anyio.create_task_group() as workers:
            for _ in range(self._settings.workers):
                workers.start_soon(self._work, supervisor, expectations)
            await self._until_cancelled()

    async def _known(self) -> None:
        """Wait until all was listed; say once what nothing can be looked after without, and may not be listed."""
        with anyio.move_on_after(self._settings.patience_seconds) as patience:
            await self._view.synced()
        if patience.cancelled_caught:
            kinds = ", ".join(kind.plural for kind in sorted(self._unlisted) if not self._view.is_synced(kind))
            if kinds:
                _log.warning("%s: looks after no %s until it may list %s", self._api.name, self._kind.plural, kinds)
            await self._view.synced()
        await self._refusals.known()

    @property
    def is_idle(self) -> bool:
        """Tell whether every root was passed over since its last change, and no work waits."""
        return self._queue.is_idle

    @property
    def roots(self) -> Iterator[Json]:
        """Return the roots as they were last seen."""
        return iter(self._roots)

    async def _until_cancelled(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self._queue.close()
            for scope in self._running:
                scope.deadline = anyio.current_time() + self._settings.grace_seconds

    async def _work(self, supervisor: TaskSupervisor[Identity], expectations: Expectations[Identity]) -> None:
        while (key := await self._queue.get()) is not None:
            with anyio.CancelScope(shield=True) as scope:
                self._running.add(scope)
                objects = 0
                try:
                    objects = await self._pass(key, supervisor, expectations)
                finally:
                    self._running.discard(scope)
                    self._queue.done(key, rest_seconds=objects * self._settings.rest_seconds)

    async def _pass(
        self, key: Identity, supervisor: TaskSupervisor[Identity], expectations: Expectations[Identity]
    ) -> int:
        """Pass over one root if it is time; return how many objects were looked at."""
        wait_seconds = expectations.remaining_seconds(key)
        if wait_seconds > 0:
            # What is awaited comes as a change of this key; the timer is for what never comes.
            self._queue.add_after(key, wait_seconds)
            return 0
        namespace, name = key
        subject = str(Ref(self._kind, namespace, name))
        result = await contained(subject, lambda: self._passes.run(namespace, name, supervisor.facts(key)))
        match result:
            case WorldError():
                self._complain(key, subject, result)
                self._retry(key, subject, result)
            case Passed(gone=True):
                self._refused.pop(key, None)
                self._api.outages.forget((id(self), key))
                supervisor.forget(key)
                expectations.forget(key)
                self._queue.succeeded(key)
            case Passed():
                self._refused.pop(key, None)
                expectations.expect(key, result.facts)
                if result.held:
                    supervisor.hold(key)
                elif result.works is not None:
                    supervisor.want(key, result.works, recorded=result.recorded)
                self._after(key, subject, result)
                return result.objects
        return 0

    def _after(self, key: Identity, subject: str, passed: Passed) -> None:
        if passed.error is not None:
            self._retry(key, subject, passed.error)
            return
        self._api.outages.end((id(self), key))
        self._queue.succeeded(key)
        if passed.again_seconds is not None:
            self._queue.add_after(key, passed.again_seconds)

    def _complain(self, key: Identity, subject: str, error: WorldError) -> None:
        """Log, once until a pass succeeds, the refusal that two passes in a row ended with: nothing else would tell."""
        if not isinstance(error, ApiError) or error.code in _PASSING:
            return
        if self._refused.get(key) == (error.code, False):
            self._refused[key] = (error.code, True)
            remedy = self._settings.watches.missing_remedy
            older = _UNDECLARED in str(error) and remedy
            words = f"the definitions are older than this operator, install its own: {remedy}" if older else ""
            told = "; ".join(filter(None, (" ".join(str(error).split()), words)))
            _log.warning("%s: cannot be looked after, and is tried again: %s", subject, told)
        elif (error.code, True) != self._refused.get(key):
            self._refused[key] = (error.code, False)

    def _retry(self, key: Identity, subject: str, error: WorldError) -> None:
        if isinstance(error, ApiError) and error.code == _UNAUTHORIZED:
            # Watches that are open stay open: the first to hear of credentials that expired is who writes something.
            self._api.outages.begin((id(self), key), cause_of(self._kind, error))
        asked = error.retry_after_seconds if isinstance(error, ApiError) else 0
        delay = self._queue.retry(key, at_least_seconds=asked)
        _log.debug("%s: will be tried again in %.1f s: %s", subject, delay, error)

    def _reflectors(self) -> list[Reflector]:
        def reflector(selection: Selection, cache: Cache, *, optional: bool = False) -> Reflector:
            kind = selection.kind
            return Reflector(
                self._api,
                selection,
                cache,
                optional=optional,
                dispensable=kind in DISPENSABLE,
                settings=self._settings.watches,
                told=partial(self._listed, kind),
            )

        children = (
            reflector(Selection(item.kind, labels=item.labels), self._children[item.kind]) for item in self._followed
        )
        others = (reflector(Selection(kind), cache, optional=True) for kind, cache in self._others.items())
        refusals = self._refusals.reflector(self._api, self._settings.watches)
        return [reflector(Selection(self._kind), self._roots, optional=True), *children, *others, refusals]

    def _subscribe(self) -> None:
        self._roots.subscribe(self._root_changed)
        for cache in self._children.values():
            cache.subscribe(self._child_changed)
        for kind in self._related.kinds:
            self._view.caches[kind].subscribe(partial(self._related_changed, kind))

    def _listed(self, kind: Kind, error: WorldError | None) -> None:
        """Take whether a kind may be listed; once it may be, what went on without it is looked at again."""
        if isinstance(error, ApiError) and error.code == _FORBIDDEN and not self._view.caches[kind].resource_version:
            self._unlisted[kind] = str(error)
        elif error is None and self._unlisted.pop(kind, None) is not None:
            for key in filter(None, map(identity, self._roots)):
                self._soon(key)

    def _root_changed(self, change: Change) -> None:
        key = identity(change.after or change.before or {})
        if key is None:
            return
        self._refer(key)
        self._soon(key)

    def _refer(self, key: Identity) -> None:
        """Take what the root refers to by now; what nobody refers to any more is watched no more."""
        root = self._roots.get(*key)
        none: tuple[Ref, ...] = ()
        refs = contained_now(f"{self._kind.name} {key}", lambda: self._view.refs(root), none) if root else none
        before = self._references.of(key)
        self._references.set(key, refs)
        for ref in refs:
            self._singles.follow(ref)
        for ref in before:
            if ref not in self._references:
                self._singles.drop(ref)

    def _child_changed(self, change: Change) -> None:
        for obj in (change.before, change.after):
            for key in roots_of(obj, self._kind) if obj else ():
                if self._roots.get(*key) is not None:
                    self._soon(key)

    def _set_refused(self, namespace: str, name: str) -> None:
        """Look again at the root of a StatefulSet that could not make a pod."""
        sets = self._children.get(STATEFUL_SET)
        found = sets.get(namespace, name) if sets else None
        for key in roots_of(found, self._kind) if found else ():
            self._soon(key)

    def _related_changed(self, kind: Kind, change: Change) -> None:
        key = identity(change.after or change.before or {})
        if key is not None:
            self._referred_changed(Ref(kind, *key))

    def _referred_changed(self, ref: Ref) -> None:
        for source in self._references.to(ref):
            self._refer(source)
            self._soon(source)

    def _soon(self, key: Identity) -> None:
        self._queue.add_after(key, self._settings.gather_seconds)
