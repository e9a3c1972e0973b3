"""The life of one operator process, as its connections see it: once it has ended nothing goes in or out.

Layer: shell.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from kdlib.errors import UnreachableError, WorldError

__all__ = ["ProcessLife", "Stragglers"]


class ProcessLife:
    """One life; what happens at its end is for who runs the operator, who waits for `ended`."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._buried = asyncio.Event()

    def bury(self) -> None:
        """Let calls that wait for ever fail: what is left of the operator is cleared away."""
        self.ended.set()
        self._buried.set()

    def check(self) -> Awaitable[None]:
        """Go on while the process lives; wait for ever once it does not."""
        return self._for_ever() if self.ended.is_set() else _at_once()

    async def die(self) -> NoReturn:
        """End the process here: the caller never hears of anything again, until it is buried."""
        self.ended.set()
        while True:
            await self._for_ever()

    async def _for_ever(self) -> None:
        await self._buried.wait()
        raise UnreachableError("the operator has died")


async def _at_once() -> None:
    return


class Stragglers:
    """Requests that arrive long after their sender gave them up, or died."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
        """Do the call so much later; nobody learns what came of it."""
        task = asyncio.get_running_loop().create_task(self._done(seconds, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _done(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
        await asyncio.sleep(seconds)
        try:
            await call()
        except WorldError:
            return
