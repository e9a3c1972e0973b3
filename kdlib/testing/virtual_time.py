"""Virtual time: an event loop whose clock jumps to the next timer whenever nothing else is to be done.

Hours of waiting pass in milliseconds, and the same run gives the same order of events on every machine. Sockets work,
but time does not wait for them: what runs in virtual time should talk in process.

Layer: shell.
"""

import asyncio
import selectors
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

__all__ = ["VirtualTime"]

_Result = TypeVar("_Result")
_START = datetime(2030, 1, 1, tzinfo=UTC)


class _Run(Protocol):
    def __call__(self, coro: Coroutine[Any, Any, _Result], /) -> _Result: ...


class _Jumping(selectors.DefaultSelector):
    """Moves the clock on instead of waiting."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; with nothing ready, the time that should be waited for has passed."""
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("nothing is left to happen in virtual time, and the work is not done")
        self.seconds += timeout
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, selector: _Jumping) -> None:
        self._jumping = selector
        super().__init__(selector)

    def time(self) -> float:
        """Return the virtual seconds."""
        return self._jumping.seconds


class VirtualTime:
    """A clock, and loops that live by it.

    Raises RuntimeError out of `run` where the work waits for something that can never come.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._selector: _Jumping | None = None
        self._before = 0.0

    @property
    def seconds(self) -> float:
        """Return how much time has passed since the start."""
        return self._before + (self._selector.seconds if self._selector is not None else 0.0)

    def now(self) -> datetime:
        """Return the virtual date and time, in UTC."""
        return self._start + timedelta(seconds=self.seconds)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine to its end on a fresh loop; time goes on from where it was."""
        with self.piecewise() as run:
            return run(work)

    @contextmanager
    def piecewise(self) -> Iterator["_Run"]:
        """Give a function that runs coroutines one after the other on one fresh loop.

        What a coroutine leaves running goes on while the next one runs; time stands still in between.
        """
        self._selector = selector = _Jumping()
        try:
            with asyncio.Runner(loop_factory=lambda: _Loop(selector)) as runner:
                yield runner.run
        finally:
            self._before += selector.seconds
            self._selector = None
