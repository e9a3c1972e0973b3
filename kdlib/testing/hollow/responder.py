"""The seam of a hollow container: what an exec in it does is one plain callable.

Layer: shell.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from kdlib.errors import UnreachableError
from kdlib.frozen import Json
from kdlib.wire import ExecRequest

__all__ = ["Answer", "ContainerLife", "ExecCall", "Responder", "Stdin", "answering", "echo"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0


@dataclass(frozen=True)
class ContainerLife:
    """One life of one container: it ends when the container restarts or its pod goes.

    `memory` is the responder's own, for what a process in the container would have in files: it ends with the life.
    """

    pod: Json
    container: str
    container_id: str
    started_at: datetime
    memory: dict[str, Any] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Stdin:
    """The bytes that a client sends to a command."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(maxsize=64)
        self._kept = b""
        self._ended = False

    async def feed(self, data: bytes) -> None:
        """Add bytes; waits while the command does not read."""
        await self._chunks.put(data)

    async def end(self) -> None:
        """End the stream."""
        await self._chunks.put(b"")

    async def read(self, size: int) -> bytes:
        """Return exactly `size` bytes; fewer only where the stream ended before."""
        while len(self._kept) < size and not self._ended:
            self._kept += await self._next()
        taken, self._kept = self._kept[:size], self._kept[size:]
        return taken

    async def read_line(self) -> bytes:
        """Return the next line without its newline, or what is left where the stream ended before one."""
        while b"\n" not in self._kept and not self._ended:
            self._kept += await self._next()
        line, _, self._kept = self._kept.partition(b"\n")
        return line

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what comes, as it comes, until the stream ends."""
        if self._kept:
            kept, self._kept = self._kept, b""
            yield kept
        while chunk := await self._next():
            yield chunk

    async def _next(self) -> bytes:
        if self._ended:
            return b""
        chunk = await self._chunks.get()
        self._ended = not chunk
        return chunk


@dataclass(frozen=True, slots=True)
class ExecCall:
    """One exec in a hollow container."""

    request: ExecRequest
    life: ContainerLife
    stdin: Stdin


Responder: TypeAlias = Callable[[ExecCall], Awaitable[Answer]]
"""Does what a command would do. UnreachableError cuts the connection before the command's end is told."""


def answering(answer: Answer) -> Responder:
    """Return a responder that gives this answer to every command, its stdin unread."""

    async def respond(_: ExecCall) -> Answer:
        return answer

    return respond


async def echo(call: ExecCall) -> Answer:
    """Answer with the words of the command, and fail where they are `false`; `cut` cuts the connection."""
    match call.request.command:
        case ("false", *_):
            return Answer(exit_code=1)
        case ("cut", *_):
            raise UnreachableError("the responder was asked to cut the connection")
        case ("cat",):
            return Answer(b"".join([chunk async for chunk in call.stdin]))
        case words:
            return Answer(" ".join(words).encode() + b"\n")
