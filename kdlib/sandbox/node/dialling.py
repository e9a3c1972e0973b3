"""Connections into the node's network, and listeners in it: sockets made there and passed out, no proxy.

Layer: shell.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kdlib.sandbox.node.keeper_link import Keeper

__all__ = ["Network"]


class Network:
    """The node's network as seen from the main process."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def dial(self, host: str, port: int) -> socket.socket:
        """Connect to an IPv4 address: a pod's from within the node, one of 127.0.0.0/8 on the machine itself.

        Returns a connected, non-blocking socket. Raises: OSError.
        """
        if host.startswith("127."):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        else:
            made = await self.make_socket()
        with _closing_on_failure(made):
            await asyncio.get_running_loop().sock_connect(made, (host, port))
        return made

    async def dial_pod(self, key: str, port: int) -> socket.socket:
        """Connect to a port of a pod from within, as if it were its own localhost.

        Returns a connected, non-blocking socket. Raises: OSError.
        """
        made = await self.make_socket(pod=key)
        with _closing_on_failure(made):
            await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        return made

    async def make_socket(self, *, datagrams: bool = False, pod: str = "") -> socket.socket:
        """Return a fresh IPv4 socket of the node's network, or of a pod's, named by its key."""
        _, (descriptor,) = await self._keeper.call("socket", {"datagrams": datagrams, "pod": pod})
        return socket.socket(fileno=descriptor)

    async def listen(self, address: str, port: int) -> socket.socket:
        """Return a listening socket of the node's network; the address is the node's own already."""
        made = await self.make_socket()
        with _closing_on_failure(made):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((address, port))
            made.listen(socket.SOMAXCONN)
        return made

    async def hold_address(self, address: str, *, held: bool) -> None:
        """Make an address one of the node's own, or give it up."""
        await self._keeper.call("address", {"address": address, "add": held})


@contextmanager
def _closing_on_failure(made: socket.socket) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(made)
        yield
        stack.pop_all()
