"""Waits for what no event tells of: a file of another process, a log, the state of a world, another event loop."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Condition: TypeAlias = Callable[[], object | Awaitable[object]]


async def until(
    condition: Callable[[], object | Awaitable[object]], seconds: float = 60.0, every: float = 0.02
) -> None:
    """Wait until a condition holds, looked at each `every` seconds of the loop; TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await _held(condition):  # noqa: ASYNC110 - any condition can be awaited; the one wait of this kind
            await asyncio.sleep(every)


async def _held(condition: Condition) -> object:
    found = condition()
    return await found if inspect.isawaitable(found) else found
