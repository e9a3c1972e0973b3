"""Listener: accepts TLS connections, and bears clients that never finish a handshake.

Layer: shell.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

import anyio

__all__ = ["Listener"]

_BACKLOG = 512
_BREATH_SECONDS = 0.1


class Listener:
    """Accepts connections on one address.

    Guarantees: a handshake takes `handshake_seconds` at most, and at most `handshakes` are under way: one more ends
    the oldest, which is no client in good faith. So a flood of connections leaves file descriptors for others.
    """

    def __init__(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext,
        *,
        handshake_seconds: float,
        handshakes: int = 128,
    ) -> None:
        self._protocol = protocol
        self._context = context
        self._handshake_seconds = handshake_seconds
        self._limit = handshakes
        self._pending: dict[asyncio.Task[None], None] = {}

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; return the port. Raises OSError where it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.settimeout(0)
        self._task = asyncio.get_running_loop().create_task(self._accept())
        return int(self._socket.getsockname()[1])

    async def close(self) -> None:
        """Listen no more, and end the handshakes that are under way."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._socket.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    accepted, _ = await loop.sock_accept(self._socket)
                except OSError:
                    # Out of file descriptors, or the client is gone already: the next one may have more luck.
                    await anyio.sleep(_BREATH_SECONDS)
                    continue
                if len(self._pending) >= self._limit:
                    oldest = next(iter(self._pending))
                    del self._pending[oldest]
                    oldest.cancel()
                task = group.create_task(self._shake_hands(accepted))
                self._pending[task] = None
                task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._pending.pop(task, None)

    async def _shake_hands(self, accepted: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._handshake_seconds,
                ssl_shutdown_timeout=1.0,
            )
        except (OSError, ssl.SSLError):
            accepted.close()
        except asyncio.CancelledError:
            accepted.close()
            raise
