"""A whole world in virtual time: store, controllers and hollow node in process, and the operator over them.

Tests get its fixtures `play` and `made` from the conftest beside them.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from waiting import until

from kdlib.admission import AtUrl, Registration
from kdlib.admission.configurations import configurations
from kdlib.admission.endpoints import endpoint_at
from kdlib.admission.facts import Facts
from kdlib.admission.reviewing import Reviewing
from kdlib.admission.reviews import asked, encoded
from kdlib.frozen import Json
from kdlib.guest import EmulatedRun, emulated
from kdlib.kube import Api
from kdlib.manifests import Desired, build
from kdlib.model import Cluster, Seen, crd
from kdlib.reconcile import PassSettings
from kdlib.rules import TYPED, related, resolve
from kdlib.runtime import Controller, Related, Settings
from kdlib.sandbox.controllers import Controllers
from kdlib.sandbox.store import LocalTransport, Registry
from kdlib.sandbox.store.options import System
from kdlib.sandbox.store.webhooks import Call
from kdlib.testing.hollow import Answer, ExecCall, HollowContainers, HollowNode, HollowSettings, echo
from kdlib.testing.virtual_time import VirtualTime
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    ExecRequest,
    Request,
    Schemas,
    Transport,
    builtin_schemas,
)

SYSTEM = "kd"
SMALL = {"limits": {"memory": "16Mi", "cpu": "10m"}}


class Recording:
    """A Transport that remembers what went through it, and may stop it."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.requests: list[Request] = []
        self.execs: list[Any] = []
        self.before: Callable[[Any], None] = lambda _: None
        self.after: Callable[[Any], None] = lambda _: None

    async def request(self, request: Request) -> Json:
        self.requests.append(request)
        self.before(request)
        answer = await self.inner.request(request)
        self.after(request)
        return answer

    def watch(self, request: Request) -> Any:
        return self.inner.watch(request)

    def exec(self, request: Any) -> Any:
        self.execs.append(request)
        self.before(request)
        return self.inner.exec(request)

    async def close(self) -> None:
        await self.inner.close()

    @property
    def writes(self) -> list[tuple[str, str]]:
        """Method and path of each write, Events left out."""
        found = [(request.method, request.path) for request in self.requests if request.method != "GET"]
        return [write for write in found if "/events" not in write[1]]


class Members:
    """The inside of members, without processes: remembers each run of a start script; `codes` fail some.

    With `keeps` they have volumes that outlive their containers.
    """

    def __init__(self) -> None:
        self.runs: list[tuple[str, str, str]] = []
        self.codes: dict[str, int] = {}
        self.keeps = False
        self._containers: dict[tuple[str, str], str] = {}
        self.emulation = emulated(script=self._script, life=self._life, keeps=lambda _: self.keeps)

    async def __call__(self, call: ExecCall) -> Answer:
        self._containers[call.request.namespace, call.request.pod] = call.life.container_id
        return Answer(*await self.emulation(call.request, call.stdin))

    def of(self, pod: str) -> list[str]:
        """What the start script of a member was called with, in order, over all its containers."""
        return [arguments for name, _, arguments in self.runs if name == pod]

    def configmeta(self, pod: str, namespace: str = "default") -> Json:
        found: Json = orjson.loads(self.emulation.configmeta(namespace, pod) or b"null")
        return found

    def life_of(self, namespace: str, pod: str) -> str:
        """Return the ID of the container in which a member was last spoken to; empty for none."""
        return self._containers.get((namespace, pod), "")

    def _life(self, request: ExecRequest) -> str:
        return self.life_of(request.namespace, request.pod)

    def _script(self, request: ExecRequest, arguments: tuple[str, ...]) -> EmulatedRun:
        self.runs.append((request.pod, self._life(request), " ".join(arguments)))
        return EmulatedRun(self.codes.get(request.pod, 0), b"out", b"err")


def desired(seen: Seen) -> Desired:
    return build(resolve(Cluster.of(seen.root), None, seen))


