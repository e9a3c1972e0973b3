"""What is attached to a running container: its own streams, from now on.

Layer: shell.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from kdlib.errors import UnreachableError
from kdlib.sandbox.node.keeper_link import NodeEndedError
from kdlib.sandbox.node.launching import ended
from kdlib.sandbox.node.life import Life
from kdlib.sandbox.node.pipes import write_all
from kdlib.sandbox.node.sessions import set_terminal_size

__all__ = ["Attachment"]

_MOST_BYTES = 10 * 1024 * 1024
"""What may wait for a client that does not read; older output is dropped, since the container does not wait for it."""


class Attachment:
    """A client's share in the streams of a container's first process; leaving it ends nothing."""

    def __init__(self, life: Life, *, terminal: bool, stdin_once: bool) -> None:
        self._life = life
        self._terminal = terminal
        self._stdin_once = stdin_once
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._leave = life.listen(self._take)

    async def send(self, data: bytes) -> None:
        """Write to the container's stdin; what it does not take goes nowhere."""
        if self._life.started.stdin >= 0:
            try:
                await write_all(self._life.started.stdin, data)
            except OSError:
                self._life.close_stdin()

    async def close_stdin(self) -> None:
        """End the container's stdin where it is for one client; a terminal stays open."""
        if self._stdin_once and not self._terminal:
            self._life.close_stdin()

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the container's terminal its new size; does nothing where it has none."""
        if self._terminal and not self._life.log.is_closed:
            set_terminal_size(self._life.started.stdout, columns, rows)

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1, stdout bytes) and (2, stderr bytes) until the container has ended."""
        while True:
            self._wake.clear()
            while self._waiting:
                stream, data = self._waiting.popleft()
                self._bytes -= len(data)
                yield stream, data
            if self._life.log.is_closed:
                return
            await self._wake.wait()

    async def exit_code(self) -> int:
        """Wait for the container's end; an attachment that ends with it went well, whatever its exit code."""
        try:
            await ended(self._life.process)
        except NodeEndedError as error:
            raise UnreachableError(str(error)) from error
        return 0

    def close(self) -> None:
        """Leave the container."""
        self._leave()

    def _take(self, stream: int, data: bytes) -> None:
        if data:
            self._waiting.append((stream, data))
            self._bytes += len(data)
        while self._bytes > _MOST_BYTES:
            self._bytes -= len(self._waiting.popleft()[1])
        self._wake.set()
