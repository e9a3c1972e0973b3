"""One pass over one root: the only place where the pure half and I/O meet.

Layer: shell.
"""

import logging
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeAlias

from kdlib import graph, guest, report
from kdlib.errors import ApiError, RefusedError, WorldError
from kdlib.frozen import Json
from kdlib.graph import ObjectGraph
from kdlib.kube import Api
from kdlib.manifests import MANAGED, Desired
from kdlib.model import GuestFact, Outcome, Seen
from kdlib.reconcile.announcing import Announcer
from kdlib.reconcile.applying import Applied, carry_out
from kdlib.reconcile.backups import keep_backup
from kdlib.reconcile.finalizer import has_finalizer, is_going, remove_finalizer
from kdlib.reconcile.marking import marked
from kdlib.reconcile.members import works_of
from kdlib.reconcile.ours import made_ours
from kdlib.reconcile.parting import part_from_claims
from kdlib.reconcile.passed import Passed
from kdlib.reconcile.recording import Recorder, Urgency, urgency_of
from kdlib.reconcile.restoring import Restorer
from kdlib.reconcile.telling import fields_of, tell_refusal, tell_step
from kdlib.reconcile.tokens import keep_tokens
from kdlib.reconcile.view import View
from kdlib.reconcile.waiting import Waiting
from kdlib.reconcile.whole import wait_for_the_whole
from kdlib.reconcile.written import written
from kdlib.rules import comes_anew, is_new, is_restoring, left_by_namesake
from kdlib.wire import KD_CLUSTER, PERSISTENT_VOLUME_CLAIM, Kind, Ref

__all__ = ["Compute", "PassSettings", "Passes"]

_log = logging.getLogger(__name__)

Compute: TypeAlias = Callable[[Seen], Desired | ObjectGraph]
"""Computes everything that one root wants. Pure; raises RefusedError with all that is wrong with the root."""


def _now() -> datetime:
    return datetime.now(UTC)


def _entropy() -> str:
    return secrets.token_hex(32)


@dataclass(frozen=True, slots=True)
class PassSettings:
    """What a pass takes from outside: the time, dice for secrets, and how often statuses are written at most.

    `deletable` are the kinds of which a root's objects are deleted when its graph wants them no more; `limits` bounds
    what is done inside members.
    """

    clock: Callable[[], datetime] = _now
    entropy: Callable[[], str] = _entropy
    status_interval_seconds: float = 0.25
    deletable: Collection[Kind] = field(default=MANAGED)
    limits: guest.Limits = field(default_factory=guest.Limits)