@dataclass
class World:
    """One Kubernetes cluster in process."""

    time: VirtualTime
    registry: Registry
    node: HollowNode
    controllers: Controllers
    members: Any = None
    """What answers execs in members."""
    entropy: Callable[[], str] = lambda: "0123456789abcdef" * 4
    """What each pass of an operator draws: the same each time, so that a plan makes the same run."""

    def user(self) -> LocalTransport:
        """Return how a user reaches the API server, who is asked nothing that the operator is not."""
        return LocalTransport(self.registry, System("ann", ("system:authenticated",)))

    @asynccontextmanager
    async def reviewed(self) -> AsyncIterator[None]:
        """Have the webhook asked about what users write, without its sockets."""
        facts = Facts(Api(LocalTransport(self.registry)), {}, system_namespace=SYSTEM, check_access=False)
        reviewing = Reviewing(facts)

        async def call(call: Call) -> Json:
            endpoint = endpoint_at(urlsplit(call.endpoint.url).path)
            assert endpoint is not None
            review = asked(orjson.dumps(call.review), endpoint)
            answer = await reviewing.review(endpoint, review.request, call.timeout_seconds)
            found: Json = orjson.loads(encoded(answer, review.uid))
            return found

        self.registry.admission.call = call
        place, operator = AtUrl("127.0.0.1", "https://127.0.0.1"), System().name
        self.create(*configurations(place, "", Registration(), operator))
        try:
            yield
        finally:
            reviewing.close()

    def transport(self) -> Recording:
        return Recording(LocalTransport(self.registry, exec_hook=self.node.containers.exec))

    def controller(
        self, transport: Transport, compute: Any = desired, refs: Related | None = None, **options: Any
    ) -> Controller:
        passes = PassSettings(clock=self.time.now, entropy=self.entropy)
        settings = Settings(passes=passes, **options)
        kinds = (KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, CONTROLLER_REVISION)
        refs = refs or Related(kinds, lambda root, look_up: related(root, look_up, SYSTEM), singles=TYPED)
        return Controller(Api(transport, name="here"), KD_CLUSTER, compute, related=refs, settings=settings)

    @asynccontextmanager
    async def operating(self, transport: Transport | None = None, **options: Any) -> AsyncIterator[Recording]:
        """Run a controller for as long as the context lasts."""
        transport = transport or self.transport()
        controller = self.controller(transport, **options)
        task = asyncio.create_task(controller.run())
        try:
            yield transport
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()

    def held(self, namespace: str, pod: str) -> Json:
        """Return the configmeta that a member holds in the container that it has now; None for none."""
        life = self.node.containers.lives(namespace, pod).get("app")
        is_known = life is not None and self.members.life_of(namespace, pod) == life.container_id
        return self.members.configmeta(pod, namespace) if is_known else None

    def cluster(self, name: str = "c1") -> Json:
        return self.registry.get(KD_CLUSTER, "default", name)

    def status(self, name: str = "c1") -> Json:
        return self.cluster(name).get("status") or {}

    def change(self, name: str = "c1", **members: int) -> None:
        """Change the member counts of roles."""
        roles = [
            {**role, "members": members.get(role["id"], role.get("members", 1))}
            for role in self.cluster(name)["spec"]["roles"]
        ]
        self.registry.patch(KD_CLUSTER, "default", name, {"spec": {"roles": roles}})

    def states(self, name: str = "c1") -> dict[str, list[str]]:
        """States of the members by role."""
        roles = self.status(name).get("roles") or []
        return {role["id"]: [member["state"] for member in role["members"]] for role in roles}

    def configured(self, **members: int) -> Callable[[], bool]:
        """Tell whether the cluster is configured with just these members."""

        def condition() -> bool:
            wanted = {role: ["configured"] * count for role, count in members.items() if count}
            return self.status().get("state") == "configured" and self.states() == wanted

        return condition

    def left(self) -> list[str]:
        """Names of all objects of the namespace that a deleted cluster must take along."""
        kinds = ("StatefulSet", "Service", "Pod", "PersistentVolumeClaim", "ControllerRevision", KD_CLUSTER.name)
        found = [
            f"{resource.kind.name} {obj['metadata']['name']}"
            for resource in self.registry.resources
            for obj in self.registry.list(resource.kind)
            if resource.kind.name in kinds and obj["metadata"].get("namespace") == "default"
        ]
        return sorted(name for name in found if name != "Service kubernetes")

    async def until(self, condition: Callable[[], Any], seconds: float = 600.0) -> None:
        """Let time pass until the condition holds."""
        await until(condition, seconds, every=0.05)

    async def quiet(self, sent: Callable[[], int], seconds: float = 600.0) -> None:
        """Let time pass until for so long nothing was written by anybody, and nothing sent by the operator."""
        for _ in range(24):
            before = (self.registry.version, sent())
            await asyncio.sleep(seconds)
            if before == (self.registry.version, sent()):
                return
        raise AssertionError("the world does not come to rest")

    def create(self, *objects: Json) -> None:
        for obj in objects:
            self.registry.create(obj)

    def retry(self, value: str) -> None:
        annotations = {"kubedirector.hpe.com/retry": value}
        self.registry.patch(KD_CLUSTER, "default", "c1", {"metadata": {"annotations": annotations}})


