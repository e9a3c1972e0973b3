"""The sandbox's end of the link to its keeper: starts it, asks it, and hears of the ends of processes.

Layer: shell.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from kdlib.errors import KubeDirectorError
from kdlib.sandbox.node.keeper import Message, receive, send

__all__ = ["BOOT", "Keeper", "KeeperSettings", "NodeEndedError", "NodeRefusedError", "Process"]

BOOT = (sys.executable, "-I", "-S", str(Path(__file__).parent / "keeper" / "boot.py"))
"""Starts the keeper's own script, which needs no site packages and no environment."""
_START_SECONDS = 20.0
_END_SECONDS = 10.0

_Answer: TypeAlias = asyncio.Future[tuple[Any, list[int]]]


class NodeRefusedError(KubeDirectorError):
    """The kernel refuses the node; the message is one sentence that says what to change."""


class NodeEndedError(KubeDirectorError):
    """The keeper has ended, and with it every process of the node."""


@dataclass(frozen=True)
class KeeperSettings:
    """What the keeper is started with.

    `prefixes` are folders of the machine that containers see besides /usr, /bin, /lib* and /opt; `claims` is a folder
    of the machine for the contents of claims, empty to keep them in memory.
    """

    gateway: str = "10.88.0.1"
    prefix: int = 16
    prefixes: tuple[str, ...] = ()
    claims: str = ""


@dataclass(frozen=True)
class Process:
    """A process that the keeper started; `exited` becomes its wait status."""

    key: str
    exited: asyncio.Future[int] = field(compare=False)


class Keeper:
    """A running keeper."""

    def __init__(self, link: socket.socket, program: subprocess.Popen[bytes]) -> None:
        self._link = link
        self._program = program
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._answers: dict[int, _Answer] = {}
        self._unsent: deque[tuple[Message, Sequence[int]]] = deque()
        self._processes: dict[str, Process] = {}
        self._last_id = 0
        self.ended = asyncio.Event()
        """Set when the keeper has gone."""
        self._loop.add_reader(link, self._hear)

    @classmethod
    async def start(cls, settings: KeeperSettings) -> "Keeper":
        """Start a keeper and wait until its namespaces are there.

        Raises: NodeRefusedError where the kernel does not let it.
        """
        keeper = cls(*_start(settings))
        async with AsyncExitStack() as on_failure:
            on_failure.push_async_callback(keeper.close)
            async with asyncio.timeout(_START_SECONDS):
                await keeper._ready
            on_failure.pop_all()
        return keeper

    async def call(
        self, op: str, arguments: Mapping[str, Any], *, descriptors: Sequence[int] = ()
    ) -> tuple[Any, list[int]]:
        """Have the keeper do one operation; returns its result and descriptors, which are then the caller's.

        Assumes: the descriptors stay open until the call returns.
        Raises: OSError for what the kernel refused, NodeEndedError.
        """
        return await self._answered(self._order(op, arguments, descriptors))

    async def start_process(self, op: str, arguments: Mapping[str, Any], *, descriptors: Sequence[int]) -> Process:
        """Have the keeper start a process, by `run` or `exec`; `arguments` hold its `key`."""
        answer = self._order(op, arguments, descriptors)
        process = Process(str(arguments["key"]), self._loop.create_future())
        self._processes[process.key] = process
        answer.add_done_callback(lambda done: self._forget_refused(done, process.key))
        await self._answered(answer)
        return process

    def _order(self, op: str, arguments: Mapping[str, Any], descriptors: Sequence[int]) -> _Answer:
        if self._link.fileno() < 0:
            raise NodeEndedError("the sandbox's node has ended")
        self._last_id += 1
        answer: _Answer = self._loop.create_future()
        self._answers[self._last_id] = answer
        self._unsent.append(({**arguments, "op": op, "id": self._last_id}, descriptors))
        self._say()
        return answer

    async def _answered(self, answer: _Answer) -> tuple[Any, list[int]]:
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            self._withdraw(answer)
            raise

    def _withdraw(self, answer: _Answer) -> None:
        """Drop an order that was not sent yet; of one that was, drop the descriptors that come."""
        unsent = {message["id"] for message, _ in self._unsent}
        number = next((each for each, future in self._answers.items() if future is answer), 0)
        if number in unsent:
            self._unsent = deque(order for order in self._unsent if order[0]["id"] != number)
            self._answers.pop(number).cancel()
        else:
            answer.add_done_callback(_close_given)

    def _forget_refused(self, answer: _Answer, key: str) -> None:
        if answer.cancelled() or answer.exception() is not None:
            self._processes.pop(key, None)

    async def close(self) -> None:
        """End the keeper, and with it every process, mount and link of the node; returns when it has gone."""
        self._end()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._gone()
        except TimeoutError:
            self._program.kill()
        self._program.wait()

    async def _gone(self) -> None:
        if self._program.poll() is not None:
            return
        gone = asyncio.Event()
        descriptor = os.pidfd_open(self._program.pid)
        try:
            self._loop.add_reader(descriptor, gone.set)
            await gone.wait()
        finally:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)

    def _end(self) -> None:
        """Close the link, and fail what waits for it."""
        if self._link.fileno() < 0:
            return
        self._loop.remove_reader(self._link)
        self._loop.remove_writer(self._link)
        self._link.close()
        self.ended.set()
        error = NodeEndedError("the sandbox's node has ended")
        waiting: list[asyncio.Future[Any]] = [self._ready, *self._answers.values()]
        waiting += [process.exited for process in self._processes.values()]
        self._answers.clear()
        self._processes.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                # Nobody may be waiting for this one; asking for the exception marks it as seen.
                future.exception()

    def _say(self) -> None:
        while self._unsent:
            message, descriptors = self._unsent[0]
            try:
                send(self._link, message, descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._link, self._say)
                return
            except OSError:
                self._end()
                return
            self._unsent.popleft()
        self._loop.remove_writer(self._link)

    def _hear(self) -> None:
        try:
            received = receive(self._link)
        except BlockingIOError:
            return
        except OSError:
            received = None
        if received is None:
            self._end()
            return
        self._take(*received)

    def _take(self, message: Message, descriptors: list[int]) -> None:
        match message:
            case {"event": "ready"}:
                self._ready.set_result(None)
            case {"event": "refused", "error": str(sentence)}:
                self._ready.set_exception(NodeRefusedError(sentence))
            case {"event": "exit", "key": str(key), "status": int(status)}:
                self._exit(key, status)
            case {"id": int(number), "error": str(text), "errno": int(code)}:
                self._answers.pop(number).set_exception(OSError(code, text))
            case {"id": int(number), "result": result}:
                self._answers.pop(number).set_result((result, descriptors))

    def _exit(self, key: str, status: int) -> None:
        process = self._processes.pop(key, None)
        if process is not None and not process.exited.done():
            process.exited.set_result(status)


def _start(settings: KeeperSettings) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    with theirs:
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        given = [str(os.getpid()), str(theirs.fileno()), json.dumps(asdict(settings))]
        try:
            program = subprocess.Popen(
                [*BOOT, "keeper", *given],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # An interrupt from the terminal is the main process's to act on.
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return ours, program


def _close_given(answer: _Answer) -> None:
    if not answer.cancelled() and answer.exception() is None:
        for descriptor in answer.result()[1]:
            os.close(descriptor)
