"""The demo's stage: the sandbox with the Dask image, and the operator, in this process.

Layer: shell.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from kdd.data import catalog, examples, schemas
from kdd.image import app_image
from kdd.logs import configure_logs
from kdd.operate import operate
from kdd.settings import Settings
from kdlib import kube, packages, sandbox
from kdlib.errors import KubeDirectorError
from kdlib.frozen import Json, dig
from kdlib.wire import Kind, Ref

__all__ = ["Stage", "install_crds", "kubeconfig_in_memory", "open_stage", "own_kubeconfig"]

_IMAGE = "kubedirector/dask:2026.8"
_CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False)


@dataclass(frozen=True)
class Stage:
    """What the story is played on."""

    console: Console
    settings: Settings
    embedded: sandbox.Sandbox
    api: kube.Api

    @property
    def catalog(self) -> Path:
        """Return the folder of the Dask app."""
        return catalog("dask")

    @property
    def example(self) -> Path:
        """Return the manifest of the Dask cluster."""
        return examples("dask.yaml")

    @property
    def node_address(self) -> str:
        """Return the address on which node ports answer."""
        return self.embedded.host

    async def apply_files(self, *paths: Path) -> None:
        """Apply every document of the files, into the namespace `default` where they name none."""
        for path in paths:
            for document in packages.load(path):
                found = document.value
                metadata = {"namespace": "default", **found["metadata"]}
                await self.api.apply({**found, "metadata": metadata}, field_manager="kdd-demo")

    async def kill_process_1(self, namespace: str, pod: str) -> None:
        """Ask process 1 of a member's container to end; nobody inside can do more to it."""
        request = kube.ExecRequest(namespace, pod, "app", ("sh", "-c", "kill -TERM 1"))
        async with self.api.exec(request) as stream:
            async for _ in stream:
                pass

    async def listed(self, kind: Kind, labels: str) -> tuple[Json, ...]:
        """Return the objects of a kind with these labels, of all namespaces."""
        return (await self.api.list(kube.Selection(kind, labels=labels))).items

    def write_kubeconfig(self) -> Path:
        """Write the sandbox's kubeconfig into the cache folder, for its owner alone."""
        path = own_kubeconfig(self.settings.cache)
        self.embedded.write_kubeconfig(path)
        return path


@asynccontextmanager
async def open_stage(settings: Settings, console: Console) -> AsyncIterator[Stage]:
    """Build the image, start the sandbox and the operator; end both on leaving."""
    configure_logs("console", level="WARNING")
    with console.status("building the Dask image; the first time it takes a minute ..."):
        image = await app_image(catalog("dask"), settings.cache)
    options = sandbox.SandboxOptions(images={_IMAGE: image})
    async with sandbox.Sandbox(options) as embedded:
        console.print(f"embedded cluster at {embedded.url}")
        with kubeconfig_in_memory(embedded) as kubeconfig:
            async with kube.connect(kubeconfig=kubeconfig) as api:
                await install_crds(api)
                daemon = asyncio.create_task(operate(replace(settings, kubeconfig=kubeconfig, contexts=())))
                try:
                    yield Stage(console, settings, embedded, api)
                finally:
                    daemon.cancel()
                    with suppress(asyncio.CancelledError):
                        await daemon


def own_kubeconfig(cache: Path) -> Path:
    """Return where in the cache folder this process may keep a kubeconfig; removes those of processes that ended."""
    cache.mkdir(parents=True, exist_ok=True)
    for path in cache.glob("sandbox-*.kubeconfig"):
        owner = path.name.removeprefix("sandbox-").removesuffix(".kubeconfig")
        if owner.isdecimal() and (owner == str(os.getpid()) or not Path("/proc", owner).exists()):
            path.unlink(missing_ok=True)
    return cache / f"sandbox-{os.getpid()}.kubeconfig"


@contextmanager
def kubeconfig_in_memory(embedded: sandbox.Sandbox) -> Iterator[str]:
    """Give a path of the sandbox's kubeconfig for this process alone; no file outlives it, even killed."""
    descriptor = os.memfd_create("kubeconfig")
    try:
        os.write(descriptor, embedded.kubeconfig.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


async def install_crds(api: kube.Api) -> None:
    """Apply the CustomResourceDefinitions, and wait until the server serves them."""
    for path in schemas():
        for document in packages.load(path):
            await api.apply(document.value, field_manager="kdd")
            await _established(api, Ref(_CRD, "", document.value["metadata"]["name"]))


async def _established(api: kube.Api, ref: Ref) -> None:
    selection = kube.Selection(_CRD, fields=f"metadata.name={ref.name}")
    listing = await api.list(selection)
    if any(_is_established(item) for item in listing.items):
        return
    async with api.watch(selection, listing.resource_version, lifetime_seconds=30, idle_seconds=35) as events:
        async for event in events:
            if _is_established(event.object):
                return
    raise KubeDirectorError(f"{ref} is not served after 30 s")


def _is_established(found: Json) -> bool:
    conditions = dig(found, "status", "conditions", default=[])
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