def app(name: str = "plain", package: str | None = None) -> Json:
    """An app of a head with a port and any number of tails; without a package there is nothing to do inside."""
    spec: Json = {
        "label": {"name": name},
        "distroID": f"test/{name}",
        "version": "1",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": f"test/{name}:1",
        "services": [{"id": "web", "label": {"name": "Web"}, "endpoint": {"port": 80}}],
        "roles": [{"id": "head", "cardinality": "1"}, {"id": "tail", "cardinality": "0+"}],
        "config": {"selectedRoles": ["head", "tail"], "roleServices": [{"roleID": "head", "serviceIDs": ["web"]}]},
    }
    if package:
        spec["defaultConfigPackage"] = {"packageURL": package}
    metadata = {"namespace": "default", "name": name}
    return {"apiVersion": KD_APP.api_version, "kind": KD_APP.name, "metadata": metadata, "spec": spec}


def cluster(name: str = "c1", *, app: str = "plain", tails: int = 2) -> Json:
    roles = [{"id": "head", "resources": SMALL}, {"id": "tail", "members": tails, "resources": SMALL}]
    metadata = {"namespace": "default", "name": name}
    spec = {"app": app, "serviceType": "ClusterIP", "roles": roles}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": spec}


@cache
def definitions() -> tuple[Json, ...]:
    """Return the custom kinds of a world."""
    return tuple(crd(kind.name) for kind in (KD_APP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP))


@cache
def table() -> Schemas:
    """Return the built-in kinds, read once for all worlds of a process."""
    return builtin_schemas()


@asynccontextmanager
async def world(time: VirtualTime, responder: Any = echo, **hollow: Any) -> AsyncIterator[World]:
    uids = itertools.count(1)
    registry = Registry(time.now, lambda: f"uid-{next(uids)}", schemas=table())
    async with AsyncExitStack() as stack:
        controllers = Controllers(registry)
        await controllers.start()
        stack.push_async_callback(controllers.close)
        for definition in definitions():
            registry.create(definition)
        registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
        settings = HollowSettings(heartbeat_seconds=0, now=time.now, **hollow)
        containers = HollowContainers(responder)
        node = await stack.enter_async_context(HollowNode(LocalTransport(registry), containers, settings))
        yield World(time, registry, node, controllers, responder)


@pytest.fixture
def play() -> Callable[..., Any]:
    """Play a scenario, an async function of a World, in virtual time; returns what it returns."""

    def played(scenario: Callable[[World], Any], responder: Any = echo, **hollow: Any) -> Any:
        time = VirtualTime()

        async def run() -> Any:
            async with world(time, responder, **hollow) as made:
                return await scenario(made)

        return time.run(run())

    return played


@pytest.fixture
def made() -> Any:
    """The makers of apps and clusters."""

    class Made:
        app = staticmethod(app)
        cluster = staticmethod(cluster)
        world = staticmethod(world)
        members = Members

    return Made
