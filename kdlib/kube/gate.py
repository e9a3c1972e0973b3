"""Gate: whether this process may change anything on one Kubernetes cluster, asked before each write and exec.

Layer: shell.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Protocol

from kdlib.frozen import Json
from kdlib.wire import ExecRequest, ExecStream, Request, Transport, WatchEvent

__all__ = ["OPEN", "Gate", "GatedTransport"]


class Gate(Protocol):
    """Whether this process may act now."""

    def check(self) -> None:
        """Raise WorldError unless this process may act at this very moment."""

    async def opened(self) -> None:
        """Wait until this process may act."""


class _Open:
    """The gate of a process that acts alone."""

    def check(self) -> None:
        """Let everything pass."""

    async def opened(self) -> None:
        """Return at once."""


OPEN: Gate = _Open()
"""The gate of a process that acts alone: always open."""


class GatedTransport:
    """A Transport that lets reads and watches through, and what changes anything only while its gate is open.

    Guarantees: the gate is asked before a write or exec begins, again when a connection was found for a write, and
    before each piece that is sent to a command.
    """

    def __init__(self, transport: Transport, gate: Gate) -> None:
        self._transport = transport
        self._gate = gate

    async def request(self, request: Request) -> Json:
        """Send the request; raises what the gate raises where it may not be sent."""
        if request.method in ("GET", "HEAD"):
            return await self._transport.request(request)
        self._gate.check()
        return await self._transport.request(replace(request, permit=self._gate.check))

    def watch(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Open a watch."""
        return self._transport.watch(request)

    @asynccontextmanager
    async def exec(self, request: ExecRequest) -> AsyncGenerator[ExecStream]:
        """Open an exec; raises what the gate raises where nothing may be started."""
        self._gate.check()
        async with self._transport.exec(request) as stream:
            yield _GatedStream(stream, self._gate)

    async def close(self) -> None:
        """Release connections; further calls fail."""
        await self._transport.close()


class _GatedStream:
    """An exec to which nothing is sent once the gate is closed."""

    def __init__(self, stream: ExecStream, gate: Gate) -> None:
        self._stream = stream
        self._gate = gate

    async def send(self, data: bytes) -> None:
        """Write to the command's stdin; raises what the gate raises where nothing may be sent."""
        self._gate.check()
        await self._stream.send(data)

    async def close_stdin(self) -> None:
        """End the command's stdin; raises what the gate raises where nothing may be sent."""
        self._gate.check()
        await self._stream.close_stdin()

    def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        return aiter(self._stream)

    async def exit_code(self) -> int:
        """Return the command's exit code, once iteration has ended."""
        return await self._stream.exit_code()
