"""Reviewing: gathers facts, asks the rules, and words what could not be found out in time.

Layer: shell.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from kdlib import rules
from kdlib.admission.endpoints import Endpoint
from kdlib.admission.facts import Facts, TooManyFactsError, Trail
from kdlib.admission.reviews import Answer, allowance, refusal, verdict_answer
from kdlib.errors import Problem
from kdlib.runtime import contained
from kdlib.wire import KD_CLUSTER

__all__ = ["Reviewing"]

_log = logging.getLogger(__name__)

_LARGE_BYTES = 128 * 1024
_SHOWN = 5


class Reviewing:
    """Answers reviews.

    Guarantees: an answer comes within the time given, whatever the API server does; a refusal or a patch for what the
    rules found rests on facts from the storage, never on a cache that is behind; nothing is written anywhere.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        # Rules over a huge object take long, and the event loop has other work: those run in a thread, one at a time.
        self._thread = ThreadPoolExecutor(1, "kubedirector-review")

    async def review(self, endpoint: Endpoint, request: rules.Request, seconds: float, size: int = 0) -> Answer:
        """Answer a request that came in a body of `size` bytes."""
        trail = Trail()
        try:
            async with asyncio.timeout(seconds):
                concluded = await contained(_subject(request), lambda: self._conclude(request, trail, size))
        except TimeoutError:
            return _unanswered(endpoint, 504, "Timeout", f"not known after {seconds:.1f} s: {_open(trail)}; try again")
        match concluded:
            case rules.Verdict(problems=problems):
                if problems:
                    _log.info("%s: %s refused: %d problems", _subject(request), request.operation, len(problems))
                return verdict_answer(request, concluded)
            case error:
                words = f"what the review must know could not be read: {error}; try again"
                return _unanswered(endpoint, 503, "ServiceUnavailable", words)

    def close(self) -> None:
        """Begin no more reviews in threads."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _conclude(self, request: rules.Request, trail: Trail, size: int) -> rules.Verdict:
        # Whether an app is in use is answered as the storage shows it, for refusal and permission alike.
        fresh = request.kind != KD_CLUSTER
        try:
            known = await self._facts.gather(request, trail, fresh=fresh)
            verdict = await self._verdict(request, known, size)
            # What is encrypted is under the key of now: one of a moment ago may be gone when it is to be read.
            matters = bool(verdict.problems or verdict.patch)
            if not (matters and trail.used_cache) or await self._facts.is_current(known, trail):
                return verdict
            stored = await self._facts.gather(request, trail, fresh=True)
            return await self._verdict(request, stored, size)
        except TooManyFactsError as error:
            problem = Problem("spec", f"cannot be reviewed: {error}", "refer to fewer objects")
            return rules.Verdict(problems=(problem,))

    async def _verdict(self, request: rules.Request, known: rules.Facts, size: int) -> rules.Verdict:
        if size < _LARGE_BYTES:
            return rules.review(request, known)
        return await asyncio.get_running_loop().run_in_executor(self._thread, rules.review, request, known)


def _open(trail: Trail) -> str:
    shown = ", ".join(list(trail.open)[:_SHOWN]) or "an answer of the rules"
    return f"{shown} and {len(trail.open) - _SHOWN} more" if len(trail.open) > _SHOWN else shown


def _unanswered(endpoint: Endpoint, code: int, reason: str, words: str) -> Answer:
    """Return the answer where facts are missing: a refusal, or where nothing is ever refused, a warning."""
    if not endpoint.refuses:
        return allowance(f"{endpoint.kind.name} not reviewed: {words}")
    return refusal(code, reason, words, retry_after_seconds=1)


def _subject(request: rules.Request) -> str:
    return f"{request.kind.name} {request.namespace}/{request.name}"
