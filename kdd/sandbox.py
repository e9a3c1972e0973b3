"""`kdd sandbox`: the embedded cluster by itself.

Layer: shell.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from kdd.settings import Settings
from kdd.stage import install_crds, kubeconfig_in_memory, own_kubeconfig
from kdlib import kube
from kdlib import sandbox as embedded
from kdlib.errors import Problem, RefusedError
from kdlib.frozen import dig
from kdlib.wire import SERVICE

__all__ = ["sandbox"]


async def sandbox(
    settings: Settings,
    *,
    kubeconfig: Path | None,
    images: tuple[str, ...],
    any_image: bool,
    crds: bool,
    data: Path | None = None,
) -> None:
    """Run it until SIGINT or SIGTERM; the kubeconfig is written once everything is ready, and removed at the end.

    Raises RefusedError where the file is there already: a user's file is neither replaced nor removed.
    """
    if kubeconfig is not None:
        _refuse_unless_free(kubeconfig)
    options = embedded.SandboxOptions(images=dict(map(_image, images)), any_image=any_image, data=data)
    path = kubeconfig or own_kubeconfig(settings.cache)
    async with embedded.Sandbox(options) as running:
        embedded.collect_seldom()
        with kubeconfig_in_memory(running) as inside:
            async with kube.connect(kubeconfig=inside) as api:
                if crds:
                    await install_crds(api)
                with _published(running, path):
                    typer.echo(f"API server {running.url}\nkubeconfig {path}")
                    await _until_signal_showing_ports(api, running.host)


def _refuse_unless_free(path: Path) -> None:
    if path.exists():
        raise RefusedError(
            "kdd sandbox", [Problem("--kubeconfig", f"{str(path)!r} is there already", "name a new file")]
        )
    if not path.parent.is_dir():
        raise RefusedError(
            "kdd sandbox", [Problem("--kubeconfig", f"there is no folder {str(path.parent)!r}", "make it")]
        )


@contextmanager
def _published(running: embedded.Sandbox, path: Path) -> Iterator[None]:
    """Write the file, whole from its first moment, unless somebody took its name meanwhile; remove it at the end."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    running.write_kubeconfig(part)
    written = part.stat().st_ino
    try:
        path.hardlink_to(part)
    except FileExistsError:
        _refuse_unless_free(path)
    finally:
        part.unlink()
    try:
        yield
    finally:
        if path.exists() and path.stat().st_ino == written:
            path.unlink()


def _image(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not (name and path):
        raise RefusedError("kdd sandbox", [Problem("--image", f"{text!r} is not NAME=PATH", "name image and folder")])
    if not any((Path(path) / part).exists() for part in ("config.json", "layer")):
        what = f"{path!r} is no image: it has neither config.json nor layer/"
        raise RefusedError("kdd sandbox", [Problem("--image", what, "see docs/reference/sandbox.md")])
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
