"""Connections of the webhook server: so many at most, and none that dawdles over the head of a request.

Layer: shell.
"""

import asyncio
from typing import Any

from aiohttp.web import RequestHandler, Server

__all__ = ["Connection", "Connections"]


class Connections(Server):
    """Makes a Connection for each client, and holds at most `limit` of them.

    One client too many takes the place of the connection that has been idle longest; where none is idle, it is
    dropped itself.
    """

    def __init__(self, handler: Any, *, limit: int, head_seconds: float, **options: Any) -> None:
        super().__init__(handler, **options)
        self.head_seconds = head_seconds
        self._limit = limit
        # In the order in which they became idle.
        self._idle: dict[Connection, None] = {}
        self._busy: set[Connection] = set()

    def __call__(self) -> RequestHandler:
        """Make the protocol of one connection."""
        return Connection(self, self._loop, self._kwargs)

    def admit(self, connection: "Connection") -> bool:
        """Count a new connection; False where there is no room for it."""
        if len(self._idle) + len(self._busy) >= self._limit:
            longest = next(iter(self._idle), None)
            if longest is None:
                return False
            self.forget(longest)
            longest.drop()
        self._idle[connection] = None
        return True

    def forget(self, connection: "Connection") -> None:
        """Count a connection no more."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)

    def note_busy(self, connection: "Connection") -> None:
        """Note that a request came in on the connection."""
        if connection in self._idle:
            del self._idle[connection]
            self._busy.add(connection)

    def note_idle(self, connection: "Connection") -> None:
        """Note that the connection waits for its next request."""
        if connection in self._busy:
            self._busy.discard(connection)
            self._idle[connection] = None


class Connection(RequestHandler):
    """One connection; it is dropped when the head of a request does not arrive whole in time."""

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop, options: dict[str, Any]) -> None:
        super().__init__(connections, loop=loop, **options)
        self._connections = connections
        self._timer: asyncio.TimerHandle | None = None
        self._is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or drop it where there are too many."""
        super().connection_made(transport)
        if not self._connections.admit(self):
            self.drop()
            return
        self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._connections.forget(self)
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first of a request start the clock for its head."""
        if self._timer is None and not self._is_busy:
            self._expect_head()
        super().data_received(data)

    def begin(self) -> None:
        """Note that the head of a request is whole."""
        self._stop_timer()
        self._is_busy = True
        self._connections.note_busy(self)

    def end(self) -> None:
        """Note that the request was answered."""
        self._is_busy = False
        self._connections.note_idle(self)

    def drop(self) -> None:
        """Cut the connection at once, whatever waits to be written."""
        self._stop_timer()
        match self.transport:
            case asyncio.Transport() as transport:
                transport.abort()

    def _expect_head(self) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(self._connections.head_seconds, self.drop)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
