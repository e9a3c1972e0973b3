"""Doing a plan: wave after wave, each finished whole, so that one refused object never starves its siblings.

Layer: shell.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from kdlib.errors import ConflictError, NotFoundError, WorldError
from kdlib.frozen import Json, dig
from kdlib.graph import Adopt, Apply, Delete, Plan, Release, Step, Why
from kdlib.kube import Api
from kdlib.manifests import strategy_patch
from kdlib.model import Outcome
from kdlib.reconcile.written import Ended, Written, written
from kdlib.wire import Ref

__all__ = ["Applied", "carry_out"]

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a plan: for the report, and for the caches to catch up with.

    `errors` say why the next pass has to try again: those behind `outcome.failures`, and conflicts with what somebody
    else did since the world was seen, which are no failures.
    """

    outcome: Outcome
    facts: tuple[Written | Ended, ...] = ()
    errors: tuple[WorldError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Failure:
    ref: Ref
    error: WorldError
    is_stale: bool = False
    """True where only the very state that was seen would have been changed, and it was another one."""


_Result: TypeAlias = Written | Ended | _Failure


async def carry_out(api: Api, plan: Plan, observed: Iterable[Json]) -> Applied:
    """Do all steps of a plan.

    Guarantees: within a wave steps run side by side, at most 16 at once, and each is tried; after a failure nothing
    irreversible is done any more, while later waves are applied. Deletes, and applies that end members, happen only to
    the very state that was observed.
    Raises nothing that the world does: failures are part of what is returned.
    """
    seen = {_key(obj): obj for obj in observed}
    results: list[_Result] = []
    for wave in plan.waves:
        failed = any(isinstance(result, _Failure) for result in results)
        results += await _together(api, [step for step in wave if not (failed and step.irreversible)], seen)
    return _summary(plan, results)


def _summary(plan: Plan, results: list[_Result]) -> Applied:
    failures = sorted((result for result in results if isinstance(result, _Failure)), key=lambda failure: failure.ref)
    outcome = Outcome(
        applied=tuple(sorted(result.ref for result in results if isinstance(result, Written))),
        deleted=tuple(sorted(result.ref for result in results if isinstance(result, Ended))),
        failures=(*plan.blocked, *((item.ref, str(item.error)) for item in failures if not item.is_stale)),
    )
    facts = tuple(result for result in results if not isinstance(result, _Failure))
    return Applied(outcome, facts, tuple(failure.error for failure in failures))


async def _together(api: Api, wave: list[Step], seen: dict[tuple[str, str], Json]) -> list[_Result]:
    if len(wave) == 1:
        return [await _try(api, wave[0], seen)]
    bound = asyncio.Semaphore(_AT_ONCE)

    async def one(step: Step) -> _Result:
        async with bound:
            return await _try(api, step, seen)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(step)) for step in wave]
    return [task.result() for task in tasks]


async def _try(api: Api, step: Step, seen: dict[tuple[str, str], Json]) -> _Result:
    try:
        match step:
            case Apply():
                return written(step.ref, await _apply(api, step, seen))
            case Adopt(ref, patch) | Release(ref, patch):
                return written(ref, await api.merge_patch(ref, patch))
            case Delete():
                return await _delete(api, step)
    except WorldError as error:
        conditional = not isinstance(step, Apply) or step.irreversible
        return _Failure(step.ref, error, is_stale=conditional and isinstance(error, ConflictError))


async def _apply(api: Api, step: Apply, seen: dict[tuple[str, str], Json]) -> Json:
    """Apply an object; one that is missing without force, so that what somebody else made meanwhile is not taken."""
    target = step.target
    if step.irreversible:
        metadata = seen[_key(target)]["metadata"]
        precondition = {key: metadata[key] for key in ("uid", "resourceVersion") if key in metadata}
        target = {**target, "metadata": {**target["metadata"], **precondition}}
    live = seen.get(_key(target))
    first = strategy_patch(live, step.target) if live else None
    if first:
        await api.merge_patch(step.ref, first)
    return await api.apply(target, kind=step.ref.kind, force=step.why is not Why.MISSING)


async def _delete(api: Api, step: Delete) -> Ended:
    try:
        grace_seconds = 0 if step.force else None
        await api.delete(step.ref, uid=step.uid, resource_version=step.resource_version, grace_seconds=grace_seconds)
    except NotFoundError:
        # Somebody was faster; the cache will tell.
        return Ended(step.ref, step.uid)
    return Ended(step.ref, step.uid)


def _key(obj: Json) -> tuple[str, str]:
    return str(obj.get("kind")), str(dig(obj, "metadata", "name"))
