"""The node: runs the pods that the store gives it, and lets them be reached.

Layer: shell.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path
from socket import socket

from kdlib.errors import AlreadyExistsError, ApiError, KubeDirectorError, api_error
from kdlib.frozen import Json
from kdlib.sandbox.node.backoff import Pace
from kdlib.sandbox.node.containers import ContainerRun
from kdlib.sandbox.node.dialling import Network
from kdlib.sandbox.node.images import Images
from kdlib.sandbox.node.keeper_link import Keeper, KeeperSettings
from kdlib.sandbox.node.launching import StartError
from kdlib.sandbox.node.logbook import Logbook
from kdlib.sandbox.node.machine import capacity, node_object
from kdlib.sandbox.node.name_server import NameServer
from kdlib.sandbox.node.payloads import TokenSource
from kdlib.sandbox.node.pods import PodRun
from kdlib.sandbox.node.ports import ENDPOINT_SLICE, NODE, Registry
from kdlib.sandbox.node.relays import Relays
from kdlib.sandbox.node.room import Means
from kdlib.sandbox.node.service_table import Key, ServiceTable
from kdlib.sandbox.node.sessions import FailedSession, Session, could_not_start
from kdlib.sandbox.node.telling import Events
from kdlib.sandbox.node.volumes import claim_folder
from kdlib.sandbox.streams import AttachRequest, ContainerSession, LogRequest
from kdlib.wire import POD, SERVICE, ExecRequest

__all__ = ["Node"]

_BASE = ("/usr", "/opt", "/bin", "/sbin", "/lib", "/nix", "/gnu")
"""Folders that containers see anyway."""


def _no_token(_namespace: str, _account: str) -> str:
    return ""


class Node:
    """One node of the embedded cluster, named `name`.

    Containers see the machine's /usr, /bin, /lib*, /opt and the interpreter's own folder, as copies that vanish; and
    the folders `expose`. Node ports answer on `loopback`. Claims keep their content in memory, or below `claims`.
    `token` gives the tokens of projected service account volumes.

    Guarantees: all that the node made ends with it, and with this process, whatever ends that.
    Assumes: the registry calls its subscribers in the event loop that started the node.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        images: Images,
        name: str = "sandbox",
        loopback: str = "127.0.0.1",
        claims: Path | None = None,
        expose: Sequence[Path] = (),
        token: TokenSource = _no_token,
        pace: Pace | None = None,
    ) -> None:
        self.name = name
        self._registry = registry
        self._images = images
        self._loopback = loopback
        prefixes = _prefixes([Path(sys.base_prefix), Path(sys.base_exec_prefix), *expose])
        self._settings = KeeperSettings(prefixes=prefixes, claims=str(claims.resolve()) if claims else "")
        self._token = token
        self._pace = pace or Pace()
        self._table = ServiceTable()
        self._pods: dict[str, PodRun] = {}
        self._addresses: Iterator[str] = _addresses(self._settings)
        self._numbers = 0
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._group: asyncio.TaskGroup | None = None
        self._means: Means | None = None
        self._relays: Relays | None = None

    async def start(self) -> None:
        """Bring the node up and take on its pods.

        Raises: NodeRefusedError where the kernel does not let it.
        """
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        self._task = loop.create_task(self._run(self._ready))
        await asyncio.wait((self._task, self._ready), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            failed, self._task = self._task, None
            await failed

    async def close(self) -> None:
        """End every process of the node; nothing is written to the store. Raises what had ended it before."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait((self._task,))
        if not self._task.cancelled():
            self._task.result()

    @asynccontextmanager
    async def exec(self, request: ExecRequest, *, tty: bool = False) -> AsyncIterator[ContainerSession]:
        """Run a command in a running container; leaving closes its streams, while the command goes on."""
        run = self._container(request.namespace, request.pod, request.container)
        if run.life is None:
            raise api_error(500, "InternalError", f'container not found ("{request.container}")')
        try:
            started = await run.life.begin(list(request.command), stdin=request.stdin, terminal=tty)
        except StartError as error:
            yield FailedSession(could_not_start(str(error)))
            return
        session = Session(started, terminal=tty)
        try:
            yield session
        finally:
            session.close()

    @asynccontextmanager
    async def attach(self, request: AttachRequest) -> AsyncIterator[ContainerSession]:
        """Share the streams of a running container; leaving ends nothing."""
        run = self._container(request.namespace, request.pod, request.container)
        if run.life is None:
            raise api_error(500, "InternalError", f'container not found ("{request.container}")')
        session = run.attach(run.life)
        try:
            yield session
        finally:
            session.close()

    async def connect(self, namespace: str, pod: str, port: int) -> socket:
        """Connect to a port of a pod as from its own localhost. Raises: OSError, ApiError."""
        if self._means is None:
            raise ConnectionRefusedError(111, "the node is not up")
        return await self._means.network.dial_pod(self._run_of(namespace, pod).key, port)

    @asynccontextmanager
    async def logs(self, request: LogRequest) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the log of a container's life, or of the one before it."""
        run = self._container(request.namespace, request.pod, request.container)
        yield self._log(run, request).read(request)

    async def dial(self, host: str, port: int) -> socket:
        """Connect to an address of the cluster; returns a connected, non-blocking socket. Raises: OSError."""
        if self._means is None:
            raise ConnectionRefusedError(111, "the node is not up")
        return await self._means.network.dial(host, port)

    async def settled(self) -> None:
        """Wait until cluster addresses and node ports are as the Services and their endpoints say."""
        if self._relays is not None:
            await self._relays.settled()

    async def _run(self, ready: asyncio.Future[None]) -> None:
        keeper = await Keeper.start(self._settings)
        network = Network(keeper)
        names = NameServer(network, self._table, self._settings.gateway)
        unsubscribe: Callable[[], None] | None = None
        try:
            await names.start()
            self._means = self._make_means(keeper, network)
            self._relays = Relays(
                network,
                self._table,
                gateway=self._settings.gateway,
                loopback=self._loopback,
                refused=self._tell_of_service,
            )
            async with asyncio.TaskGroup() as self._group:
                relaying = self._group.create_task(self._relays.run())
                unsubscribe = self._registry.subscribe(self._told)
                self._register()
                self._take_stock()
                ready.set_result(None)
                await keeper.ended.wait()
                relaying.cancel()
                self._report_end()
        finally:
            if unsubscribe is not None:
                unsubscribe()
            names.close()
            self._means = None
            await keeper.close()

    def _make_means(self, keeper: Keeper, network: Network) -> Means:
        return Means(
            name=self.name,
            keeper=keeper,
            settings=self._settings,
            registry=self._registry,
            network=network,
            events=Events(self._registry, self.name),
            images=self._images,
            capacity=capacity(),
            token=self._token,
            pace=self._pace,
        )

    def _register(self) -> None:
        """Write the Node, anew where one of this name is there."""
        wanted = node_object(self.name, self._settings.gateway, capacity(), self._registry.now())
        try:
            stored = self._registry.create(wanted)
        except AlreadyExistsError:
            stored = self._registry.get(NODE, "", self.name)
        self._registry.update({**stored, "status": wanted["status"]}, subresource="status")

    def _report_end(self) -> None:
        """Say in the Node that nothing of it is left; its pods say so for themselves."""
        stored = self._registry.get(NODE, "", self.name)
        message = "the sandbox's node has ended"
        lost = {"status": "Unknown", "reason": "NodeStatusUnknown", "message": message}
        conditions = [each | lost if each["type"] == "Ready" else each for each in stored["status"]["conditions"]]
        self._registry.update(
            {**stored, "status": {**stored["status"], "conditions": conditions}}, subresource="status"
        )

    def _take_stock(self) -> None:
        for kind in (SERVICE, ENDPOINT_SLICE, POD):
            for obj in self._registry.list(kind):
                self._told("ADDED", obj)

    def _told(self, event: str, obj: Json) -> None:
        """Take in one commit; what cannot be taken in stops nothing else."""
        try:
            self._take(event, obj)
        except (KubeDirectorError, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
            # The store is in the middle of a commit, so the word about it waits until that is done.
            asyncio.get_running_loop().call_soon(self._tell, obj, f"the sandbox's node cannot take this in: {error}")

    def _take(self, event: str, obj: Json) -> None:
        match obj["kind"]:
            case "Pod" if obj["spec"].get("nodeName") == self.name:
                self._pod_told(event, obj)
            case "Service" | "EndpointSlice":
                key = self._table.record(event, obj)
                if key is not None and self._relays is not None:
                    self._relays.changed(key)
            case "ConfigMap" | "Secret" | "PersistentVolumeClaim":
                for run in self._pods.values():
                    if run.pod["metadata"]["namespace"] == obj["metadata"]["namespace"]:
                        run.poke()
            case "PersistentVolume" if event == "DELETED":
                self._drop_claim(obj)

    def _pod_told(self, event: str, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        run = self._pods.get(uid)
        if event == "DELETED":
            if run is not None:
                run.remove()
                del self._pods[uid]
        elif run is not None:
            run.update(pod)
        elif self._group is not None and self._means is not None and not _has_ended(pod):
            self._begin(pod)

    def _begin(self, pod: Json) -> None:
        if self._group is None or self._means is None:
            return
        self._numbers += 1
        run = PodRun(self._means, pod, number=self._numbers, address=next(self._addresses))
        self._pods[pod["metadata"]["uid"]] = run
        self._group.create_task(run.run())
        if pod["metadata"].get("deletionTimestamp"):
            run.update(pod)

    def _drop_claim(self, volume: Json) -> None:
        if self._group is not None and self._means is not None:
            self._group.create_task(_drop(self._means.keeper, claim_folder(volume)))

    def _tell_of_service(self, key: Key, problem: str) -> None:
        service = self._table.services.get(key)
        if service is not None:
            self._tell(service, problem)

    def _tell(self, obj: Json, problem: str) -> None:
        if self._means is not None:
            self._means.events.tell(obj, "NodeProblem", problem, warning=True)

    def _run_of(self, namespace: str, pod: str) -> PodRun:
        runs = [each for each in self._pods.values() if _is(each.pod, namespace, pod)]
        if not runs:
            raise api_error(404, "NotFound", f'pods "{pod}" not found')
        return runs[-1]

    def _container(self, namespace: str, pod: str, container: str) -> ContainerRun:
        found = self._run_of(namespace, pod).runs.get(container)
        if found is None:
            message = f'container "{container}" in pod "{pod}" is waiting to start: ContainerCreating'
            raise api_error(400, "BadRequest", message)
        return found

    def _log(self, run: ContainerRun, request: LogRequest) -> Logbook:
        if request.previous:
            if run.previous_log is None:
                raise _no_log(f'previous terminated container "{request.container}" in pod "{request.pod}" not found')
            return run.previous_log
        if run.log is None:
            reason = (run.status.state.get("waiting") or {}).get("reason", "ContainerCreating")
            where = f'container "{request.container}" in pod "{request.pod}"'
            raise _no_log(f"{where} is waiting to start: {_waiting_words(reason)}")
        return run.log


async def _drop(keeper: Keeper, folder: str) -> None:
    await keeper.call("claim_drop", {"name": folder})


def _no_log(message: str) -> ApiError:
    return api_error(400, "BadRequest", message)


def _waiting_words(reason: str) -> str:
    if reason in ("ErrImagePull", "ImagePullBackOff"):
        return "trying and failing to pull image"
    return reason


def _has_ended(pod: Json) -> bool:
    """Tell whether a pod ended in an earlier run: it is not run again."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _is(pod: Json, namespace: str, name: str) -> bool:
    return (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, name)


def _prefixes(wanted: Sequence[Path]) -> tuple[str, ...]:
    """Return the folders that containers would not see otherwise, without doubles and folders inside others."""
    found: list[str] = []
    for path in sorted({str(each.resolve()) for each in wanted}):
        covered = [*_BASE, *found]
        if not any(path == each or path.startswith(f"{each}/") for each in covered):
            found.append(path)
    return tuple(found)


def _addresses(settings: KeeperSettings) -> Iterator[str]:
    """Yield the addresses of pods, for ever; one comes back only after all the others."""
    network = IPv4Network(f"{settings.gateway}/{settings.prefix}", strict=False)
    while True:
        for each in network.hosts():
            if str(each) != settings.gateway:
                yield str(each)
