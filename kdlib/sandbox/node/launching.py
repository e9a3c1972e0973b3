"""Starting a program in the node: its streams, and whether it began.

Layer: shell.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from kdlib.errors import KubeDirectorError
from kdlib.sandbox.node.keeper import Message, receive
from kdlib.sandbox.node.keeper_link import Keeper, Process
from kdlib.sandbox.node.pipes import wait_readable

__all__ = ["StartError", "Started", "ended", "exit_code", "start"]


class StartError(KubeDirectorError):
    """A program could not be started in its container; the message is the kernel's, worded as runtimes word it."""


@dataclass(frozen=True)
class Started:
    """A program that runs, and our ends of its streams, non-blocking; -1 for one that it does not have.

    With a terminal, `stdin` and `stdout` are both its controlling side (two descriptors), and there is no stderr.
    """

    process: Process
    stdin: int
    stdout: int
    stderr: int

    def close(self) -> None:
        """Close our ends."""
        for descriptor in (self.stdin, self.stdout, self.stderr):
            if descriptor >= 0:
                os.close(descriptor)


async def start(
    keeper: Keeper, op: str, arguments: Mapping[str, Any], *, stdin: bool = False, terminal: bool = False
) -> Started:
    """Start a program by the keeper's operation `run` or `exec`, and wait until it is executed.

    Raises: StartError where it cannot be; NodeEndedError.
    Cancellation: what was started goes on; its streams are closed.
    """
    inside, outside = _streams(stdin=stdin, terminal=terminal)
    with ExitStack() as on_failure:
        for descriptor in outside:
            on_failure.callback(os.close, descriptor)
        report, process = await _ask(keeper, op, {**arguments, "terminal": terminal}, inside)
        with report:
            control = await _begun(report)
        on_failure.pop_all()
    if control is not None:
        return Started(process, os.dup(control), control, -1)
    return Started(process, outside.pop(0) if stdin else -1, *outside)


async def _ask(
    keeper: Keeper, op: str, arguments: Mapping[str, Any], inside: list[int]
) -> tuple[socket.socket, Process]:
    """Have the keeper start the program; closes its ends of the streams, which must not stay open here."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    with ExitStack() as on_failure, ExitStack() as always:
        on_failure.enter_context(ours)
        always.enter_context(theirs)
        for descriptor in inside:
            always.callback(os.close, descriptor)
        try:
            process = await keeper.start_process(op, arguments, descriptors=[theirs.fileno(), *inside])
        except OSError as error:
            raise StartError(error.strerror or str(error)) from error
        on_failure.pop_all()
    return ours, process


def exit_code(status: int) -> int:
    """Turn a wait status into an exit code: 128 and the signal's number for a program that a signal ended."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _streams(*, stdin: bool, terminal: bool) -> tuple[list[int], list[int]]:
    """Return the program's ends and ours, in the order of their numbers."""
    if terminal:
        return [], []
    inside, outside = [], []
    if stdin:
        reader, writer = os.pipe()
        inside.append(reader)
        outside.append(writer)
    for _ in range(2):
        reader, writer = os.pipe()
        inside.append(writer)
        outside.append(reader)
    for descriptor in outside:
        os.set_blocking(descriptor, False)
    return inside, outside


async def _begun(report: socket.socket) -> int | None:
    """Wait for the end of the report, which comes when the program is executed; returns a terminal's descriptor."""
    control: int | None = None
    while True:
        await wait_readable([report.fileno()])
        received = _receive(report)
        if received is None:
            return control
        message, descriptors = received
        if "error" in message:
            for descriptor in [*descriptors, *([control] if control is not None else [])]:
                os.close(descriptor)
            raise StartError(str(message["error"]))
        control = descriptors[0]
        os.set_blocking(control, False)


def _receive(report: socket.socket) -> tuple[Message, list[int]] | None:
    try:
        return receive(report)
    except ConnectionResetError:
        return None


async def ended(process: Process) -> int:
    """Wait for the process's end and return its exit code; safe to cancel."""
    return exit_code(await asyncio.shield(process.exited))
