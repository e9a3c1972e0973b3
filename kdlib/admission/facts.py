"""Facts: what the rules must know beyond the two objects, read from the API server when it is asked for.

Layer: shell.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from kdlib import rules
from kdlib.errors import NotFoundError, WorldError
from kdlib.frozen import Json, dig
from kdlib.kube import Api, Cache, Selection, pruned
from kdlib.wire import Kind, Ref, Request

__all__ = ["ACCESS_REVIEW", "Facts", "Limits", "TooManyFactsError", "Trail"]

ACCESS_REVIEW = Kind("authorization.k8s.io/v1", "SubjectAccessReview", namespaced=False)

_Key = TypeVar("_Key", Ref, rules.ListNeed, rules.Access)
_Found = TypeVar("_Found")


class TooManyFactsError(Exception):
    """A review needs more facts than are looked up for one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many facts are read for one review, how many of them at once, and in how many rounds."""

    facts: int = 500
    at_once: int = 16
    rounds: int = 10


@dataclass(slots=True)
class Trail:
    """What one review has asked for: `open` is what has no answer yet, `used_cache` tells of facts from caches."""

    open: dict[str, None] = field(default_factory=dict)
    used_cache: bool = False
    count: int = 0


class Facts:
    """Reads facts for reviews.

    `caches` follow kinds that nearly every review asks for; all else is read from the storage, and these too where
    `fresh` facts are asked for. A cache is behind by milliseconds, so whoever refuses something asks for fresh facts.
    Raises WorldError where the API server does not answer, TooManyFactsError where too much is asked for.
    """

    def __init__(
        self,
        api: Api,
        caches: Mapping[Kind, Cache],
        *,
        system_namespace: str,
        check_access: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self._api = api
        self._caches = dict(caches)
        self._limits = limits or Limits()
        self._known = rules.Facts(system_namespace=system_namespace, check_access=check_access)

    def know_operator(self, username: str) -> None:
        """Learn under which name the operator itself writes."""
        self._known = replace(self._known, operator=username)

    async def gather(self, request: rules.Request, trail: Trail, *, fresh: bool = False) -> rules.Facts:
        """Read everything that the rules ask for; with `fresh` from the storage alone.

        Cancellation: at any time; `trail` then tells what had not been answered.
        """
        known = replace(self._known, entropy=secrets.token_hex(64))
        for _ in range(self._limits.rounds):
            needs = rules.needs(request, known)
            if not needs:
                return known
            known = await self._with(needs, known, request.user, trail, fresh=fresh)
        raise TooManyFactsError(f"facts are not complete after {self._limits.rounds} rounds")

    async def is_current(self, known: rules.Facts, trail: Trail) -> bool:
        """Tell whether what was taken from caches stands in the storage alike. Cancellation: at any time."""
        cached = [ref for ref in known.objects if ref.kind in self._caches]
        with _one_error():
            async with asyncio.TaskGroup() as group:
                read = _Traced(group, asyncio.Semaphore(self._limits.at_once), trail).tasks(cached, self._object)
        return all(found == known.objects[ref] for ref, found in _results(read).items())

    async def _with(
        self, needs: rules.Needs, known: rules.Facts, user: rules.User, trail: Trail, *, fresh: bool
    ) -> rules.Facts:
        trail.count += len(needs.objects) + len(needs.lists) + len(needs.access)
        if trail.count > self._limits.facts:
            raise TooManyFactsError(f"it refers to more than {self._limits.facts} objects")
        objects = {} if fresh else {ref: self._cached(ref) for ref in needs.objects if self._is_cached(ref)}
        trail.used_cache = trail.used_cache or bool(objects)
        missing = [ref for ref in needs.objects if ref not in objects]
        limiter = asyncio.Semaphore(self._limits.at_once)
        if not (missing or needs.lists or needs.access):
            return replace(known, objects={**known.objects, **objects})
        with _one_error():
            async with asyncio.TaskGroup() as group:
                traced = _Traced(group, limiter, trail)
                read = traced.tasks(missing, self._object)
                listed = traced.tasks(needs.lists, self._list)
                allowed = traced.tasks(needs.access, partial(self._allowed, user))
        return replace(
            known,
            objects={**known.objects, **objects, **_results(read)},
            lists={**known.lists, **_results(listed)},
            allowed={**known.allowed, **_results(allowed)},
        )

    def _is_cached(self, ref: Ref) -> bool:
        cache = self._caches.get(ref.kind)
        return cache is not None and cache.synced.is_set()

    def _cached(self, ref: Ref) -> Json | None:
        return self._caches[ref.kind].get(ref.namespace, ref.name)

    async def _object(self, ref: Ref) -> Json | None:
        try:
            return pruned(await self._api.get(ref))
        except NotFoundError:
            return None

    async def _list(self, need: rules.ListNeed) -> tuple[Json, ...]:
        try:
            listing = await self._api.list(Selection(need.kind, need.namespace))
        except NotFoundError:
            return ()
        return tuple(pruned(item) for item in listing.items)

    async def _allowed(self, user: rules.User, access: rules.Access) -> bool:
        """Ask whether the user has a right; see the page of SubjectAccessReview at kubernetes.io."""
        attributes = {
            "verb": access.verb,
            "group": access.group,
            "resource": access.resource,
            "namespace": access.namespace,
            "name": access.name,
        }
        spec: Json = {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
        spec |= {"user": user.username, "groups": list(user.groups)}
        spec |= {"uid": user.uid} if user.uid else {}
        spec |= {"extra": {key: list(values) for key, values in user.extra.items()}} if user.extra else {}
        body = {"apiVersion": ACCESS_REVIEW.api_version, "kind": ACCESS_REVIEW.name, "spec": spec}
        answer = await self._api.transport.request(Request("POST", ACCESS_REVIEW.path(), body=body))
        return dig(answer, "status", "allowed") is True and dig(answer, "status", "denied") is not True


class _Traced:
    """Reads side by side, and notes in the trail what has no answer yet."""

    def __init__(self, group: asyncio.TaskGroup, limiter: asyncio.Semaphore, trail: Trail) -> None:
        self._group = group
        self._limiter = limiter
        self._trail = trail

    def tasks(
        self, keys: Iterable[_Key], read: Callable[[_Key], Awaitable[_Found]]
    ) -> dict[_Key, asyncio.Task[_Found]]:
        """Begin to read each of the keys once."""
        return {key: self._group.create_task(self._read(key, read)) for key in dict.fromkeys(keys)}

    async def _read(self, key: _Key, read: Callable[[_Key], Awaitable[_Found]]) -> _Found:
        what = _shown(key)
        self._trail.open[what] = None
        async with self._limiter:
            found = await read(key)
        self._trail.open.pop(what, None)
        return found


def _results(tasks: Mapping[_Key, asyncio.Task[_Found]]) -> dict[_Key, _Found]:
    return {key: task.result() for key, task in tasks.items()}


@contextmanager
def _one_error() -> Iterator[None]:
    """Raise one of the errors by which a task group ended, where the world made all of them."""
    try:
        yield
    except ExceptionGroup as group:
        errors = [error for error in group.exceptions if isinstance(error, WorldError)]
        if len(errors) < len(group.exceptions):
            raise
        raise errors[0] from group


def _shown(key: Ref | rules.ListNeed | rules.Access) -> str:
    match key:
        case Ref():
            return str(key)
        case rules.ListNeed():
            return f"the list of {key.kind.plural}" + (f" in {key.namespace}" if key.namespace else "")
        case rules.Access():
            place = f"{key.namespace}/{key.name}" if key.namespace else key.name
            return f"the right to {key.verb} {key.resource} {place}"
