"""Lease: which of several processes acts on one Kubernetes cluster, by a Lease object of coordination.k8s.io.

Expiry is judged as Kubernetes' own components do: by how long the Lease was seen unchanged here, never by comparing
times that several machines wrote. See https://kubernetes.io/docs/concepts/architecture/leases/#leader-election.

Layer: shell.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from kdlib.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError, UnreachableError, WorldError
from kdlib.frozen import Json, dig
from kdlib.kube.api import Api, Selection
from kdlib.kube.outages import cause_of
from kdlib.wire import LEASE, Ref

__all__ = ["Lease", "LeaseSettings", "Term"]

_log = logging.getLogger(__name__)

_RELEASE_SECONDS = 2.0
_WATCH_SECONDS = 300


def _uptime_seconds() -> float:
    """Read the clock that goes on while the machine sleeps and that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """How a lease is held.

    Others take it over when it was not renewed for `lease_seconds`; its holder stops acting `renew_seconds` after it
    sent the last renewal that succeeded, and tries again every `retry_seconds` meanwhile. What lies between the two is
    for requests that are under way. `clock` gives seconds that also pass in suspend; `now` is what people read.
    """

    lease_seconds: int = 10
    renew_seconds: float = 6.0
    retry_seconds: float = 1.0
    clock: Callable[[], float] = _uptime_seconds
    now: Callable[[], datetime] = _now
    remedy: str = ""

    @property
    def pause_seconds(self) -> float:
        """Return how long a holder rests between renewals: after one that is lost two more can be tried."""
        return self.renew_seconds / 3


