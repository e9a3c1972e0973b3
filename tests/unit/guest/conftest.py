"""Containers for the guest protocol: the real programs, each in a folder, by each shell that a member may have."""

import asyncio
import contextlib
import io
import os
import select
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import waiting

from kdlib.errors import UnreachableError
from kdlib.guest import Limits, NotifyWork, ScriptLimit, SetUpWork, guest_script
from kdlib.guest.answers import decode_answer
from kdlib.guest.frames import Frame, begin_command, encode
from kdlib.model import Notify, SetUp
from kdlib.wire import ExecRequest

CONFIGMETA = b'{"node":{"id":"1","fqdn":"pod-0.here"}}'
WAIT = 'until [ -e "$GUEST_ROOT/go" ]; do sleep 0.05; done\n'
"""Makes a start script wait until the test lets it go on."""
LOG_EVENT = '#!/bin/sh\necho "$*" >>"$GUEST_ROOT/events"\n'


class Stream:
    """The open connection to a process, which can be cut after so many bytes were sent."""

    def __init__(self, process: asyncio.subprocess.Process, cut_after: int | None) -> None:
        self.process = process
        self.cut_after = cut_after

    async def send(self, data: bytes) -> None:
        cut = self.cut_after is not None and len(data) > self.cut_after
        try:
            self.process.stdin.write(data[: self.cut_after] if cut else data)
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise UnreachableError("cut") from error
        if cut:
            self.process.stdin.close()

    async def close_stdin(self) -> None:
        """Do nothing, as protocol v4 does."""

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        for channel, pipe in ((1, self.process.stdout), (2, self.process.stderr)):
            while data := await pipe.read(65536):
                yield channel, data

    async def exit_code(self) -> int:
        return await self.process.wait()


def await_end(process: Path) -> None:
    """Return when the process has ended; fails after ten seconds."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(int(process.name))
        try:
            ended, _, _ = select.select([descriptor], [], [], 10)
            assert ended, f"{process} goes on"
        finally:
            os.close(descriptor)


@dataclass
class Container:
    """A folder in which the guest programs run for real, by one shell; `exec` is that of a Transport."""

    root: Path
    path: str
    cut_after: int | None = None
    refuse: list[Exception] = field(default_factory=list)
    requests: list[ExecRequest] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def exec(self, request: ExecRequest) -> AsyncIterator[Stream]:
        self.requests.append(request)
        if self.refuse:
            raise self.refuse.pop(0)
        environment = {"PATH": self.path, "GUEST_ROOT": str(self.root), "LANG": "C.UTF-8"}
        process = await asyncio.create_subprocess_exec(
            *request.command,
            stdin=subprocess.PIPE if request.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=self.root,
        )
        try:
            yield Stream(process, self.cut_after)
        finally:
            if process.returncode is None:
                process.kill()
            if process.stdin is not None:
                process.stdin.close()
            await process.communicate()

    def restart(self, life: str) -> None:
        """Begin another life of the container: all of its processes have ended, all that it wrote is gone."""
        while running := self.processes():
            await_end(running[0])
        for top in self.root.iterdir():
            if top.is_dir():
                shutil.rmtree(top)
        self.begin(life)

    def processes(self) -> list[Path]:
        """Return the processes that run in the container."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink() == self.root:
                    found.append(process)
        return found

    def begin(self, life: str) -> None:
        (self.root / ".life").write_text(life)

    def go(self) -> None:
        """Let start scripts that wait go on."""
        (self.root / "go").touch()

    def text(self, path: str) -> str:
        return (self.root / path).read_text()

    def events(self) -> list[str]:
        log = self.root / "events"
        return log.read_text().splitlines() if log.exists() else []

    def run(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            command,
            env={"PATH": self.path, "GUEST_ROOT": str(self.root)},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )


def packed(files: dict[str, str], *, mode: int = 0o644) -> bytes:
    """Return a setup package with these files."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), mode
            archive.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


@pytest.fixture(scope="session")
def shells(tmp_path_factory) -> dict[str, str]:
    """Return search paths by the name of the shell that `sh` is in them; busybox's has no other programs at all."""
    folder = tmp_path_factory.mktemp("shells")
    paths = {}
    for name in ("dash", "bash", "busybox"):
        found = shutil.which(name)
        if found is None:
            continue
        (folder / name).mkdir()
        if name == "busybox":
            subprocess.run([found, "--install", "-s", str(folder / name)], check=True)
            paths[name] = str(folder / name)
        else:
            (folder / name / "sh").symlink_to(found)
            paths[name] = f"{folder / name}:/usr/bin:/bin"
    return paths


@pytest.fixture
def make_container(tmp_path, shells) -> Callable[..., Container]:
    def make(shell: str = "dash", name: str = "container") -> Container:
        if shell not in shells:
            pytest.fail(f"{shell} is needed for this test: apt-get install {shell}-static")
        root = tmp_path / name
        root.mkdir()
        container = Container(root, shells[shell])
        container.begin("first")
        return container

    return make


@pytest.fixture
def make_package() -> Callable[..., None]:
    """Put a setup package with a start script into a container, at /opt/app.tgz."""

    def make(container: Container, body: str = "", **files: str) -> None:
        names = {"app/startscript": LOG_EVENT + body, **files}
        (container.root / "opt").mkdir(exist_ok=True)
        (container.root / "opt/app.tgz").write_bytes(packed(names))

    return make


@pytest.fixture
def exchange() -> Callable[..., Awaitable[object]]:
    """Send a frame by one exec, and return the answer."""

    async def exchanged(container: Container, mode: str, frame: Frame, script: bytes | None = None) -> object:
        request = ExecRequest("ns", "pod-0", "app", begin_command(mode), stdin=True)
        output = {1: b"", 2: b""}
        async with container.exec(request) as stream:
            await stream.send(encode(frame, script or guest_script()))
            async for channel, data in stream:
                output[channel] += data
            await stream.exit_code()
        return decode_answer(output[1], output[2])

    return exchanged


@pytest.fixture
def wait() -> str:
    """Return the lines that make a start script wait until `Container.go`."""
    return WAIT


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait until a condition holds."""

    return waiting.until


@pytest.fixture
def pack() -> Callable[..., bytes]:
    return packed


@pytest.fixture
def make_set_up() -> Callable[..., SetUpWork]:
    def make(attempt: int = 1, container: str = "containerd://a", **values: object) -> SetUpWork:
        scratch = bool(values.pop("from_scratch", False))
        generation = int(values.pop("generation", 7))
        work = SetUpWork(
            namespace="ns",
            pod="pod-0",
            container=container,
            action=SetUp("pod-0", container, attempt, generation=generation, from_scratch=scratch),
            configmeta=CONFIGMETA,
            package_url="file:///opt/app.tgz",
            new_layout=True,
            install_configcli=False,
            script_limit=ScriptLimit(30),
            limits=Limits(attach=20, send=20.0, grace=1),
        )
        return replace(work, **values)

    return make


@pytest.fixture
def make_notify() -> Callable[..., NotifyWork]:
    def make(change: str = "addnodes-x", *arguments: str, **values: object) -> NotifyWork:
        generation = int(values.pop("generation", 8))
        work = NotifyWork(
            namespace="ns",
            pod="pod-0",
            container="containerd://a",
            action=Notify("pod-0", "containerd://a", change, generation, arguments),
            configmeta=CONFIGMETA,
            script_limit=ScriptLimit(30),
            limits=Limits(attach=20, send=20.0, grace=1),
        )
        return replace(work, **values)

    return make
