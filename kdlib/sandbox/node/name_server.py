"""The cluster's name server: sockets of the node's network, answered in the main process.

Layer: shell.
"""

import asyncio
import socket
from contextlib import suppress

from kdlib.sandbox.node.dialling import Network
from kdlib.sandbox.node.names_served import answer
from kdlib.sandbox.node.service_table import ServiceTable

__all__ = ["NameServer"]

_PORT = 53
_MOST_AT_ONCE = 64
_IDLE_SECONDS = 30.0


class NameServer:
    """Answers name queries at the node's address."""

    def __init__(self, network: Network, table: ServiceTable, address: str) -> None:
        self._network = network
        self._table = table
        self._address = address
        self._datagrams: socket.socket | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._datagrams = await self._network.make_socket(datagrams=True)
        self._datagrams.bind((self._address, _PORT))
        asyncio.get_running_loop().add_reader(self._datagrams, self._answer_datagrams, self._datagrams)
        listener = await self._network.listen(self._address, _PORT)
        self._server = await asyncio.start_server(self._answer_stream, sock=listener)

    def close(self) -> None:
        """Answer no more."""
        if self._datagrams is not None:
            asyncio.get_running_loop().remove_reader(self._datagrams)
            self._datagrams.close()
            self._datagrams = None
        if self._server is not None:
            self._server.close()
            self._server = None

    def _answer_datagrams(self, datagrams: socket.socket) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                query, asker = datagrams.recvfrom(65535)
            except OSError:
                return
            found = answer(query, self._table, datagram=True)
            if found:
                with suppress(OSError):
                    datagrams.sendto(found, asker)

    async def _answer_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    size = int.from_bytes(await reader.readexactly(2), "big")
                    query = await reader.readexactly(size)
                found = answer(query, self._table, datagram=False)
                writer.write(len(found).to_bytes(2, "big") + found)
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            writer.close()
