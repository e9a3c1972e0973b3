"""A hollow node: pods run on it, restart and end, and execs in them are answered, without any process.

It stands on a Transport, so it serves the embedded cluster and a real control plane alike. The latter runs no
scheduler in tests: then the node binds pods to itself too.

Layer: shell.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from types import TracebackType
from typing import Self

from kdlib.errors import AlreadyExistsError, ConflictError, NotFoundError, WorldError
from kdlib.frozen import Json, dig
from kdlib.kube import Api, Cache, Change, Reflector, Selection
from kdlib.testing.hollow.containers import HollowContainers
from kdlib.testing.hollow.documents import (
    NodeFacts,
    PodFacts,
    container_id,
    lease,
    micro_time,
    node,
    node_status,
    pod_status,
)
from kdlib.wire import JSON, POD, Kind, Ref, Request, Transport

__all__ = ["HollowNode", "HollowSettings"]

_NODE = Kind("v1", "Node", namespaced=False)
_LEASE = Kind("coordination.k8s.io/v1", "Lease")
_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class HollowSettings:
    """How a hollow node behaves."""

    name: str = "hollow"
    binds: bool = False
    """True to take pods that no scheduler gives a node."""
    heartbeat_seconds: float = 10.0
    """How often the lease is renewed; 0 for never."""
    workers: int = 8
    start_seconds: float = 0.0
    """How long a pod takes to start."""
    stop_seconds: float = 0.0
    """How long a pod takes to end."""
    address: str = "127.0.0.1"
    port: int = 10250
    """Where a kubelet's server answers."""
    pods: str = "10.244.0.0/14"
    labels: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class HollowNode:
    """One hollow node, as an async context manager.

    Guarantees: inside the context the node is registered and ready; pods bound to it become ready, get another
    container ID for each restart, and go when they are deleted.
    """

    def __init__(
        self, transport: Transport, containers: HollowContainers, settings: HollowSettings | None = None
    ) -> None:
        self.settings = settings or HollowSettings()
        self.containers = containers
        self._api = Api(transport)
        network = IPv4Network(self.settings.pods)
        self._facts = NodeFacts(
            self.settings.name, self.settings.address, self.settings.port, network, self.settings.labels
        )
        self._cache = Cache()
        self._pods: dict[str, PodFacts] = {}
        self._next_address = 1
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._queued: set[tuple[str, str]] = set()
        self._busy: set[tuple[str, str]] = set()
        self._tasks: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        uid = await self._register()
        self._cache.subscribe(self._changed)
        self._tasks = asyncio.create_task(self._run(uid), name=f"hollow node {self.settings.name}")
        self._tasks.add_done_callback(self._ended)
        synced = asyncio.create_task(self._cache.synced.wait())
        await asyncio.wait({synced, self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        synced.cancel()
        if self._tasks.done():
            await self._tasks
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks is not None:
            self._tasks.cancel()
            await asyncio.wait({self._tasks})
            if not self._tasks.cancelled():
                await self._tasks
        for pod in self._cache:
            self.containers.end(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _ended(self, tasks: asyncio.Task[None]) -> None:
        """Make a defect loud at once: whoever waits for a pod would wait for ever."""
        if not tasks.cancelled() and (error := tasks.exception()) is not None:
            message = f"hollow node {self.settings.name!r} has ended"
            tasks.get_loop().call_exception_handler({"message": message, "exception": error, "task": tasks})

    async def restart(self, namespace: str, name: str, container: str = "") -> str:
        """Restart a container as if its process had died; returns its new ID.

        Without a name all containers of the pod restart, and the first one's ID is returned.
        """
        pod = self._known(namespace, name)
        facts = self._pods[pod["metadata"]["uid"]]
        names = [container] if container else [each["name"] for each in pod["spec"]["containers"]]
        restarts = {**facts.restarts, **{each: facts.restarts.get(each, 0) + 1 for each in names}}
        now = self.settings.now()
        lives = {**(facts.life_started_at or {}), **dict.fromkeys(names, now)}
        self._pods[pod["metadata"]["uid"]] = changed = PodFacts(
            facts.address, facts.started_at, restarts, facts.ready, lives
        )
        for each in names:
            self.containers.begin(pod, each, container_id(pod, each, restarts[each]), now)
        await self._write_status(pod, changed)
        return container_id(pod, names[0], restarts[names[0]])

    async def set_ready(self, namespace: str, name: str, *, ready: bool) -> None:
        """Make a running pod ready or not ready."""
        pod = self._known(namespace, name)
        facts = self._pods[pod["metadata"]["uid"]]
        self._pods[pod["metadata"]["uid"]] = changed = PodFacts(
            facts.address, facts.started_at, facts.restarts, ready, facts.life_started_at
        )
        await self._write_status(pod, changed)

    def _known(self, namespace: str, name: str) -> Json:
        pod = self._cache.get(namespace, name)
        if pod is None or pod["metadata"]["uid"] not in self._pods:
            raise KeyError(f"pod {namespace}/{name} does not run on node {self.settings.name!r}")
        return pod

    async def _register(self) -> str:
        """Create the node, or take over the one of this name; returns its UID."""
        try:
            stored = await self._api.create(node(self._facts), kind=_NODE)
        except AlreadyExistsError:
            stored = await self._api.get(Ref(_NODE, "", self.settings.name))
        now = self.settings.now()
        status = {"status": node_status(self._facts, now)}
        await self._api.merge_patch(Ref(_NODE, "", self.settings.name), status, subresource="status")
        uid = str(stored["metadata"]["uid"])
        if self.settings.heartbeat_seconds:
            try:
                await self._api.create(lease(self.settings.name, uid, now), kind=_LEASE)
            except AlreadyExistsError:
                await self._renew()
        return uid

    async def _run(self, uid: str) -> None:
        del uid
        fields = "" if self.settings.binds else f"spec.nodeName={self.settings.name}"
        reflector = Reflector(self._api, Selection(POD, fields=fields), self._cache)
        async with asyncio.TaskGroup() as group:
            group.create_task(reflector.run())
            if self.settings.heartbeat_seconds:
                group.create_task(self._beat())
            for _ in range(self.settings.workers):
                group.create_task(self._work())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat_seconds)
            try:
                await self._renew()
            except WorldError:
                continue

    async def _renew(self) -> None:
        renewed = {"spec": {"renewTime": micro_time(self.settings.now())}}
        await self._api.merge_patch(Ref(_LEASE, "kube-node-lease", self.settings.name), renewed)

    def _changed(self, change: Change) -> None:
        pod = change.after or change.before
        if pod is None:
            return
        if change.after is None:
            self._forget(pod)
            return
        if change.before is not None and change.before["metadata"]["uid"] != pod["metadata"]["uid"]:
            self._forget(change.before)
        if self._todo(pod):
            self._enqueue((pod["metadata"]["namespace"], pod["metadata"]["name"]))

    def _todo(self, pod: Json) -> bool:
        """Tell whether anything is to be done for the pod."""
        mine = pod["spec"].get("nodeName") == self.settings.name
        if pod["metadata"].get("deletionTimestamp"):
            return bool(mine)
        if not pod["spec"].get("nodeName"):
            return self.settings.binds and not pod["spec"].get("schedulingGates")
        return bool(mine) and pod["metadata"]["uid"] not in self._pods

    def _enqueue(self, key: tuple[str, str]) -> None:
        if key not in self._queued:
            self._queued.add(key)
            self._waiting.put_nowait(key)

    async def _work(self) -> None:
        while True:
            key = await self._waiting.get()
            self._queued.discard(key)
            if key in self._busy:
                # Another worker has the pod: it looks once more when it is done.
                self._queued.add(key)
                continue
            self._busy.add(key)
            try:
                await self._attend(key)
            except WorldError:
                await asyncio.sleep(_RETRY_SECONDS)
                self._queued.add(key)
            finally:
                self._busy.discard(key)
            if key in self._queued:
                self._waiting.put_nowait(key)

    async def _attend(self, key: tuple[str, str]) -> None:
        pod = self._cache.get(*key)
        if pod is None or not self._todo(pod):
            return
        try:
            if pod["metadata"].get("deletionTimestamp"):
                await self._finish(pod)
            elif not pod["spec"].get("nodeName"):
                await self._bind(pod)
            else:
                await self._start(pod)
        except (NotFoundError, ConflictError):
            # The pod went, or another of its name came: the watch tells.
            return

    async def _bind(self, pod: Json) -> None:
        metadata = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": self.settings.name}
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "target": target,
        }
        path = POD.path(metadata["namespace"], metadata["name"], "binding")
        await self._api.transport.request(Request("POST", path, {}, body, JSON))

    async def _start(self, pod: Json) -> None:
        await asyncio.sleep(self.settings.start_seconds)
        now = self.settings.now()
        metadata = pod["metadata"]
        facts = self._taken_over(pod) or PodFacts(self._address(), now, {})
        self._pods[metadata["uid"]] = facts
        try:
            await self._write_status(pod, facts)
        except WorldError:
            del self._pods[metadata["uid"]]
            raise
        for each in pod["spec"]["containers"]:
            own = container_id(pod, each["name"], facts.restarts.get(each["name"], 0))
            self.containers.begin(pod, each["name"], own, now)

    def _taken_over(self, pod: Json) -> PodFacts | None:
        """Read back what an earlier hollow node of this name wrote about a pod."""
        address = dig(pod, "status", "podIP")
        if dig(pod, "status", "phase") != "Running" or not address:
            return None
        statuses = dig(pod, "status", "containerStatuses", default=())
        restarts = {each["name"]: each["restartCount"] for each in statuses}
        return PodFacts(address, datetime.fromisoformat(pod["status"]["startTime"]), restarts)

    async def _write_status(self, pod: Json, facts: PodFacts) -> None:
        metadata = pod["metadata"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": pod_status(pod, facts, self.settings.address)}
        await self._api.merge_patch(Ref(POD, metadata["namespace"], metadata["name"]), patch, subresource="status")

    async def _finish(self, pod: Json) -> None:
        metadata = pod["metadata"]
        await asyncio.sleep(self.settings.stop_seconds)
        self.containers.end(metadata["namespace"], metadata["name"])
        ref = Ref(POD, metadata["namespace"], metadata["name"])
        if metadata.get("deletionGracePeriodSeconds") == 0 and metadata.get("finalizers"):
            return
        await self._api.delete(ref, uid=metadata["uid"], grace_seconds=0)

    def _forget(self, pod: Json) -> None:
        metadata = pod["metadata"]
        if self._pods.pop(metadata["uid"], None) is not None:
            self.containers.end(metadata["namespace"], metadata["name"])

    def _address(self) -> str:
        self._next_address += 1
        return str(self._facts.pods[self._next_address % (self._facts.pods.num_addresses - 1)])
