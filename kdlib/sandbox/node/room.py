"""What the parts of one pod share: the node's means, the pod as last seen, its folder, its will to end.

Layer: shell.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kdlib.errors import NotFoundError
from kdlib.frozen import Json, dig
from kdlib.sandbox.node.backoff import Pace
from kdlib.sandbox.node.dialling import Network
from kdlib.sandbox.node.environment import Sources
from kdlib.sandbox.node.images import Images
from kdlib.sandbox.node.keeper_link import Keeper, KeeperSettings
from kdlib.sandbox.node.payloads import TokenSource
from kdlib.sandbox.node.ports import Registry
from kdlib.sandbox.node.telling import Events
from kdlib.wire import CONFIG_MAP, SECRET

__all__ = ["Means", "Room"]


@dataclass(frozen=True)
class Means:
    """What every pod of the node uses."""

    name: str
    keeper: Keeper
    settings: KeeperSettings
    registry: Registry
    network: Network
    events: Events
    images: Images
    capacity: dict[str, str]
    token: TokenSource
    pace: Pace


@dataclass
class Room:
    """One pod on the node."""

    means: Means
    pod: Json
    address: str
    changed: Callable[[], None]
    """Called when a container's status is new."""
    key: str = ""
    folder: int = -1
    """A descriptor of the pod's folder in the node's tree."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when no container is to be started or to go on."""
    grace_seconds: float = 0.0
    poked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something that the pod may wait for has changed."""

    limits: set[asyncio.Timeout] = field(default_factory=set)
    """The grace periods that run."""

    @contextmanager
    def limited_by(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Let a further `stop` shorten this time limit."""
        self.limits.add(limit)
        try:
            yield
        finally:
            self.limits.discard(limit)

    def stop(self, grace_seconds: float) -> None:
        """Have all containers end within the grace period; called again, it can only become shorter."""
        self.grace_seconds = grace_seconds
        deadline = asyncio.get_running_loop().time() + grace_seconds
        for limit in self.limits:
            if deadline < (limit.when() or 0.0) and not limit.expired():
                limit.reschedule(deadline)
        self.stopping.set()

    @property
    def label(self) -> str:
        """Return the pod's name as it stands in messages."""
        metadata = self.pod["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"

    def sources(self) -> Sources:
        """Return what values of the pod's containers and volumes are taken from."""
        addresses = {"podIP": self.address, "podIPs": [{"ip": self.address}] if self.address else []}
        host = self.means.settings.gateway
        status = {**(self.pod.get("status") or {}), **addresses, "hostIP": host, "hostIPs": [{"ip": host}]}
        return Sources({**self.pod, "status": status}, self._lookup, self.means.capacity)

    def _lookup(self, kind: str, name: str) -> Json | None:
        wanted = CONFIG_MAP if kind == "ConfigMap" else SECRET
        try:
            return self.means.registry.get(wanted, self.pod["metadata"]["namespace"], name)
        except NotFoundError:
            return None

    def tell(self, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record an Event about the pod."""
        self.means.events.tell(self.pod, reason, message, container=container, warning=warning)

    def restart_policy(self) -> str:
        """Return the pod's restart policy."""
        return str(dig(self.pod, "spec", "restartPolicy", default="Always"))

    async def pause(self, seconds: float, *, until_poked: bool = False) -> bool:
        """Wait; returns True at once when the pod is to stop, and False early when poked, if asked for."""
        if until_poked:
            self.poked.clear()
        events = [self.stopping, self.poked] if until_poked else [self.stopping]
        waits = [asyncio.ensure_future(each.wait()) for each in events]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        return self.stopping.is_set()
