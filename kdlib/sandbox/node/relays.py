"""Cluster IPs and node ports: listeners that carry each connection to an endpoint of their Service.

A listener exists while its Service has endpoints; without any, connections are refused, as kube-proxy does.

Layer: shell.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

from kdlib.frozen import Json
from kdlib.sandbox.node.carrying import Side
from kdlib.sandbox.node.dialling import Network
from kdlib.sandbox.node.keeper_link import NodeEndedError
from kdlib.sandbox.node.service_table import Key, ServiceTable

__all__ = ["Front", "Relays", "fronts"]

_DIAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, order=True)
class Front:
    """A place to listen at: within the node's network, or on the machine itself."""

    inside: bool
    address: str
    port: int


def fronts(service: Json, *, gateway: str, loopback: str) -> dict[Front, str]:
    """Return where a Service is reached, and by which of its ports' names."""
    spec = service["spec"]
    address = spec.get("clusterIP")
    if address in (None, "", "None") or spec.get("type") == "ExternalName":
        return {}
    found: dict[Front, str] = {}
    for port in spec.get("ports") or ():
        if (port.get("protocol") or "TCP") != "TCP":
            continue
        name = port.get("name") or ""
        found[Front(inside=True, address=address, port=port["port"])] = name
        if port.get("nodePort"):
            found[Front(inside=True, address=gateway, port=port["nodePort"])] = name
            found[Front(inside=False, address=loopback, port=port["nodePort"])] = name
    return found


class Relays:
    """Keeps the listeners of all Services."""

    def __init__(
        self, network: Network, table: ServiceTable, *, gateway: str, loopback: str, refused: Callable[[Key, str], None]
    ) -> None:
        self._network = network
        self._table = table
        self._gateway = gateway
        self._loopback = loopback
        self._refused = refused
        """Told of a Service and a place where it cannot be listened."""
        self._servers: dict[Front, tuple[Key, asyncio.Server]] = {}
        self._held: dict[str, Key] = {}
        self._turn = 0
        self._dirty: dict[Key, None] = {}
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._group: asyncio.TaskGroup | None = None

    def changed(self, key: Key) -> None:
        """Look at a Service again."""
        self._dirty[key] = None
        self._settled.clear()
        self._wake.set()

    async def settled(self) -> None:
        """Wait until the listeners are as the Services say."""
        await self._settled.wait()

    async def run(self) -> None:
        """Keep the listeners until cancelled, or until the node ends."""
        try:
            async with asyncio.TaskGroup() as self._group:
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    while self._dirty:
                        key = next(iter(self._dirty))
                        del self._dirty[key]
                        await self._settle(key)
                    self._settled.set()
        except* NodeEndedError:
            # The node's own end tells of it.
            self._settled.set()
        finally:
            for _, server in self._servers.values():
                server.close()

    async def _settle(self, key: Key) -> None:
        """Bring one Service's listeners to what they should be."""
        wanted = self._wanted(key)
        there = [front for front, (owner, _) in self._servers.items() if owner == key]
        for front in there:
            if front not in wanted:
                self._servers.pop(front)[1].close()
        await self._hold(key, {front.address for front in wanted if front.inside and front.address != self._gateway})
        for front, name in sorted(wanted.items()):
            if front not in self._servers:
                await self._open(key, front, name)

    def _wanted(self, key: Key) -> dict[Front, str]:
        """Return where a Service is to be reached: by those of its ports that lead somewhere."""
        service = self._table.services.get(key)
        if service is None:
            return {}
        endpoints = self._table.endpoints(key)
        wanted = fronts(service, gateway=self._gateway, loopback=self._loopback)
        return {front: name for front, name in wanted.items() if any(each.port(name) is not None for each in endpoints)}

    async def _hold(self, key: Key, addresses: set[str]) -> None:
        for address in [each for each, owner in self._held.items() if owner == key and each not in addresses]:
            del self._held[address]
            await self._network.hold_address(address, held=False)
        for address in addresses - self._held.keys():
            self._held[address] = key
            await self._network.hold_address(address, held=True)

    async def _open(self, key: Key, front: Front, name: str) -> None:
        try:
            if front.inside:
                listener = await self._network.listen(front.address, front.port)
            else:
                listener = _listen_here(front.address, front.port)
        except OSError as error:
            self._refused(key, f"cannot listen on {front.address}:{front.port}: {error.strerror}")
            return
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Side(lambda side: self._accept(side, key, name)), sock=listener)
        self._servers[front] = (key, server)

    def _accept(self, side: Side, key: Key, name: str) -> None:
        if self._group is not None:
            self._group.create_task(self._connect(side, key, name))

    async def _connect(self, side: Side, key: Key, name: str) -> None:
        """Connect an accepted side to an endpoint, trying all in turn."""
        for host, port in self._targets(key, name, side.peer_host):
            try:
                async with asyncio.timeout(_DIAL_SECONDS):
                    made = await self._network.dial(host, port)
            except OSError:
                continue
            loop = asyncio.get_running_loop()
            _, other = await loop.create_connection(lambda: Side(None), sock=made)
            side.join(other)
            return
        side.close()

    def _targets(self, key: Key, name: str, client: str) -> list[tuple[str, int]]:
        found = [(each.address, each.port(name)) for each in self._table.endpoints(key)]
        targets = [(address, port) for address, port in found if port is not None]
        service = self._table.services.get(key) or {"spec": {}}
        if service["spec"].get("sessionAffinity") == "ClientIP":
            turn = sum(map(int, client.split(".")))
        else:
            turn = self._turn = self._turn + 1
        start = turn % len(targets) if targets else 0
        return targets[start:] + targets[:start]


def _listen_here(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(socket.SOMAXCONN)
    except OSError:
        made.close()
        raise
    return made
