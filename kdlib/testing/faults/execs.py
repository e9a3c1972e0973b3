"""What can befall an exec.

Layer: shell.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from kdlib.errors import UnreachableError, api_error
from kdlib.testing.faults.life import ProcessLife, Stragglers
from kdlib.wire import ExecRequest, ExecStream, Transport

__all__ = ["FaultyExec"]

_DELAY_SECONDS = 20.0
_LATE_SECONDS = 5.0
_FOR_EVER_SECONDS = 10_000_000.0


@dataclass(frozen=True, slots=True)
class _Done:
    """What a command said and how it ended."""

    output: tuple[tuple[int, bytes], ...]
    code: int


class FaultyExec:
    """An exec as context manager and stream, which one fault strikes, or none."""

    def __init__(
        self, inner: Transport, request: ExecRequest, kind: str, *, life: ProcessLife, stragglers: Stragglers
    ) -> None:
        self._inner = inner
        self._request = request
        self._kind = kind
        self._life = life
        self._stragglers = stragglers
        self._sent = b""
        self._done: _Done | None = None
        self._context: AbstractAsyncContextManager[ExecStream] | None = None
        self._stream: ExecStream | None = None

    async def __aenter__(self) -> Self:
        await self._life.check()
        match self._kind:
            case "killed-before":
                await self._life.die()
            case "lost":
                raise self._cut()
            case "refused":
                raise api_error(500, "InternalError", "error dialing backend")
            case "hung":
                await asyncio.sleep(_FOR_EVER_SECONDS)
            case "delayed":
                await asyncio.sleep(_DELAY_SECONDS)
                await self._life.check()
        if not self._is_held_back:
            self._context = self._inner.exec(self._request)
            self._stream = await self._context.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if self._context is None:
            return None
        return await self._context.__aexit__(kind, error, trace)

    async def send(self, data: bytes) -> None:
        """Send data, or half of it."""
        await self._life.check()
        self._sent += data
        if self._kind in {"cut-stdin", "killed-in-stdin"}:
            await self._opened.send(data[: len(data) // 2])
            if self._kind == "killed-in-stdin":
                await self._life.die()
            raise self._cut()
        if not self._is_held_back:
            await self._opened.send(data)

    async def close_stdin(self) -> None:
        """End what is sent."""
        if not self._is_held_back:
            await self._opened.close_stdin()

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what the command says, as far as it comes through."""
        await self._life.check()
        if self._is_held_back:
            self._stragglers.follow(_LATE_SECONDS, self._whole)
            if self._kind == "killed-late":
                await self._life.die()
            raise self._cut()
        if self._kind in {"cut", "cut-stdin"}:
            raise self._cut()
        if self._kind:
            self._done = await _read(self._opened)
            await self._after()
            for part in self._done.output:
                yield part
            return
        async for part in self._opened:
            await self._life.check()
            yield part

    async def exit_code(self) -> int:
        """Return how the command ended, if that comes through."""
        await self._life.check()
        if self._kind == "code-lost":
            raise self._cut()
        return self._done.code if self._done is not None else await self._opened.exit_code()

    async def _after(self) -> None:
        """Let happen what strikes once the command is done."""
        match self._kind:
            case "answer-lost":
                raise self._cut()
            case "timed-out":
                await asyncio.sleep(_FOR_EVER_SECONDS)
            case "killed-after":
                await self._life.die()
            case "repeated":
                self._done = await self._whole()

    async def _whole(self) -> _Done:
        """Do all of it in a connection of its own."""
        async with self._inner.exec(self._request) as stream:
            if self._request.stdin:
                await stream.send(self._sent)
                await stream.close_stdin()
            return await _read(stream)

    @property
    def _is_held_back(self) -> bool:
        return self._kind in {"late", "killed-late"}

    @property
    def _opened(self) -> ExecStream:
        if self._stream is None:
            raise self._cut()
        return self._stream

    def _cut(self) -> UnreachableError:
        return UnreachableError(f"exec in pod {self._request.pod!r}: {self._kind or 'cut'}")


async def _read(stream: ExecStream) -> _Done:
    output = [part async for part in stream]
    return _Done(tuple(output), await stream.exit_code())
