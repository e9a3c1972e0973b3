"""The part of the store that the HTTPS front stands on.

Layer: shell.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from kdlib.frozen import Json
from kdlib.sandbox.http.users import User
from kdlib.wire import Kind, Request, WatchEvent

__all__ = ["Backend"]


def _nowhere(_warning: str) -> None:
    return None


class Backend(Protocol):
    """The store, as its front uses it."""

    def now(self) -> datetime:
        """Return the time, with its zone."""

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return an object; raises NotFoundError."""

    def list(self, kind: Kind, namespace: str = "") -> list[Json]:
        """Return the objects of a kind."""

    def subscribe(self, callback: Callable[[str, Json], None]) -> Callable[[], None]:
        """Have every commit told as ADDED, MODIFIED or DELETED with the object; the answer ends it."""

    async def handle(
        self,
        request: Request,
        user: User,
        *,
        duplicates: tuple[str, ...] = (),
        warn: Callable[[str], None] = _nowhere,
    ) -> tuple[int, Json]:
        """Do what one request asks, admission included; return the HTTP code with the answer.

        `duplicates` are the paths of fields that stand twice in the body; `warn` takes the texts of warnings for the
        client. Raises ApiError for a refusal.
        """

    def watch(self, request: Request, user: User) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Open a watch; iteration ends with its `timeoutSeconds`. Opening raises ApiError for a refusal."""