class Passes:
    """Runs passes over the roots of one kind.

    Guarantees: what depends on a reservation is done only after it was stored; before members end, and before a fresh
    process makes anything, the root is read from the storage once more; a pass in which everything is as wanted sends
    nothing.
    Assumes: passes over one root do not overlap; somebody runs `announcer`.
    """

    def __init__(self, api: Api, view: View, compute: Compute, *, settings: PassSettings | None = None) -> None:
        self._api = api
        self._view = view
        self._compute = compute
        self._settings = settings or PassSettings()
        self._recorder = Recorder(api, view.kind, interval_seconds=self._settings.status_interval_seconds)
        self.announcer = Announcer(api)
        self._waiting = Waiting(self._recorder, self.announcer)
        self._restorer = Restorer(api, self._waiting, self.announcer)

    async def run(self, namespace: str, name: str, guest_facts: tuple[GuestFact, ...] = ()) -> Passed:
        """Pass once over the root of this name.

        Raises WorldError where the API server did not answer, or somebody else wrote first; what was done until then
        is seen by the next pass. Cancellation: at any time.
        """
        ref = Ref(self._view.kind, namespace, name)
        root = self._view.root(namespace, name)
        if root is None:
            self._recorder.forget(ref)
            return Passed(gone=True)
        if is_going(root):
            return await self._let_go(ref, root)
        if self._view.kind == KD_CLUSTER and (is_restoring(root) or comes_anew(root)):
            return await self._restorer.run(ref, self._seen(root, ()))
        if is_new(root) and (left := left_by_namesake(seen := self._seen(root, ()))):
            status = report.behind_namesake(seen, left)
            return await self._waiting.recorded(seen, status, report.events(seen, root.get("status"), status))
        await wait_for_the_whole(self._api, self._view, root)
        held = await marked(self._api, ref, root, self._view.related(root))
        passed = await self._reconcile(held.root, guest_facts)
        return replace(passed, facts=(*held.facts, *passed.facts), error=passed.error or held.error)

    async def _let_go(self, ref: Ref, root: Json) -> Passed:
        """Take the finalizer off a root that is to be deleted; its children go after it (RC-07)."""
        if not has_finalizer(root):
            return Passed(gone=True)
        # Nothing but the root and its claims is looked at, so that it goes however wrong it is.
        self.announcer.announce(report.farewell(Seen(now=self._settings.clock(), root=root)))
        kinds = self._view.shown(root, (PERSISTENT_VOLUME_CLAIM,))
        is_followed = self._view.kind == KD_CLUSTER and PERSISTENT_VOLUME_CLAIM in kinds
        await part_from_claims(self._api, root, is_followed=is_followed)
        left = await remove_finalizer(self._api, ref, root)
        _log.info("let go", extra=fields_of(self._api, root))
        return Passed(gone=True, facts=(written(ref, left),) if left else ())

    async def _reconcile(self, root: Json, guest_facts: tuple[GuestFact, ...]) -> Passed:
        awaited_seconds = self._view.awaited_seconds(root)
        if awaited_seconds:
            # What is not known yet is not absent: members would be told that it is gone.
            return Passed(again_seconds=awaited_seconds)
        seen = self._seen(root, guest_facts)
        return replace(await self._fulfil(seen), objects=len(seen.children))

    async def _fulfil(self, seen: Seen) -> Passed:
        try:
            wanted = self._compute(seen)
        except RefusedError as error:
            return await self._refuse(seen, error)
        match wanted:
            case ObjectGraph():
                return _with_applied(Passed(works=(), recorded=True), await self._apply(seen, wanted))
            case Desired() if wanted.life.paused:
                return await self._brought_about(seen, wanted)
            case Desired():
                kept = await keep_tokens(self._api, wanted)
                if kept.refusal is not None:
                    return replace(await self._refuse(seen, kept.refusal), error=kept.error)
                passed = await self._brought_about(seen, wanted)
                return replace(passed, facts=(*kept.facts, *passed.facts))

    async def _brought_about(self, seen: Seen, wanted: Desired) -> Passed:
        if wanted.life.reservation_pending:
            return await self._record(seen, report.status(seen, wanted), urgency=Urgency.AT_ONCE)
        applied = await self._apply(seen, wanted.graph)
        status = report.status(seen, wanted, applied.outcome)
        passed = _with_applied(await self._record(seen, status, outcome=applied.outcome), applied)
        passed = _looking_again(passed, wanted.life.again_seconds)
        if wanted.life.paused:
            return replace(passed, held=True)
        works = works_of(self._api, wanted, self._settings.limits, clock=self._settings.clock)
        return replace(passed, works=works)

    async def _refuse(self, seen: Seen, error: RefusedError) -> Passed:
        """Record that the spec cannot be done; log it where that is news."""
        status = report.refused(seen, error)
        was, now = (report.condition(item, "Stalled") for item in (seen.root.get("status"), status))
        passed = await self._record(seen, status)
        if was.get("message") != now["message"] and passed.facts:
            tell_refusal(fields_of(self._api, seen.root), error.problems)
        return passed

    def _seen(self, root: Json, guest_facts: tuple[GuestFact, ...]) -> Seen:
        return self._view.seen(root, guest_facts, now=self._settings.clock(), entropy=self._settings.entropy())

    async def _apply(self, seen: Seen, wanted: ObjectGraph) -> Applied:
        ours = made_ours(wanted, seen.root, self._view.children)
        plan = graph.plan(ours, seen.children, root=seen.root, deletable=self._settings.deletable)
        if plan.is_empty:
            return Applied(Outcome(failures=plan.blocked))
        if plan.irreversible or (plan.creates and not self._recorder.has_recorded(seen.root)):
            # A server that is behind may show a root that is gone: nothing is made for it.
            await self._read_root_again(seen.root)
        applied = await carry_out(self._api, plan, seen.children)
        failed, fields = dict(applied.outcome.failures), fields_of(self._api, seen.root)
        for step in plan.steps:
            tell_step(fields, step, failed.get(step.ref, ""))
        return applied

    async def _read_root_again(self, root: Json) -> None:
        """Raise WorldError unless the storage holds the root as it was seen."""
        metadata = root["metadata"]
        ref = Ref(self._view.kind, metadata.get("namespace", ""), metadata["name"])
        stored = (await self._api.get(ref))["metadata"]
        if (stored.get("uid"), stored.get("resourceVersion")) != (metadata["uid"], metadata["resourceVersion"]):
            raise WorldError(f"{ref} has changed since it was seen")

    async def _record(
        self, seen: Seen, status: Json, *, outcome: Outcome | None = None, urgency: Urgency | None = None
    ) -> Passed:
        """Store the status if it is another one, and announce what became different with it."""
        before = seen.root.get("status")
        likely = report.as_backed_up_before(seen, status)
        wait_seconds = self._recorder.wait_seconds(seen.root, likely, urgency or urgency_of(before, status))
        if wait_seconds:
            return Passed(again_seconds=wait_seconds)
        kept = await keep_backup(self._api, seen, status)
        if kept.refusal:
            status = report.not_backed_up(seen, status, kept.refusal)
        recording = await self._recorder.record(seen.root, status, Urgency.AT_ONCE)
        if recording.fact is None:
            return Passed(facts=kept.facts, recorded=True, error=kept.error)
        self.announcer.announce(report.events(seen, before, status, outcome))
        return Passed(facts=(*kept.facts, recording.fact), error=kept.error)


def _with_applied(passed: Passed, applied: Applied) -> Passed:
    """Return what came of the pass with what came of its plan; the longest wait asked for by the server counts."""
    errors = sorted(applied.errors, key=_wait_asked_for)
    return replace(passed, facts=(*passed.facts, *applied.facts), error=errors[-1] if errors else passed.error)


def _looking_again(passed: Passed, seconds: float | None) -> Passed:
    """Return the pass with the earlier one of two times to look again."""
    times = [item for item in (passed.again_seconds, seconds) if item is not None]
    return replace(passed, again_seconds=min(times, default=None))


def _wait_asked_for(error: WorldError) -> int:
    return error.retry_after_seconds if isinstance(error, ApiError) else 0
