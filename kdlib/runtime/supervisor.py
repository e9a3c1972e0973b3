"""TaskSupervisor: slow work inside members, outside of passes: bounded, limited in time, cancelled when unwanted.

Layer: shell.
"""

import logging
import random
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from kdlib.errors import WorldError
from kdlib.kube import Backoff
from kdlib.model import Finished, GuestFact, Stalled, UnderWay
from kdlib.reconcile import Progress, Work, WorkId
from kdlib.runtime.containment import contained

__all__ = ["SupervisorSettings", "TaskSupervisor"]

_log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Bounds on the work inside members; a stalled operation is taken up again after `backoff`.

    That operations go on is told of at most once per cluster in `progress_seconds`.
    """

    tasks: int = 256
    tasks_per_cluster: int = 64
    limit_seconds: float = 24 * 3600.0
    progress_seconds: float = 10.0
    backoff: Backoff = field(default_factory=lambda: Backoff(1.0, 30.0))
    dice: Callable[[], float] = random.random


@dataclass(slots=True)
class _Task:
    work: Work
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    fact: GuestFact | None = None
    runs: bool = False


@dataclass(slots=True)
class _Cluster:
    limiter: anyio.CapacityLimiter
    tells: bool = False
    tasks: dict[WorkId, _Task] = field(default_factory=dict)


class TaskSupervisor(Generic[K]):
    """Runs what each cluster wants done inside its members, and keeps the results for its next pass.

    Guarantees: an operation runs at most once at a time; what is wanted no more is cancelled; a stalled operation is
    taken up again, later and later, while it is wanted; `wake` is called with the cluster's key for each new result,
    and by and by where operations merely go on; begin and end of each are one line in the log.
    Cancellation: of the task group ends all work; what was begun inside containers can be read back from them.
    """

    def __init__(
        self, group: TaskGroup, wake: Callable[[K], None], *, settings: SupervisorSettings | None = None
    ) -> None:
        self._group = group
        self._wake = wake
        self._settings = settings or SupervisorSettings()
        self._limiter = anyio.CapacityLimiter(self._settings.tasks)
        self._clusters: dict[K, _Cluster] = {}

    def want(self, key: K, works: Iterable[Work], *, recorded: bool) -> None:
        """Make the cluster's running operations those of `works`.

        Results of operations wanted no more are kept until a pass tells that all they led to is `recorded`.
        """
        cluster = self._clusters.get(key)
        wanted = {work.id: work for work in works}
        if cluster is None:
            if not wanted:
                return
            limiter = anyio.CapacityLimiter(self._settings.tasks_per_cluster)
            cluster = self._clusters[key] = _Cluster(limiter)
        unwanted = [work_id for work_id in cluster.tasks if work_id not in wanted]
        self._cancel(cluster, unwanted, recorded=recorded)
        for work_id, work in wanted.items():
            self._start(key, cluster, work_id, work)
        if not cluster.tasks:
            del self._clusters[key]

    def hold(self, key: K) -> None:
        """Let nothing further begin: operations that wait for their turn, or for another try, are wanted no more."""
        cluster = self._clusters.get(key)
        if cluster is not None:
            ended = [work_id for work_id, task in cluster.tasks.items() if not task.runs]
            self._cancel(cluster, ended, recorded=False)

    def facts(self, key: K) -> tuple[GuestFact, ...]:
        """Return what is known of the cluster's operations, sorted."""
        cluster = self._clusters.get(key)
        known = [task.fact for task in cluster.tasks.values() if task.fact] if cluster else []
        return tuple(sorted(known, key=lambda fact: (fact.pod, fact.container, fact.operation)))

    def forget(self, key: K) -> None:
        """Cancel everything of a cluster that is gone."""
        self.want(key, (), recorded=True)

    def __len__(self) -> int:
        """Return the number of operations that run or wait."""
        tasks = [task for cluster in self._clusters.values() for task in cluster.tasks.values()]
        return sum(1 for task in tasks if not _has_ended(task))

    def _cancel(self, cluster: _Cluster, unwanted: Iterable[WorkId], *, recorded: bool) -> None:
        """End operations; one whose result still has to be recorded stays."""
        for work_id in unwanted:
            task = cluster.tasks[work_id]
            if recorded or not _has_ended(task):
                task.scope.cancel()
                del cluster.tasks[work_id]

    def _start(self, key: K, cluster: _Cluster, work_id: WorkId, work: Work) -> None:
        known = cluster.tasks.get(work_id)
        if known is not None:
            # Only the way to do it may have changed, for the next time that a stalled operation is taken up.
            known.work = work
            return
        task = cluster.tasks[work_id] = _Task(work)
        self._group.start_soon(self._run, key, cluster.limiter, task)

    async def _run(self, key: K, limiter: anyio.CapacityLimiter, task: _Task) -> None:
        failures, begun, work = 0, anyio.current_time(), task.work
        fields = {**work.logged, "member": work.id.pod, "operation": work.id.operation}
        with task.scope:
            _log.info("operation started", extra={**fields, "container": work.id.container})
            while True:
                async with limiter, self._limiter:
                    task.runs = True
                    fact = await self._attempt(task.work, partial(self._learn, key, task))
                    task.runs = False
                self._learn(key, task, fact)
                if isinstance(fact.result, Finished):
                    _tell_end(fact.result, {**fields, "seconds": round(anyio.current_time() - begun, 3)})
                    return
                failures += 1
                await anyio.sleep(self._settings.backoff.delay_seconds(failures, self._settings.dice))

    def _learn(self, key: K, task: _Task, fact: GuestFact) -> None:
        if fact == task.fact:
            return
        task.fact = fact
        cluster = self._clusters.get(key)
        if not isinstance(fact.result, UnderWay):
            self._wake(key)
        elif cluster is not None and not cluster.tells:
            cluster.tells = True
            self._group.start_soon(self._tell_by_and_by, key, cluster)

    async def _tell_by_and_by(self, key: K, cluster: _Cluster) -> None:
        """Wake once for all that goes on in a cluster."""
        await anyio.sleep(self._settings.progress_seconds)
        cluster.tells = False
        if self._clusters.get(key) is cluster:
            self._wake(key)

    async def _attempt(self, work: Work, progress: Progress) -> GuestFact:
        limit = self._settings.limit_seconds
        result: GuestFact | WorldError = WorldError(f"did not end within {limit:g} s")
        with anyio.move_on_after(limit):
            result = await contained(str(work.id), lambda: work.run(progress))
        match result:
            case GuestFact():
                return result
            case WorldError():
                return GuestFact(work.id.pod, work.id.container, work.id.operation, Stalled(str(result)))


def _has_ended(task: _Task) -> bool:
    return task.fact is not None and isinstance(task.fact.result, Finished)


def _tell_end(end: Finished, fields: Mapping[str, object]) -> None:
    """Log how an operation ended; what a start script wrote is for the status alone."""
    level = logging.WARNING if end.exit_code else logging.INFO
    detail = {"detail": end.detail} if end.detail else {}
    _log.log(level, "operation finished", extra={**fields, "exit_code": end.exit_code, **detail})
