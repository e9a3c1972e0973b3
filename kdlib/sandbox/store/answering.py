"""One request, from its path to its answer.

Layer: shell.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from kdlib.errors import ApiError
from kdlib.frozen import Json
from kdlib.sandbox.store.admitting import admit_deletion, mutate_draft, validate_draft
from kdlib.sandbox.store.binding import bind
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.creating import begin_create, commit_create, settle_create
from kdlib.sandbox.store.deleting import Deletion, begin_delete, commit_delete, deletion_body
from kdlib.sandbox.store.draft import Draft
from kdlib.sandbox.store.evicting import evict, eviction_of
from kdlib.sandbox.store.faults import (
    conflict,
    forbidden_field,
    invalid_options,
    method_not_allowed,
    not_found,
    too_large_version,
)
from kdlib.sandbox.store.history import Change
from kdlib.sandbox.store.intake import read_body
from kdlib.sandbox.store.listing import list_body, listed, read_query
from kdlib.sandbox.store.options import (
    Caller,
    DeleteOptions,
    WriteOptions,
    check_options,
    delete_options,
    write_options,
)
from kdlib.sandbox.store.patching import begin_patch
from kdlib.sandbox.store.reviews import Reviewer, answered_review, check_review
from kdlib.sandbox.store.routing import target_of
from kdlib.sandbox.store.scale import begin_scale, scale_of
from kdlib.sandbox.store.target import Patch, Target
from kdlib.sandbox.store.updating import StaleError, begin_update, commit_update, settle_update
from kdlib.sandbox.store.webhooks import Admission
from kdlib.wire import Request

__all__ = ["Answer", "Answering"]

_FRESHNESS_SECONDS = 3.0
_TRIES = 100
_REVIEWS = "authorization.k8s.io"
_WITHOUT_OBJECT = frozenset({"attach", "exec", "log", "portforward"})
"""Subresources that are streams, not objects."""
_ORDERS = frozenset({"binding", "eviction"})
"""Subresources that can only be created."""
_ENDPOINTS = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets: the HTTP code, the body, and warnings for its user."""

    code: int
    body: Json
    warnings: tuple[str, ...] = ()


