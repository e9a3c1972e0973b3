"""Operators under test: a coroutine on faulty connections, or a process with a log.

Layer: shell.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

from kdlib.errors import KubeDirectorError
from kdlib.kube import Api
from kdlib.testing.control_plane import die_with_parent
from kdlib.testing.faults import Channel, FaultyTransport, Replicas, Stragglers
from kdlib.testing.orders import Orders
from kdlib.wire import Transport

__all__ = ["Operator", "OperatorEndedError", "OperatorProcess", "Start"]

Start: TypeAlias = Callable[[Api], Coroutine[Any, Any, object]]
"""Runs an operator for ever on an Api, such as `lambda api: Controller(api, KIND, desired).run()`."""

_TAIL_CHARACTERS = 2000


class OperatorEndedError(KubeDirectorError):
    """An operator under test ended by itself; the cause, or the tail of its log, tells why."""


class Operator:
    """An operator that runs in the test's event loop, on a way to the API server that faults can befall.

    Guarantees: once killed, nothing that it does reaches the API server.
    """

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[Transport]], start: Start, name: str) -> None:
        self.orders = Orders()
        self._opened = opened
        self._start = start
        self._name = name
        self._replicas = Replicas()
        self._stragglers = Stragglers()
        self._transport: FaultyTransport | None = None
        self._work: asyncio.Task[object] | None = None
        self._remains: list[tuple[FaultyTransport, asyncio.Task[object]]] = []
        self._connections = AsyncExitStack()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises OperatorEndedError once it has ended by itself."""

    def lose_next_write(self, words: str = "") -> None:
        """Let the next write not arrive: its connection is cut. `words` occur in it, such as `statefulsets`."""
        self.orders.add(Channel.WRITE, "lost", words)

    def lose_next_answer(self, words: str = "") -> None:
        """Let the next write be done, and its answer be lost."""
        self.orders.add(Channel.WRITE, "answer-lost", words)

    def cut_watch(self, words: str = "") -> None:
        """Cut a watch right before its next event; `words` occur in that, such as `MODIFIED Pod`."""
        self.orders.add(Channel.WATCH, "cut", words)

    def kill_at_next_write(self, words: str = "", *, done: bool = False) -> None:
        """End the operator at its next write: before it arrives, or when it is done and not yet answered."""
        self.orders.add(Channel.WRITE, "killed-after" if done else "killed-before", words)

    async def begin(self) -> None:
        """Start it, as a new process that knows nothing; one that still runs is killed."""
        await self.kill()
        inner = await self._connections.enter_async_context(self._opened())
        self._transport = FaultyTransport(inner, self.orders, replicas=self._replicas, stragglers=self._stragglers)
        self._work = asyncio.create_task(self._start(Api(self._transport, name=self._name)), name=self._name)
        self._work.add_done_callback(self._over)

    async def kill(self) -> None:
        """End it here, in the middle of whatever it does."""
        if self._transport is None or self._work is None:
            return
        self._transport.life.ended.set()
        self._work.cancel()
        # What it does while it is cancelled leads nowhere; nobody waits for it before the test is over.
        self._remains.append((self._transport, self._work))
        self._work = None

    async def killed(self) -> None:
        """Wait until an ordered fault has killed it."""
        if self._transport is not None:
            await self._transport.life.ended.wait()
            await self.kill()

    async def close(self) -> None:
        """Stop it as a user does, and wait until nothing of it is left."""
        work, self._work = self._work, None
        for transport, _ in self._remains:
            transport.life.bury()
        tasks = {*(task for _, task in self._remains), *([work] if work else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._connections.aclose()

    def _over(self, work: asyncio.Task[object]) -> None:
        """Tell of an end that nobody asked for."""
        error = None if work.cancelled() else work.exception()
        if work is self._work and not self.ended.done():
            ended = OperatorEndedError(f"{self._name} ended by itself: {error or 'it returned'}")
            ended.__cause__ = error
            self.ended.set_exception(ended)


class OperatorProcess:
    """An operator as a process of its own, whose output is kept in a file."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
        self.log_file = log
        self._command = command
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises OperatorEndedError once it has ended by itself."""
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    def log(self) -> str:
        """Return all that it has said."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    async def begin(self) -> None:
        """Start it; one that still runs is killed."""
        await self.kill()
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A runner of tests that is killed itself runs no clean-up: the kernel ends what it started.
                preexec_fn=die_with_parent,
            )
        waiting = asyncio.create_task(self._until_over(self._process), name=f"waits for {self._command[0]}")
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def kill(self) -> None:
        """End it by SIGKILL, in the middle of whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """Kill it."""
        await self.kill()
        if self._waiting:
            await asyncio.wait(self._waiting)

    async def _until_over(self, process: asyncio.subprocess.Process) -> None:
        """Tell of an end that nobody asked for."""
        code = await process.wait()
        if process is self._process and not self.ended.done():
            tail = self.log[-_TAIL_CHARACTERS:]
            self.ended.set_exception(
                OperatorEndedError(f"{self._command[0]} ended by itself with exit code {code}: {tail}")
            )
