"""A command that runs in a container, and its streams.

Layer: shell.
"""

import fcntl
import os
import struct
import termios
from collections.abc import AsyncIterator

from kdlib.errors import ApiError, UnreachableError, api_error
from kdlib.sandbox.node.keeper_link import NodeEndedError
from kdlib.sandbox.node.launching import Started, ended
from kdlib.sandbox.node.pipes import read_now, wait_readable, write_all

__all__ = ["FailedSession", "Session", "could_not_start", "set_terminal_size"]


def set_terminal_size(descriptor: int, columns: int, rows: int) -> None:
    """Tell a terminal its size."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Session:
    """A running command. Leaving it closes its streams; the command itself goes on, as on a real node."""

    def __init__(self, started: Started, *, terminal: bool) -> None:
        self._started = started
        self._terminal = terminal
        self._stdin = started.stdin
        self._outputs = {1: started.stdout} | ({} if terminal else {2: started.stderr})

    async def send(self, data: bytes) -> None:
        """Write to the command's stdin; what nobody reads any more goes nowhere."""
        if self._stdin < 0:
            return
        try:
            await write_all(self._stdin, data)
        except OSError:
            await self.close_stdin()

    async def close_stdin(self) -> None:
        """End the command's stdin; a terminal stays open."""
        if self._stdin >= 0 and not self._terminal:
            os.close(self._stdin)
            self._stdin = -1

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the command's terminal its new size; does nothing where it has none."""
        if self._terminal and 1 in self._outputs:
            set_terminal_size(self._outputs[1], columns, rows)

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1, stdout bytes) and (2, stderr bytes) until the command has ended and all that it wrote is read.

        Something that the command left behind may hold its streams open; that is not waited for.
        """
        exited = self._started.process.exited
        while self._outputs:
            was_over = exited.done()
            found = {stream: read_now(descriptor) for stream, descriptor in self._outputs.items()}
            for stream, data in found.items():
                if data:
                    yield stream, data
                elif data is not None:
                    os.close(self._outputs.pop(stream))
            if not any(found.values()) and self._outputs:
                if was_over:
                    return
                await wait_readable(self._outputs.values(), exited)

    async def exit_code(self) -> int:
        """Wait for the command's end and return its exit code."""
        try:
            return await ended(self._started.process)
        except NodeEndedError as error:
            raise UnreachableError(str(error)) from error

    def close(self) -> None:
        """Close the streams."""
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1
        while self._outputs:
            os.close(self._outputs.popitem()[1])


class FailedSession:
    """A command that could not be started: it says nothing and ends with an error."""

    def __init__(self, error: ApiError) -> None:
        self._error = error

    async def send(self, _data: bytes) -> None:
        """Drop the data."""

    async def close_stdin(self) -> None:
        """Do nothing."""

    async def resize(self, _columns: int, _rows: int) -> None:
        """Do nothing."""

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield nothing."""
        nothing: tuple[tuple[int, bytes], ...] = ()
        for each in nothing:
            yield each

    async def exit_code(self) -> int:
        """Raise why the command could not be started."""
        raise self._error


def could_not_start(message: str) -> ApiError:
    """Make the error of a command that could not be started, in the words of a kubelet and its runtime."""
    text = f"error executing command in container: failed to exec in container: failed to start exec: {message}"
    return api_error(500, "InternalError", f"Internal error occurred: {text}")
