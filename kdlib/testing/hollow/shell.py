"""A responder that runs each command with the machine's own shell, in a folder that stands for the container's root.

Layer: shell.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from kdlib.testing.hollow.responder import Answer, ExecCall

__all__ = ["LocalShell"]


class LocalShell:
    """Runs commands as processes of this user, each container life in a fresh folder, as a context manager.

    The command finds its folder in the variable GUEST_ROOT and as its working directory; nothing keeps it inside.
    Guarantees: processes that are still running and all folders are gone when the context is left.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="kubedirector-hollow-"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            _kill_all(str(self._folder))
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def end(self, container_id: str) -> None:
        """End a container's life: its processes die, its folder goes."""
        root = self.root(container_id)
        _kill_all(str(root))
        shutil.rmtree(root, ignore_errors=True)

    def root(self, container_id: str) -> Path:
        """Return the folder of a container's life; it is made where it is not there yet."""
        if self._folder is None:
            raise RuntimeError("the local shell is not entered")
        root = self._folder / container_id.rpartition("/")[2][:24]
        root.mkdir(exist_ok=True)
        return root

    async def __call__(self, call: ExecCall) -> Answer:
        """Run the command to its end."""
        root = self.root(call.life.container_id)
        try:
            process = await _start(call, root)
        except OSError as error:
            return Answer(stderr=f"{call.request.command[0]}: {error.strerror}\n".encode(), exit_code=127)
        try:
            async with asyncio.TaskGroup() as group:
                feeding = group.create_task(_feed(call, process))
                outputs = [group.create_task(_read(stream)) for stream in (process.stdout, process.stderr)]
                await process.wait()
                feeding.cancel()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Answer(outputs[0].result(), outputs[1].result(), process.returncode or 0)


async def _start(call: ExecCall, root: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *call.request.command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=root,
        env={"GUEST_ROOT": str(root), "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(root)},
        start_new_session=True,
    )


def _kill_all(folder: str) -> None:
    """End every process that was started in the folder, detached ones too: the variable GUEST_ROOT marks them."""
    mark = f"\0GUEST_ROOT={folder}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in b"\0" + environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)


async def _feed(call: ExecCall, process: asyncio.subprocess.Process) -> None:
    stdin = process.stdin
    if stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):
        async for chunk in call.stdin:
            stdin.write(chunk)
            await stdin.drain()
        stdin.close()


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    return await stream.read() if stream is not None else b""
