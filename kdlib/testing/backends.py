"""The back ends of the fixture `cluster`: what serves the Kubernetes API, and who plays the pods.

Layer: shell.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kdlib.frozen import Json
from kdlib.kube import Api, connect
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing.control_plane import ControlPlane
from kdlib.testing.hollow import HollowContainers, HollowKubelet, HollowMembers, HollowNode, HollowSettings
from kdlib.testing.kubeconfigs import minified
from kdlib.testing.loops import LoopThread
from kdlib.testing.members import Cast, MemberPlays
from kdlib.testing.namespaces import Namespaces

__all__ = ["Server", "on_control_plane", "on_existing", "on_sandbox"]

_GRACE_SECONDS = 30.0
"""Time for operators of a cluster that was there before the tests."""


@dataclass(frozen=True)
class Server:
    """A Kubernetes cluster for as long as the session lasts, whose own connections are in a thread of their own."""

    backend: str
    kubeconfig: Json
    """A kubeconfig with one context, which needs no other file."""
    thread: LoopThread
    namespaces: Namespaces
    hollow: tuple[Cast, HollowNode] | None = None

    def members(self, namespace: str) -> MemberPlays | None:
        """Return the hollow members of a namespace, where pods are hollow."""
        if self.hollow is None:
            return None
        cast, node = self.hollow
        return MemberPlays(cast, namespace, node=node, thread=self.thread)


@contextmanager
def on_sandbox(*, hollow: bool, scratch: Path) -> Iterator[Server]:
    """Serve an embedded cluster; its pods are hollow, or processes of this machine, whose claims lie in `scratch`."""
    cast = Cast()
    containers = HollowContainers(HollowMembers(cast)) if hollow else None
    options = SandboxOptions(node=not hollow, containers=containers, any_image=True, claims=scratch / "claims")
    kubeconfig = scratch / "sandbox.kubeconfig"
    with LoopThread("sandbox") as thread, thread.held(Sandbox(options)) as sandbox:
        sandbox.write_kubeconfig(kubeconfig)
        with thread.held(_sandboxed(sandbox, kubeconfig, containers)) as (api, node):
            played = (cast, node) if node is not None else None
            namespaces = Namespaces(api, thread, lingers=False)
            yield Server("sandbox", minified(str(kubeconfig), None), thread, namespaces, played)


@asynccontextmanager
async def _sandboxed(
    sandbox: Sandbox, kubeconfig: Path, containers: HollowContainers | None
) -> AsyncIterator[tuple[Api, HollowNode | None]]:
    async with connect(kubeconfig=kubeconfig) as api:
        if containers is None:
            yield api, None
            return
        async with HollowNode(sandbox.transport, containers, HollowSettings(heartbeat_seconds=0)) as node:
            yield api, node


@contextmanager
def on_control_plane(programs: Path, scratch: Path) -> Iterator[Server]:
    """Serve a real API server with its controllers, and a hollow node; raises ControlPlaneError."""
    cast = Cast()
    containers = HollowContainers(HollowMembers(cast))
    kubeconfig = scratch / "control-plane.kubeconfig"
    with ControlPlane(programs) as plane, LoopThread("control plane") as thread:
        plane.write_kubeconfig(kubeconfig)
        with thread.held(_controlled(plane, kubeconfig, containers)) as (api, node):
            namespaces = Namespaces(api, thread)
            yield Server("control-plane", minified(str(kubeconfig), None), thread, namespaces, (cast, node))
            namespaces.abandon()


@asynccontextmanager
async def _controlled(
    plane: ControlPlane, kubeconfig: Path, containers: HollowContainers
) -> AsyncIterator[tuple[Api, HollowNode]]:
    async with (
        HollowKubelet(containers, plane.authority) as kubelet,
        connect(kubeconfig=kubeconfig) as api,
        HollowNode(api.transport, containers, HollowSettings(binds=True, port=kubelet.port)) as node,
    ):
        yield api, node


@contextmanager
def on_existing(backend: str, opened: Callable[[], tuple[str, str | None]]) -> Iterator[Server]:
    """Serve a cluster that is there once `opened` has returned its kubeconfig files and the context.

    Raises RefusedError for a kubeconfig or context that cannot be used, UnreachableError where nobody answers.
    """
    paths, context = opened()
    with LoopThread(backend) as thread, thread.held(connect(kubeconfig=paths, context=context)) as api:
        namespaces = Namespaces(api, thread, grace_seconds=_GRACE_SECONDS)
        yield Server(backend, minified(paths, context), thread, namespaces)
        namespaces.until_gone()
