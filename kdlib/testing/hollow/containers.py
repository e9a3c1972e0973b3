"""The containers of a hollow node: which live, and sessions of execs in them, without any process.

Layer: shell.
"""

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from socket import socket

from kdlib.errors import UnreachableError, api_error
from kdlib.frozen import Json
from kdlib.sandbox import AttachRequest, LogRequest
from kdlib.testing.hollow.responder import Answer, ContainerLife, ExecCall, Responder, Stdin
from kdlib.wire import ExecRequest

__all__ = ["HollowContainers", "HollowSession"]

_KILLED = Answer(exit_code=137)


class HollowSession:
    """A command that a responder answers."""

    def __init__(self, call: ExecCall, responder: Responder) -> None:
        self._call = call
        self._responder = responder
        self._answered = asyncio.Event()
        self._answer: Answer | None = None

    async def send(self, data: bytes) -> None:
        """Write to the command's stdin."""
        if not self._answered.is_set():
            await self._call.stdin.feed(data)

    async def close_stdin(self) -> None:
        """End the command's stdin."""
        if not self._answered.is_set():
            await self._call.stdin.end()

    async def resize(self, columns: int, rows: int) -> None:
        """Do nothing: there is no terminal."""

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield what the command said, once it has ended."""
        await self._answered.wait()
        if self._answer is not None:
            for channel, data in ((1, self._answer.stdout), (2, self._answer.stderr)):
                if data:
                    yield channel, data

    async def exit_code(self) -> int:
        """Return how the command ended; raises UnreachableError where the responder cut the connection."""
        await self._answered.wait()
        if self._answer is None:
            raise UnreachableError(f"exec in pod {self._call.request.pod!r}: the connection was cut")
        return self._answer.exit_code

    async def run(self) -> None:
        """Have the responder answer; a container that ends meanwhile takes the command with it."""
        life = self._call.life
        try:
            async with asyncio.TaskGroup() as group:
                end = group.create_task(life.ended.wait())
                work = group.create_task(self._respond())
                await asyncio.wait({end, work}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    self._answer = _KILLED
                end.cancel()
                work.cancel()
        finally:
            self._answered.set()

    async def _respond(self) -> None:
        try:
            answer = await self._responder(self._call)
        except UnreachableError:
            return
        self._answer = answer


class HollowContainers:
    """The running containers of hollow pods; an API front may call it as it calls a node."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._lives: dict[tuple[str, str], dict[str, ContainerLife]] = {}

    def begin(self, pod: Json, container: str, container_id: str, started_at: datetime) -> None:
        """Begin a container's life; an earlier one of the same container ends."""
        metadata = pod["metadata"]
        lives = self._lives.setdefault((metadata["namespace"], metadata["name"]), {})
        if container in lives:
            lives[container].ended.set()
        lives[container] = ContainerLife(pod, container, container_id, started_at)

    def end(self, namespace: str, pod: str) -> None:
        """End all containers of a pod."""
        for life in self._lives.pop((namespace, pod), {}).values():
            life.ended.set()

    def lives(self, namespace: str, pod: str) -> dict[str, ContainerLife]:
        """Return the running containers of a pod by name."""
        return dict(self._lives.get((namespace, pod), {}))

    @asynccontextmanager
    async def exec(self, request: ExecRequest, *, tty: bool = False) -> AsyncGenerator[HollowSession]:
        """Start a command; leaving the context ends it.

        Raises ApiError in a kubelet's words where the pod or container does not run here.
        """
        del tty
        call = ExecCall(request, self._life(request.namespace, request.pod, request.container), Stdin())
        session = HollowSession(call, self._responder)
        if not request.stdin:
            await session.close_stdin()
        # No task group: it would wrap what the caller's own code raises inside this context.
        running = asyncio.create_task(session.run())
        try:
            yield session
        finally:
            running.cancel()
            await asyncio.wait({running})
        if not running.cancelled():
            await running

    @asynccontextmanager
    async def attach(self, request: AttachRequest) -> AsyncGenerator[HollowSession]:
        """Refuse: hollow containers have no process of their own. Raises ApiError in any case."""
        self._life(request.namespace, request.pod, request.container)
        raise api_error(501, "", f'hollow container "{request.container}" has no process to attach to')
        yield

    async def connect(self, namespace: str, pod: str, port: int) -> socket:
        """Refuse: nothing listens in hollow pods. Raises OSError, and ApiError for no such pod."""
        self._life(namespace, pod, "")
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"nothing listens on port {port} of a hollow pod")

    @asynccontextmanager
    async def logs(self, request: LogRequest) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Open a log: hollow containers say nothing."""
        life = self._life(request.namespace, request.pod, request.container)

        async def lines() -> AsyncIterator[bytes]:
            if request.follow:
                await life.ended.wait()
            if request.timestamps:
                return
            for line in life.memory.get("log", ()):
                yield line

        yield lines()

    def _life(self, namespace: str, pod: str, container: str) -> ContainerLife:
        lives = self._lives.get((namespace, pod))
        if lives is None:
            raise api_error(404, "NotFound", "pod does not exist")
        name = container or next(iter(lives))
        if name not in lives:
            text = f'unable to upgrade connection: container not found ("{name}")'
            raise api_error(500, "InternalError", f"Internal error occurred: {text}")
        return lives[name]
