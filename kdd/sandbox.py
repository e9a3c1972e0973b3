"""`kdd sandbox`: the embedded cluster by itself.

Layer: shell.
"""

import asyncio
import os
import signal
from pathlib import Path

import typer

from kdd.settings import Settings
from kdd.stage import install_crds
from kdlib import kube
from kdlib import sandbox as embedded
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import dig
from kdlib.wire import SERVICE

__all__ = ["sandbox"]


async def sandbox(
    settings: Settings, *, kubeconfig: Path | None, images: tuple[str, ...], any_image: bool, crds: bool
) -> None:
    """Run it until SIGINT or SIGTERM; the kubeconfig is written once everything is ready, and removed at the end."""
    options = embedded.SandboxOptions(images=dict(map(_image, images)), any_image=any_image)
    path = kubeconfig or settings.cache / f"sandbox-{os.getpid()}.kubeconfig"
    path.parent.mkdir(parents=True, exist_ok=True)
    async with embedded.Sandbox(options) as running:
        part = path.with_name(f".{path.name}.part")
        try:
            running.write_kubeconfig(part)
            async with kube.connect(kubeconfig=str(part)) as api:
                if crds:
                    await install_crds(api)
                part.rename(path)
                typer.echo(f"API server {running.url}\nkubeconfig {path}")
                await _until_signal_showing_ports(api, options.host)
        finally:
            part.unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def _image(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and Path(path).is_dir()):
        raise RefusedError("kdd sandbox", [Problem("--image", f"{text!r} is not NAME=PATH of a folder")])
    return name, Path(path)


async def _until_signal_showing_ports(api: kube.Api, host: str) -> None:
    """Print each node port as its Service comes, until a signal says stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    cache = kube.Cache()
    cache.subscribe(lambda change: _print_ports(change, host))
    async with asyncio.TaskGroup() as group:
        ports = group.create_task(kube.Reflector(api, kube.Selection(SERVICE), cache).run())
        await stop.wait()
        ports.cancel()


def _print_ports(change: kube.Change, host: str) -> None:
    before, after = _ports(change.before), _ports(change.after)
    for name in sorted(after.keys() - before.keys()):
        typer.echo(f"node port {host}:{after[name]}  {name}")


def _ports(service: object) -> dict[str, int]:
    """Return the node ports of a Service by `namespace/service:port`."""
    place = f"{dig(service, 'metadata', 'namespace')}/{dig(service, 'metadata', 'name')}"
    ports = dig(service, "spec", "ports", default=[])
    return {f"{place}:{port.get('name') or port['port']}": port["nodePort"] for port in ports if port.get("nodePort")}
