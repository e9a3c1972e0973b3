"""The stage of a fault plan: a Kubernetes cluster in process, its user, its members, and operators that may die."""

import asyncio
import logging
import random
from base64 import b64decode
from collections import Counter
from contextlib import asynccontextmanager
from typing import Any

from world import Members, world

from kdlib.testing import VirtualTime
from kdlib.testing.faults import FaultyTransport, Replicas, Stragglers
from kdlib.wire import KD_CLUSTER, POD, SECRET

DOWN_SECONDS = 1.0
"""From an operator's death to the start of the next one."""

MARKER = "0123456789abcdef" * 4
"""The entropy of every pass, and the value of the Secrets of scenarios: it may be told to members only."""


KINDS = (
    *("StatefulSet", "Service", "Pod", "PersistentVolumeClaim", "ControllerRevision", "Secret"),
    *("PodDisruptionBudget", "KubeDirectorStatusBackup", "KubeDirectorCluster"),
)
"""The kinds of which the objects of a cluster are, and its own."""


class Log(logging.Handler):
    """Keeps what kdlib logs, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.defects: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = {key: value for key, value in vars(record).items() if key not in vars(_PLAIN)}
        self.lines.append(f"{record.levelname} {record.getMessage()} {fields}")
        if record.exc_info or record.levelno >= logging.ERROR:
            self.defects.append(self.format(record))


_PLAIN = logging.makeLogRecord({})


class Stage:
    """What a scenario acts on."""

    def __init__(self, world, members, schedule) -> None:
        self.world, self.members, self.schedule = world, members, schedule
        self.came: Counter[str] = Counter()
        self.went: Counter[str] = Counter()
        self.transports: list[FaultyTransport] = []
        self.log = Log()
        self.before: Any = None
        """What a step's act notes for its end, or for a later step."""
        self.ownerless: frozenset[str] = frozenset()
        """The kinds of which objects may outlive their cluster."""
        self._replicas, self._stragglers = Replicas(), Stragglers()
        self._operators: asyncio.Task | None = None
        world.registry.subscribe(self._committed)

    def _committed(self, event: str, obj) -> None:
        count = {"ADDED": self.came, "DELETED": self.went}.get(event)
        if count is not None and obj["metadata"].get("namespace") == "default" and obj["kind"] in KINDS:
            count[f"{obj['kind']} {obj['metadata']['name']}"] += 1

    @property
    def sent(self) -> int:
        """Return how many requests and execs all operators sent, watches aside."""
        return sum(len(each.requests) + len(each.execs) for each in self.transports)

    def statuses(self):
        """Return the statuses of all clusters."""
        return [obj.get("status") for obj in self.world.registry.list(KD_CLUSTER, "default")]

    def hidden_tokens(self) -> set[str]:
        """Return the tokens that stand in the cluster's Secret."""
        found = [obj for obj in self.world.registry.list(SECRET, "default") if obj["metadata"]["name"] == "kdtokens-c1"]
        return {b64decode(text).decode() for obj in found for text in obj["data"].values()}

    def patch(self, patch) -> None:
        """Patch the cluster, as a user does."""
        self.world.registry.patch(KD_CLUSTER, "default", "c1", patch)

    def pod(self, suffix: str) -> str:
        """Return the name of the one pod whose name ends so."""
        (name,) = (name for obj in self.world.registry.list(POD) if (name := obj["metadata"]["name"]).endswith(suffix))
        return name

    def has_pod(self, suffix: str) -> bool:
        """Tell whether there is a pod whose name ends so, with containers."""
        pods = [obj for obj in self.world.registry.list(POD) if obj["metadata"]["name"].endswith(suffix)]
        return any("containerStatuses" in pod.get("status", {}) for pod in pods)

    def is_set_up(self, pod: str) -> bool:
        """Tell whether the present container of a member is the one that was configured last."""
        status = self.world.registry.get(POD, "default", pod)["status"]
        return any(
            member["pod"] == pod
            and member["stateDetail"].get("lastConfiguredContainer") == status["containerStatuses"][0]["containerID"]
            for role in self.world.status()["roles"]
            for member in role["members"]
        )

    @asynccontextmanager
    async def operated(self):
        """Have an operator at work, and a fresh one after each death."""
        self._operators = asyncio.create_task(self._operate())
        try:
            yield
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Kill the operator that is at work."""
        if self._operators is None:
            return
        self._operators.cancel()
        await asyncio.wait({self._operators})
        if not self._operators.cancelled():
            self._operators.result()
        self._operators = None

    async def replace_operator(self) -> FaultyTransport:
        """Let a fresh operator take over; return its transport."""
        await self.stop()
        self._operators = asyncio.create_task(self._operate())
        await asyncio.sleep(0)
        return self.transports[-1]

    async def _operate(self) -> None:
        while True:
            inner = self.world.transport()
            transport = FaultyTransport(inner, self.schedule, replicas=self._replicas, stragglers=self._stragglers)
            self.transports.append(transport)
            work = asyncio.create_task(self.world.controller(transport, grace_seconds=0.0).run())
            death = asyncio.create_task(transport.life.ended.wait())
            try:
                await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                for task in (work, death):
                    task.cancel()
                await asyncio.wait({work, death})
            await asyncio.sleep(DOWN_SECONDS)


def played(act, schedule):
    """Run an async function of a Stage in a fresh world and virtual time; return what it returns.

    The dice of back-offs are those of one seed, so the same plan makes the same run.
    """
    random.seed(0)
    time, members = VirtualTime(), Members()

    async def run():
        async with world(time, members) as made:
            stage = Stage(made, members, schedule)
            logger = logging.getLogger("kdlib")
            before = logger.level, logger.propagate
            logger.addHandler(stage.log)
            logger.setLevel(logging.INFO)
            logger.propagate = False
            try:
                return await act(stage)
            finally:
                logger.removeHandler(stage.log)
                logger.setLevel(before[0])
                logger.propagate = before[1]

    return time.run(run())