class Answering:
    """Does what requests ask."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.admission = Admission(core)
        self.allows: Reviewer = lambda _: True

    async def answer(self, request: Request, caller: Caller, duplicates: tuple[str, ...] = ()) -> Answer:
        """Do what one request asks; raises ApiError for a refusal."""
        target = target_of(self._core.resources, request.path)
        answer = await self._answer(target, request, caller, duplicates)
        if target.resource.kind.plural == "endpoints":
            return replace(answer, warnings=(*answer.warnings, _ENDPOINTS))
        return answer

    async def _answer(self, target: Target, request: Request, caller: Caller, duplicates: tuple[str, ...]) -> Answer:
        verb = _verb(request, target)
        _check_verb(verb, target)
        match verb:
            case "get":
                return await self._get(target, request)
            case "list":
                return await self._list(target, request)
            case "delete":
                return await self._delete(target, request, caller)
            case "deletecollection":
                return await self._delete_collection(target, request, caller)
            case "create" if target.subresource or target.resource.kind.group == _REVIEWS:
                return Answer(201, self._done(target, request, caller))
        options = write_options(request.query, caller, duplicates)
        check_options(verb, request.content_type, options)
        answer = await self._write(self._beginning(verb, target, request, options))
        return answer if not target.subresource else replace(answer, body=self._part(target, answer.body))

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _get(self, target: Target, request: Request) -> Answer:
        await self._wait_for(request.query.get("resourceVersion", ""))
        found = self._core.live(target.resource, *target.key)
        if found is None:
            raise not_found(target.resource.kind, target.name)
        return Answer(200, self._part(target, found))

    @staticmethod
    def _part(target: Target, obj: Json) -> Json:
        return scale_of(target.resource, obj) if target.subresource == "scale" else obj

    async def _list(self, target: Target, request: Request) -> Answer:
        query = read_query(target.resource, request.query)
        if request.query.get("sendInitialEvents"):
            what = "sendInitialEvents is forbidden for list"
            raise invalid_options("ListOptions", [forbidden_field("sendInitialEvents", what)])
        await self._wait_for(query.version)
        items, metadata = listed(self._core, target.resource, target.namespace, query)
        return Answer(200, list_body(target.resource, items, metadata))

    async def _wait_for(self, version: str) -> None:
        """Wait for a version that has not come yet, for three seconds; raises a 504."""
        if not version or version == "0" or not version.isdigit() or int(version) <= self._core.shelves.version:
            return
        arrived = asyncio.Event()

        def note(change: Change) -> None:
            if change.version >= int(version):
                arrived.set()

        end = self._core.shelves.listen(note)
        try:
            async with asyncio.timeout(_FRESHNESS_SECONDS):
                await arrived.wait()
        except TimeoutError as error:
            raise too_large_version(int(version), self._core.shelves.version) from error
        finally:
            end()

    # --- writing ----------------------------------------------------------------------------------------------------

    def _beginning(self, verb: str, target: Target, request: Request, options: WriteOptions) -> Callable[[], Draft]:
        core = self._core
        patch = Patch(request.body, request.content_type)
        match verb:
            case "update" if target.subresource == "scale":
                return lambda: begin_scale(core, target, request.body, options)
            case "patch" if target.subresource == "scale":
                return lambda: begin_scale(core, target, patch, options)
            case "create":
                return lambda: begin_create(core, target, request.body, options)
            case "update":
                return lambda: begin_update(core, target, request.body, options)
            case _:
                return lambda: begin_patch(core, target, patch, options)

    async def _write(self, begin: Callable[[], Draft]) -> Answer:
        """Make the draft, have it admitted, checked and stored; begin again where somebody else was faster."""
        for _ in range(_TRIES):
            draft = begin()
            try:
                return await self._settled(draft)
            except StaleError:
                continue
            except ApiError as error:
                error.warnings = tuple(draft.warnings)
                raise
        raise conflict(draft.resource.kind, draft.name, "the object changes too often")

    async def _settled(self, draft: Draft) -> Answer:
        """Have a draft admitted, checked and stored; raises StaleError where somebody else was faster."""
        await mutate_draft(self._core, self.admission, draft)
        if draft.old is None:
            settle_create(self._core, draft)
            await validate_draft(self.admission, draft)
            return Answer(201, commit_create(self._core, draft), tuple(draft.warnings))
        settle_update(draft)
        await validate_draft(self.admission, draft)
        return Answer(200, commit_update(self._core, draft), tuple(draft.warnings))

    def _review(self, target: Target, request: Request, caller: Caller) -> Json:
        options = write_options(request.query, caller)
        review, _ = read_body(target.resource, request.body, self._core.reading(), options)
        check_review(review)
        return answered_review(review, caller, self.allows)

    def _done(self, target: Target, request: Request, caller: Caller) -> Json:
        """Do what a create asks that stores no object of its own."""
        if target.resource.kind.group == _REVIEWS:
            return self._review(target, request, caller)
        return self._create_below(target, request, caller)

    def _create_below(self, target: Target, request: Request, caller: Caller) -> Json:
        match target.subresource:
            case "binding":
                return bind(self._core, target, request.body, dry_run=bool(request.query.get("dryRun")))
            case "eviction":
                return evict(self._core, target, eviction_of(target, request, caller))
            case _:
                raise method_not_allowed()

    # --- deleting ---------------------------------------------------------------------------------------------------

    async def _delete(self, target: Target, request: Request, caller: Caller) -> Answer:
        options = delete_options(request.query, request.body, caller)
        deletion, warnings = await self._begin_deletion(target, options)
        obj, is_gone = commit_delete(self._core, deletion)
        code = 202 if not is_gone and options.orphan is False else 200
        return Answer(code, deletion_body(deletion, obj, is_gone=is_gone), tuple(warnings))

    async def _begin_deletion(
        self, target: Target, options: DeleteOptions, *, is_named: bool = True
    ) -> tuple[Deletion, list[str]]:
        """Have a deletion admitted; begin again where the object changed meanwhile.

        A deletion that is part of a collection's is not named to webhooks.
        """
        while True:
            deletion = begin_delete(self._core, target.resource, target.key, options)
            warnings = await admit_deletion(self.admission, deletion, is_named=is_named)
            if self._core.live(target.resource, *target.key) == deletion.old:
                return deletion, warnings

    async def _delete_collection(self, target: Target, request: Request, caller: Caller) -> Answer:
        options = delete_options(request.query, request.body, caller)
        query = read_query(target.resource, request.query)
        items, metadata = listed(self._core, target.resource, target.namespace, query)
        for item in items:
            metadata_of = item["metadata"]
            one = replace(target, namespace=metadata_of.get("namespace", ""), name=metadata_of["name"])
            deletion, _ = await self._begin_deletion(one, options, is_named=False)
            commit_delete(self._core, deletion)
        return Answer(200, list_body(target.resource, items, metadata))


_VERBS = {
    ("GET", "object"): "get",
    ("HEAD", "object"): "get",
    ("PUT", "object"): "update",
    ("PATCH", "object"): "patch",
    ("DELETE", "object"): "delete",
    ("GET", "part"): "get",
    ("PUT", "part"): "update",
    ("PATCH", "part"): "patch",
    ("POST", "part"): "create",
    ("GET", "collection"): "list",
    ("POST", "collection"): "create",
    ("DELETE", "collection"): "deletecollection",
}


def _check_verb(verb: str, target: Target) -> None:
    """Raise a 405 for a verb that the target does not know."""
    kind = target.resource.kind
    needs_namespace = kind.namespaced and not target.namespace and verb != "list"
    is_unknown = not target.subresource and verb not in target.resource.verbs
    is_order = target.subresource in _ORDERS and verb != "create"
    if needs_namespace or is_unknown or is_order or target.subresource in _WITHOUT_OBJECT:
        raise method_not_allowed()


def _verb(request: Request, target: Target) -> str:
    place = "part" if target.subresource else "object" if target.name else "collection"
    verb = _VERBS.get((request.method, place))
    if verb is None:
        raise method_not_allowed()
    return verb
