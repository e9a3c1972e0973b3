"""The one place where unexpected exceptions are stopped: one root or one member must never stop the others.

Layer: shell.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from kdlib.errors import WorldError

__all__ = ["contained", "contained_now"]

_log = logging.getLogger(__name__)

T = TypeVar("T")


async def contained(subject: str, call: Callable[[], Awaitable[T]]) -> T | WorldError:
    """Await the call; return its result, or the error to be retried with back-off.

    What the world did is returned as it is. Anything else is a defect of ours or of an operator's callable: it is
    logged with its traceback, and returned as a WorldError, since a retry is all that can be done here. Cancellation
    passes.
    """
    try:
        with _defects_told(subject, expected=(WorldError,)):
            return await call()
    except WorldError as error:
        return error


def contained_now(subject: str, call: Callable[[], T], otherwise: T) -> T:
    """Call what does not wait; return its result, or `otherwise` after a defect, which is logged."""
    try:
        with _defects_told(subject):
            return call()
    except WorldError:
        return otherwise


@contextmanager
def _defects_told(subject: str, *, expected: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Log what nobody expected, with its traceback, and raise it as a WorldError; what is expected passes."""
    try:
        yield
    except expected:
        raise
    except Exception as error:
        _log.exception("%s: unexpected %s", subject, type(error).__name__)
        raise WorldError(f"unexpected {type(error).__name__}: {error}") from error