class Lease:
    """A gate that is open for one process at a time.

    Guarantees: it is open only while fewer than `renew_seconds` have passed since the last successful renewal was
    *sent*, by a clock that does not stand still; it is given back at the end, so that another takes it at once.
    Assumes: clocks run equally fast; what is asked of the gate is sent within the rest of `lease_seconds`.
    Cancellation: of `run` gives the lease back; cancel it only when all that depends on it has ended.
    """

    def __init__(self, api: Api, ref: Ref, identity: str, *, settings: LeaseSettings | None = None) -> None:
        self.identity = identity
        self.terms = 0
        """How often this process has taken the lease."""
        self._api = api
        self._ref = ref
        self._settings = settings or LeaseSettings()
        self._deadline = -math.inf
        self._held: Json | None = None
        self._seen: tuple[Json | None, float] | None = None
        self._stir = asyncio.Event()
        self._opened = asyncio.Event()
        self._closed = asyncio.Event()
        self._closed.set()
        self._told = ""
        self._failures = 0

    @property
    def is_held(self) -> bool:
        """Tell whether this process may act at this very moment."""
        return self._settings.clock() < self._deadline

    def check(self) -> None:
        """Raise WorldError unless this process may act at this very moment."""
        if not self.is_held:
            raise WorldError(f"{self._subject}: this process does not hold {self._ref}, and changes nothing")

    def term(self) -> "Term":
        """Return the gate of one term: what was begun in it ends with it, also if the lease is taken again."""
        return Term(self)

    async def opened(self) -> None:
        """Wait until this process holds the lease."""
        await self._opened.wait()

    async def closed(self) -> None:
        """Wait until this process does not hold the lease."""
        await self._closed.wait()

    async def run(self) -> None:
        """Take the lease whenever it is free, and keep it, until cancelled."""
        try:
            while True:
                await self._acquire()
                await self._keep()
        finally:
            with anyio.move_on_after(_RELEASE_SECONDS, shield=True):
                await self._release()

    async def _acquire(self) -> None:
        """Wait until the lease is free, and take it."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen)
            while not await self._tried():
                with anyio.move_on_after(self._wait_seconds() or self._rest_seconds()):
                    await self._stir.wait()
                self._stir.clear()
            group.cancel_scope.cancel()

    async def _tried(self) -> bool:
        """Read the lease, and take it if it is free; tell whether it is ours now."""
        if self._seen is not None and self._wait_seconds() > 0:
            return False
        try:
            async with asyncio.timeout(self._settings.renew_seconds):
                found = await self._read()
                self._observe(found)
                if self._wait_seconds() > 0:
                    self._works()
                    return False
                await self._write(found)
        except (AlreadyExistsError, ConflictError):
            # Somebody was faster: what it is now is read with the next try.
            self._seen = None
        except (WorldError, TimeoutError) as error:
            self._complain(error)
        return self.is_held

    async def _keep(self) -> None:
        """Renew the lease until that did not succeed in time, or another one has it."""
        settings, pause_seconds = self._settings, self._settings.pause_seconds
        self.terms += 1
        self._closed.clear()
        self._opened.set()
        self._tell(f"holds {self._ref} as {self.identity!r}")
        try:
            while self.is_held:
                await anyio.sleep(min(pause_seconds, self._deadline - settings.clock()))
                if self.is_held:
                    pause_seconds = settings.pause_seconds if await self._renewed() else settings.retry_seconds
            if self._deadline > -math.inf:
                self._tell(f"holds {self._ref} no more, since it was not renewed in time")
        finally:
            # A new term begins with a look at what others did.
            self._seen = None
            self._opened.clear()
            self._closed.set()

    async def _renewed(self) -> bool:
        """Renew once; tell whether that succeeded."""
        limit = min(self._settings.pause_seconds, self._deadline - self._settings.clock())
        try:
            async with asyncio.timeout(max(limit, 0.0)):
                found = self._held if self._held is not None else await self._read()
                self._held = None
                if _holder(found) not in ("", self.identity):
                    self._tell(f"holds {self._ref} no more, since {_holder(found)!r} took it")
                    self._deadline = -math.inf
                    return False
                await self._write(found)
        except (AlreadyExistsError, ConflictError):
            return False
        except NotFoundError:
            # Somebody deleted it: it is made anew, unless another is faster.
            return False
        except (WorldError, TimeoutError) as error:
            self._complain(error)
            return False
        return True

    async def _release(self) -> None:
        """Give the lease back, if it is ours; from here on the gate is shut."""
        was_held, held = self.is_held, self._held
        self._held, self._deadline = None, -math.inf
        self._api.outages.forget(id(self))
        try:
            found = await self._read() if was_held and held is None else held
            if was_held and found is not None and _holder(found) == self.identity:
                nobody = {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._api.merge_patch(self._ref, _patch(found, nobody))
                self._tell(f"gives {self._ref} back")
        except WorldError as error:
            _log.debug("%s: %s could not be given back: %s", self._subject, self._ref, error)

    async def _read(self) -> Json | None:
        try:
            return await self._api.get(self._ref)
        except NotFoundError:
            return None

    async def _write(self, found: Json | None) -> None:
        """Store that we hold it from now on; raises ConflictError where it is not as it was found."""
        begun, settings = self._settings.clock(), self._settings
        stamp = f"{settings.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        spec = {"holderIdentity": self.identity, "leaseDurationSeconds": settings.lease_seconds, "renewTime": stamp}
        if _holder(found) != self.identity:
            before = dig(found or {}, "spec", "leaseTransitions", default=0) if found else -1
            spec |= {"acquireTime": stamp, "leaseTransitions": int(before or 0) + 1}
        if found is None:
            names = {"name": self._ref.name, "namespace": self._ref.namespace}
            body = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": names, "spec": spec}
            self._held = await self._api.create(body)
        else:
            self._held = await self._api.merge_patch(self._ref, _patch(found, spec))
        self._deadline = begun + settings.renew_seconds
        self._works()

    async def _listen(self) -> None:
        """Watch the lease, so that one that is given back is taken at once."""
        selection = Selection(LEASE, self._ref.namespace, fields=f"metadata.name={self._ref.name}")
        while True:
            try:
                # Without a version a watch begins with what is there.
                async with self._api.watch(
                    selection, "", lifetime_seconds=_WATCH_SECONDS, idle_seconds=2.0 * self._settings.lease_seconds
                ) as events:
                    async for event in events:
                        # One that is deleted says nothing of its holder, who may still act.
                        if event.type in ("ADDED", "MODIFIED"):
                            self._observe(event.object)
                            self._stir.set()
            except WorldError as error:
                _log.debug("%s: watch of %s ended: %s", self._subject, self._ref, error)
            await anyio.sleep(self._settings.retry_seconds)

    def _observe(self, found: Json | None) -> None:
        """Remember since when the lease is as it is."""
        spec = (found or {}).get("spec")
        if self._seen is None or self._seen[0] != spec:
            self._seen = spec, self._settings.clock()
        holder = _holder(found)
        if holder not in ("", self.identity):
            self._tell(f"stands by, {self._ref} is held by {holder!r}")

    def _wait_seconds(self) -> float:
        """Return how long the lease has to stay as it is to be free; 0 where it is."""
        if self._seen is None:
            return 0.0
        spec, since = self._seen
        if not spec or spec.get("holderIdentity") in (None, "", self.identity):
            return 0.0
        promised = spec.get("leaseDurationSeconds")
        seconds = promised if isinstance(promised, int) and promised > 0 else self._settings.lease_seconds
        return max(0.0, since + seconds - self._settings.clock())

    def _complain(self, error: Exception) -> None:
        """Tell, once until it works again, why the lease can be neither read nor written."""
        self._failures += 1
        match error:
            case UnreachableError():
                cause = cause_of(LEASE, error)
            case ApiError():
                cause = "; ".join(filter(None, (f"{self._ref}: {error}", self._settings.remedy, "tried again")))
            case _:
                cause = f"{self._ref}: no answer in time; tried again"
        self._api.outages.begin(id(self), cause, silent=not isinstance(error, ApiError))

    def _works(self) -> None:
        self._failures = 0
        self._api.outages.end(id(self))

    def _rest_seconds(self) -> float:
        """Return how long to wait before the next try: longer with each failure in a row, up to ten times as long."""
        return self._settings.retry_seconds * min(2.0 ** max(self._failures - 1, 0), 10.0)

    def _tell(self, words: str) -> None:
        if words != self._told:
            self._told = words
            _log.info("%s: %s", self._subject, words)

    @property
    def _subject(self) -> str:
        return self._api.name or "leader election"


class Term:
    """The gate of one term of a lease: it opens with the term in which it is first waited for, and shuts for good."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._number: int | None = None

    def check(self) -> None:
        """Raise WorldError unless this process has held the lease since the term began."""
        self._lease.check()
        if self._number != self._lease.terms:
            raise WorldError("the term in which this was begun is over, and it changes nothing any more")

    async def opened(self) -> None:
        """Wait until the term begins."""
        await self._lease.opened()
        if self._number is None:
            self._number = self._lease.terms


def _holder(lease: Json | None) -> str:
    return str(dig(lease or {}, "spec", "holderIdentity", default="") or "")


def _patch(found: Json, spec: Json) -> Json:
    return {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}, "spec": spec}
