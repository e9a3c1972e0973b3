"""One life of one container: its first process, its log, and the programs run beside it.

Layer: shell.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kdlib.sandbox.node.keeper_link import Keeper, Process
from kdlib.sandbox.node.launching import Started, start
from kdlib.sandbox.node.logbook import Logbook
from kdlib.sandbox.node.pipes import read_now
from kdlib.sandbox.node.sessions import Session

__all__ = ["Life"]

_MOST_OUTPUT = 16 * 1024


@dataclass
class Life:
    """A container that was started; `program` is what the keeper was told, without what only a start needs."""

    keeper: Keeper
    key: str
    started: Started
    log: Logbook
    began: datetime
    program: Mapping[str, Any]
    stop_signal: int
    unhealthy: asyncio.Future[float] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Done when a probe wants the container's end; the result is the grace period in seconds."""
    _execs: int = 0
    _listeners: list[Callable[[int, bytes], None]] = field(default_factory=list)

    @property
    def process(self) -> Process:
        """Return the container's first process."""
        return self.started.process

    def record(self) -> None:
        """Take what the container writes into its log from now on."""
        loop = asyncio.get_running_loop()
        for stream, descriptor in self._outputs():
            loop.add_reader(descriptor, self._take, stream, descriptor)

    def close(self) -> None:
        """Take what is left and close the log; every process of the container has ended."""
        loop = asyncio.get_running_loop()
        for stream, descriptor in self._outputs():
            loop.remove_reader(descriptor)
            while data := read_now(descriptor):
                self._tell(stream, data)
        self.started.close()
        self.log.close()
        self._tell(1, b"")

    def listen(self, listener: Callable[[int, bytes], None]) -> Callable[[], None]:
        """Tell a listener what the container writes from now on, and b"" once its log is closed; the answer ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close_stdin(self) -> None:
        """End the container's stdin for good."""
        if self.started.stdin >= 0:
            os.close(self.started.stdin)
            self.started = replace(self.started, stdin=-1)

    def give_up(self, seconds: float) -> None:
        """Ask for the container's end, with a grace period."""
        if not self.unhealthy.done():
            self.unhealthy.set_result(seconds)

    async def send(self, number: int) -> None:
        """Send the container's first process a signal."""
        await self.keeper.call("signal", {"key": self.key, "signal": int(number)})

    async def execute(self, command: list[str]) -> tuple[int, str]:
        """Run a command in the container; returns its exit code and the begin of its output.

        Cancellation: the command is killed.
        Raises: StartError.
        """
        started = await self.begin(command)
        session = Session(started, terminal=False)
        output = b""
        try:
            async for _, data in session:
                output = (output + data)[:_MOST_OUTPUT]
            return await session.exit_code(), output.decode(errors="replace")
        except asyncio.CancelledError:
            await self.keeper.call("signal", {"key": started.process.key, "signal": int(signal.SIGKILL)})
            raise
        finally:
            session.close()

    async def begin(self, command: list[str], *, stdin: bool = False, terminal: bool = False) -> Started:
        """Start a command in the container. Raises: StartError."""
        self._execs += 1
        given = {**self.program, "argv": command, "container": self.key, "key": f"{self.key}/{self._execs}"}
        if terminal:
            given["env"] = {"TERM": "xterm", **given["env"]}
        return await start(self.keeper, "exec", given, stdin=stdin, terminal=terminal)

    def _outputs(self) -> list[tuple[int, int]]:
        outputs = [(1, self.started.stdout), (2, self.started.stderr)]
        return [(stream, descriptor) for stream, descriptor in outputs if descriptor >= 0]

    def _take(self, stream: int, descriptor: int) -> None:
        data = read_now(descriptor)
        if data:
            self._tell(stream, data)
        elif data is not None:
            asyncio.get_running_loop().remove_reader(descriptor)

    def _tell(self, stream: int, data: bytes) -> None:
        if data:
            self.log.write(stream, data)
        for listener in tuple(self._listeners):
            listener(stream, data)
