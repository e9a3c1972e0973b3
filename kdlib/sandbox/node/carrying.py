"""Carrying bytes between two connections.

Layer: shell.
"""

import asyncio
from collections.abc import Callable

__all__ = ["Side"]


class Side(asyncio.Protocol):
    """One side of a carried connection; what it receives, the other side sends.

    `accepted` is told once the connection stands; nothing is read until the side is joined to another.
    """

    def __init__(self, accepted: "Callable[[Side], None] | None") -> None:
        self._accepted = accepted
        self._transport: asyncio.Transport | None = None
        self._other: Side | None = None
        self._has_ended = False
        self._early: list[bytes] = []
        """What came before the side was joined: early versions of Python 3.11 read in spite of a pause at the start."""

    @property
    def peer_host(self) -> str:
        """Return the address of who is at this side."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return str(name[0]) if name else "0.0.0.0"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the other side before anything is read."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            transport.pause_reading()
        if self._accepted is not None:
            self._accepted(self)

    def join(self, other: "Side") -> None:
        """Carry what arrives at either side to the other, from now on and what came before."""
        self._other, other._other = other, self
        if self._is_closing() or other._is_closing():
            self.close()
            other.close()
            return
        self._begin()
        other._begin()

    def _is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _begin(self) -> None:
        for data in self._early:
            self.data_received(data)
        self._early.clear()
        if self._has_ended:
            self.eof_received()
        elif self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close this side."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Hand the data over."""
        if self._other is None:
            self._early.append(data)
        elif self._other._transport is not None:
            self._other._transport.write(data)

    def eof_received(self) -> bool:
        """Hand the end over; the other direction stays open until it ends too."""
        self._has_ended = True
        if self._other is None or self._other._transport is None:
            return True
        if self._other._has_ended:
            self.close()
            self._other.close()
        elif not self._other._transport.is_closing():
            self._other._transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """Stop reading at the other side while this one cannot take more."""
        if self._other is not None and self._other._transport is not None:
            self._other._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading at the other side."""
        if self._other is not None and self._other._transport is not None:
            self._other._transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Close the other side as well."""
        if self._other is not None:
            self._other.close()
