"""The store as other rooms use it: synchronous verbs for controllers and the node, and the full path for clients.

Layer: shell.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from kdlib.errors import NotFoundError
from kdlib.frozen import Json
from kdlib.sandbox.store.answering import Answer, Answering
from kdlib.sandbox.store.binding import bind
from kdlib.sandbox.store.core import Completion, Core
from kdlib.sandbox.store.crds import Registration
from kdlib.sandbox.store.creating import begin_create, commit_create, settle_create
from kdlib.sandbox.store.deleting import begin_delete, commit_delete
from kdlib.sandbox.store.draft import Draft
from kdlib.sandbox.store.faults import not_found
from kdlib.sandbox.store.history import Change
from kdlib.sandbox.store.journal import Journal
from kdlib.sandbox.store.kinds import behaviour_of
from kdlib.sandbox.store.listing import Query, listed
from kdlib.sandbox.store.options import Caller, DeleteOptions, System, WriteOptions
from kdlib.sandbox.store.patching import begin_patch
from kdlib.sandbox.store.resources import Resource, Resources, builtin_resources
from kdlib.sandbox.store.reviews import Reviewer
from kdlib.sandbox.store.routing import target_of
from kdlib.sandbox.store.shelves import Shelves
from kdlib.sandbox.store.target import Patch, Target
from kdlib.sandbox.store.updating import begin_update, commit_update, settle_update
from kdlib.sandbox.store.watching import Watching
from kdlib.sandbox.store.webhooks import Admission
from kdlib.wire import (
    APPLY,
    MERGE_PATCH,
    NAMESPACE,
    POD,
    Kind,
    LabelSelector,
    Request,
    Schemas,
    WatchEvent,
    builtin_schemas,
)

__all__ = ["Registry"]

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class Registry:
    """An API server's storage and semantics, in memory; with a journal, on disk too.

    Objects are plain JSON. What is stored or handed out is never changed in place, by anybody: change a copy and
    write it. `clock` gives the time with its zone, `new_uid` a fresh UID; nothing else comes from outside.

    The synchronous verbs skip admission webhooks; `handle` is the full path.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        new_uid: Callable[[], str],
        *,
        schemas: Schemas | None = None,
        history_limit: int = 20_000,
        bookmark_seconds: float = 60.0,
        journal: Journal | None = None,
    ) -> None:
        resources = Resources()
        table = schemas or builtin_schemas()
        for resource in builtin_resources(table, behaviour_of):
            resources.add(resource)
        self._core = Core(Shelves(history_limit, journal), resources, clock, new_uid)
        self._watching = Watching(self._core, bookmark_seconds)
        self._registration = Registration(self._core, table)
        self._answering = Answering(self._core)
        self._registration.restore()
        for name in _NAMESPACES:
            if self.find(NAMESPACE, "", name) is None:
                self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    # --- what is served ---------------------------------------------------------------------------------------------

    @property
    def resources(self) -> Resources:
        """Return the resources served now."""
        return self._core.resources

    @property
    def version(self) -> int:
        """Return the version of the latest commit."""
        return self._core.shelves.version

    def now(self) -> datetime:
        """Return the time, with its zone."""
        return self._core.clock()

    def complete(self, kind: Kind, completion: Completion) -> None:
        """Let a completion fill or refuse every object of a kind before it is stored, given the stored one or None."""
        resource = self._resource(kind)
        self._core.completions.setdefault(resource.storage, []).append(completion)

    def allow(self, reviewer: Reviewer) -> None:
        """Answer access reviews by a reviewer; at first everybody may do everything."""
        self._answering.allows = reviewer

    @property
    def admission(self) -> Admission:
        """Return the admission by webhooks, whose `resolve` and `call` can be set."""
        return self._answering.admission

    def compact(self) -> None:
        """Forget the history: watches and lists from an earlier version end with 410."""
        self._core.shelves.forget_history()

    # --- synchronous verbs ------------------------------------------------------------------------------------------

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return an object; raises NotFoundError."""
        resource = self._resource(kind)
        found = self._core.live(resource, namespace if kind.namespaced else "", name)
        if found is None:
            raise not_found(kind, name)
        return found

    def find(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """Return an object; None where there is none."""
        return self._core.live(self._resource(kind), namespace if kind.namespaced else "", name)

    def list(self, kind: Kind, namespace: str = "", selector: LabelSelector | None = None) -> list[Json]:
        """Return the objects of a kind, of one namespace or of all, in the order of namespace and name."""
        query = Query(labels=selector) if selector is not None else Query()
        return listed(self._core, self._resource(kind), namespace, query)[0]

    def create(self, obj: Json, *, manager: str = "", dry_run: bool = False) -> Json:
        """Store a new object, and return it as stored; raises ApiError."""
        target = self._target(obj)
        draft = begin_create(self._core, target, obj, WriteOptions(manager=manager, dry_run=dry_run))
        return self._finish(draft)

    def update(self, obj: Json, subresource: str = "", *, manager: str = "") -> Json:
        """Replace an object, or the part of it that is its subresource; raises ApiError.

        A resourceVersion in it must be the newest; without one the write is unconditional, where its kind allows it.
        """
        target = self._target(obj, subresource)
        return self._finish(begin_update(self._core, target, obj, WriteOptions(manager=manager)))

    def patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: Any,
        *,
        content_type: str = MERGE_PATCH,
        subresource: str = "",
        manager: str = "",
        force: bool = False,
    ) -> Json:
        """Patch an object in any of the four ways (`content_type` as in `wire`); raises ApiError."""
        target = Target(self._resource(kind), namespace if kind.namespaced else "", name, subresource)
        options = WriteOptions(manager=manager, force=force)
        return self._finish(begin_patch(self._core, target, Patch(body, content_type), options))

    def apply(self, obj: Json, *, manager: str, force: bool = True, subresource: str = "") -> Json:
        """Apply an object server-side; raises ApiError."""
        target = self._target(obj, subresource)
        options = WriteOptions(manager=manager, force=force)
        return self._finish(begin_patch(self._core, target, Patch(obj, APPLY), options))

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        grace_seconds: int | None = None,
        propagation: str = "",
    ) -> Json:
        """Delete an object, or begin to; return its last state, or the one with its deletion begun. Raises ApiError."""
        options = DeleteOptions(grace_seconds=grace_seconds, propagation=propagation, uid=uid)
        key = (namespace if kind.namespaced else "", name)
        return commit_delete(self._core, begin_delete(self._core, self._resource(kind), key, options))[0]

    def bind(self, namespace: str, name: str, node: str) -> Json:
        """Give a pod its node; raises a 409 where it has one."""
        bind(self._core, Target(self._resource(POD), namespace, name), {"target": {"name": node}})
        return self.get(POD, namespace, name)

    def subscribe(self, callback: Callable[[str, Json], None]) -> Callable[[], None]:
        """Have every commit told as ADDED, MODIFIED or DELETED with the object, at once; the answer ends it."""

        def tell(change: Change) -> None:
            if change.new is not None:
                callback("ADDED" if change.old is None else "MODIFIED", change.new)
            elif change.gone is not None:
                callback("DELETED", change.gone)

        return self._core.shelves.listen(tell)

    # --- the full path ----------------------------------------------------------------------------------------------

    async def handle(self, request: Request, user: Caller | None = None) -> tuple[int, Json]:
        """Do what one request asks, admission webhooks included; return the HTTP code and the body.

        The request's body belongs to the store from here on. Raises ApiError for a refusal.
        """
        answer = await self._answering.answer(request, user or System())
        return answer.code, answer.body

    async def answer(self, request: Request, user: Caller | None = None, duplicates: tuple[str, ...] = ()) -> Answer:
        """Do the same, and return the warnings too; `duplicates` are paths of fields that stood twice in the body."""
        return await self._answering.answer(request, user or System(), duplicates)

    @asynccontextmanager
    async def watch(self, request: Request, user: Caller | None = None) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """Open a watch of a collection or of one object; iteration ends with its `timeoutSeconds`.

        A version that is too old comes as an ERROR event. Opening raises ApiError for a refusal.
        """
        async with self.watch_together(request, user) as batches:
            yield (event async for batch in batches for event in batch)

    def watch_together(
        self, request: Request, user: Caller | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Sequence[WatchEvent]]]:
        """Open the same watch, whose events come together where they are there at the same time."""
        del user
        target = target_of(self._core.resources, request.path)
        return self._watching.open(target, request.query)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _resource(self, kind: Kind) -> Resource:
        found = self._core.resources.of(kind.api_version, kind.name)
        if found is None:
            raise NotFoundError({"code": 404, "reason": "NotFound", "message": f'no resource of kind "{kind}"'})
        return found

    def _target(self, obj: Mapping[str, Any], subresource: str = "") -> Target:
        kind = Kind(str(obj.get("apiVersion")), str(obj.get("kind")))
        resource = self._resource(kind)
        metadata = obj.get("metadata") or {}
        namespace = metadata.get("namespace", "") if resource.kind.namespaced else ""
        return Target(resource, namespace, metadata.get("name", ""), subresource)

    def _finish(self, draft: Draft) -> Json:
        if draft.old is None:
            settle_create(self._core, draft)
            return commit_create(self._core, draft)
        settle_update(draft)
        return commit_update(self._core, draft)
