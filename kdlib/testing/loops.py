"""An event loop in a thread of its own: a server in it outlives the loops of single tests.

Layer: shell.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["LoopThread"]

T = TypeVar("T")


class LoopThread:
    """A running event loop, as a context manager; after it, nothing of the thread is left."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop; block until it has ended, return or raise what it did."""
        return self.begin(work).result()

    def begin(self, work: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Run a coroutine in the loop; return at once."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @contextmanager
    def held(self, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Hold an async context open in the loop; one task enters and leaves it."""
        opened: concurrent.futures.Future[T] = concurrent.futures.Future()
        close = asyncio.Event()
        holding = self.begin(_hold(context, opened, close))
        try:
            yield opened.result()
        finally:
            self._loop.call_soon_threadsafe(close.set)
            holding.result()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()


async def _hold(
    context: AbstractAsyncContextManager[T], opened: "concurrent.futures.Future[T]", close: asyncio.Event
) -> None:
    try:
        async with context as value:
            opened.set_result(value)
            await close.wait()
    except BaseException as error:
        if opened.done():
            raise
        opened.set_exception(error)
