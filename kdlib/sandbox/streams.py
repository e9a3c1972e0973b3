"""What the API front asks of a node: run commands in containers, share their streams, reach ports, read logs.

The node implements `Containers`; the front (over WebSockets and chunked answers) and the transport in process call it.

Layer: shell.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from socket import socket
from typing import Protocol

from kdlib.wire import ExecRequest, ExecStream

__all__ = ["AttachRequest", "ContainerSession", "Containers", "LogRequest"]


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Read the log of one container; the fields are those of `PodLogOptions`.

    An empty `container` means the pod's only one, or its annotation `kubectl.kubernetes.io/default-container`; the
    front has resolved it before it calls the node. `tail_lines` and `limit_bytes` of None mean all.
    See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod.
    """

    namespace: str
    pod: str
    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: datetime | None = None
    stream: str = "All"
    """`All`, `Stdout` or `Stderr`."""


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """Attach to one container."""

    namespace: str
    pod: str
    container: str


class ContainerSession(ExecStream, Protocol):
    """A command that runs in a container; `exit_code` raises ApiError where it could not be started at all."""

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the command's terminal its new size; does nothing where it has none."""


class Containers(Protocol):
    """The containers of the node, as the API front reaches them."""

    def exec(self, request: ExecRequest, *, tty: bool = False) -> AbstractAsyncContextManager[ContainerSession]:
        """Start a command; leaving the context closes its streams, and what goes on without them goes on.

        With a terminal there is no stderr: all output is (1, bytes). Opening raises ApiError, worded as a kubelet
        words it, where the pod or container is not there or does not run.
        """

    def attach(self, request: AttachRequest) -> AbstractAsyncContextManager[ContainerSession]:
        """Share the streams of a running container from now on; leaving the context ends nothing.

        Iteration ends with the container, and the exit code is 0 then. Opening raises ApiError as `exec` does.
        """

    async def connect(self, namespace: str, pod: str, port: int) -> socket:
        """Connect to a port of a pod as from its own localhost; returns a connected, non-blocking socket.

        Raises: OSError where nothing listens; ApiError where there is no such pod.
        """

    def logs(self, request: LogRequest) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a log; iteration yields whole lines in chunks of any size, and ends unless following.

        Opening raises ApiError (400, worded as a kubelet words it) where there is no such container or no log yet.
        """
