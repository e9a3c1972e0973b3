"""All controllers over one store: told of every commit, working from one queue.

Layer: shell.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from kdlib.frozen import Json
from kdlib.sandbox.controllers.addresses import Addresses
from kdlib.sandbox.controllers.binding import admitted_claim, protected_volume
from kdlib.sandbox.controllers.deployments import Deployments
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.disruption import DisruptionBudgets
from kdlib.sandbox.controllers.expiry import EventExpiry
from kdlib.sandbox.controllers.garbage import GarbageCollector
from kdlib.sandbox.controllers.index import Index
from kdlib.sandbox.controllers.initial import initial_objects
from kdlib.sandbox.controllers.kinds import PERSISTENT_VOLUME, STORAGE_CLASS
from kdlib.sandbox.controllers.namespaces import Namespaces
from kdlib.sandbox.controllers.objects import kind_of
from kdlib.sandbox.controllers.queue import Item, Queue
from kdlib.sandbox.controllers.replicas import ReplicaSets
from kdlib.sandbox.controllers.scheduler import Scheduler
from kdlib.sandbox.controllers.services import ServiceEndpoints
from kdlib.sandbox.controllers.statefulset import StatefulSets
from kdlib.sandbox.controllers.volumes import Volumes
from kdlib.sandbox.store import Registry
from kdlib.wire import PERSISTENT_VOLUME_CLAIM, SERVICE

__all__ = ["Controllers"]


class _Controller(Protocol):
    @property
    def name(self) -> str:
        """Return its name in the queue."""

    @property
    def watches(self) -> frozenset[tuple[str, str]] | None:
        """Return the kinds, as API version and name, whose commits concern it; None for all."""

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield what to look at after a commit."""

    def sync(self, key: str) -> int:
        """Bring one thing closer to what it should be; returns how many objects were looked at."""


class Controllers:
    """The controllers of one embedded cluster.

    Guarantees: no task, no polling; work is done in slices of the event loop, and nothing runs when all is settled.
    Time is the store's `now()` and the loop's timers, so virtual time is as good as real.
    Assumes: one event loop; the store calls its subscribers synchronously after each commit, on that loop.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        addresses: Addresses | None = None,
        certificate: str = "",
        host: str = "127.0.0.1",
        port: int = 6443,
    ) -> None:
        self.addresses = addresses or Addresses()
        self._registry = registry
        self._certificate = certificate
        self._host = host
        self._port = port
        self._index = Index()
        self._by_name: dict[str, _Controller] = {}
        self._by_kind: dict[tuple[str, str], list[_Controller]] = {}
        self._everywhere: list[_Controller] = []
        self._delays: dict[str, float] = {}
        self._queue: Queue | None = None
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def idle(self) -> bool:
        """Tell whether nothing is to be done now."""
        return self._queue is None or self._queue.idle

    async def start(self) -> None:
        """Take in what the store holds, make the first objects, and follow the store from here on."""
        self._queue = queue = Queue(asyncio.get_running_loop(), self._work)
        desk = Desk(self._registry, self._index)
        controllers: list[_Controller] = [
            Namespaces(desk, self._certificate),
            GarbageCollector(desk),
            Volumes(desk),
            StatefulSets(desk, queue),
            Deployments(desk),
            ReplicaSets(desk, queue),
            Scheduler(desk),
            DisruptionBudgets(desk, queue),
            ServiceEndpoints(desk),
            EventExpiry(desk, queue),
        ]
        self._install(controllers)
        for kind in (SERVICE, PERSISTENT_VOLUME_CLAIM, PERSISTENT_VOLUME):
            self._registry.complete(kind, self.complete)
        self._unsubscribe = self._registry.subscribe(self._told)
        for resource in self._registry.resources:
            for obj in self._registry.list(resource.kind):
                self._told("ADDED", obj)
        for each in initial_objects(self.addresses.first, self._host, self._port):
            self._put(each)

    def delay(self, name: str, seconds: float) -> None:
        """Have a controller, by its name in the queue, look at things only so long after it was told of them.

        This is how one behaves that has much to do, or starts anew; 0 makes it prompt again. Raises ValueError where
        no controller has the name.
        """
        if name not in self._by_name:
            raise ValueError(f"no controller is named {name!r}; there are {', '.join(sorted(self._by_name))}")
        self._delays[name] = seconds

    async def close(self) -> None:
        """Stop; nothing is written afterwards."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._queue is not None:
            self._queue.close()

    def complete(self, obj: Json, old: Json | None) -> Json:
        """Return an object with what a cluster gives it as it is stored; `old` is the stored one, None for a create.

        Services get their address and node ports, claims the default class, claims and volumes their protection.
        Raises ApiError where that cannot be. Once these controllers are closed, others see to it.
        """
        if self._unsubscribe is None:
            return obj
        match obj["apiVersion"], obj["kind"]:
            case "v1", "Service":
                return self.addresses.admit(obj, old)
            case "v1", "PersistentVolumeClaim" if old is None:
                return admitted_claim(obj, self._index.all(STORAGE_CLASS))
            case "v1", "PersistentVolume" if old is None:
                return protected_volume(obj)
            case _:
                return obj

    def _install(self, controllers: Iterable[_Controller]) -> None:
        for each in controllers:
            self._by_name[each.name] = each
            if each.watches is None:
                self._everywhere.append(each)
            for kind in each.watches or ():
                self._by_kind.setdefault(kind, []).append(each)

    def _put(self, wanted: Json) -> None:
        """Make one of the first objects; one from an earlier run is told where the API server is now."""
        metadata = wanted["metadata"]
        live = self._index.get(kind_of(wanted), metadata.get("namespace", ""), metadata["name"])
        if live is None:
            self._registry.create(wanted)
        elif metadata["name"] == "kubernetes":
            self._registry.update({**live, **{key: wanted[key] for key in wanted if key not in ("metadata", "status")}})

    def _told(self, event: str, obj: Json) -> None:
        kind = (obj["apiVersion"], obj["kind"])
        if kind == ("v1", "Service"):
            self.addresses.record(event, obj)
        old = self._index.record(event, obj)
        queue = self._queue
        if queue is None:
            return
        for each in (*self._everywhere, *self._by_kind.get(kind, ())):
            seconds = self._delays.get(each.name, 0.0)
            for key in each.keys(event, obj, old):
                if seconds:
                    queue.add_after((each.name, key), seconds)
                else:
                    queue.add((each.name, key))

    def _work(self, item: Item) -> int:
        name, key = item
        return self._by_name[name].sync(key)
