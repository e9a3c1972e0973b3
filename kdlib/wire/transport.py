"""The one seam: how requests reach a Kubernetes API server, real or embedded.

Everything above is tested below this Protocol: `kdlib.kube` implements it over HTTP with kubernetes-asyncio, and the
sandbox's store implements it in process, with a given clock and no socket.

Layer: pure.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from kdlib.frozen import Json

__all__ = [
    "APPLY",
    "JSON",
    "JSON_PATCH",
    "MERGE_PATCH",
    "STRATEGIC_MERGE_PATCH",
    "ExecRequest",
    "ExecStream",
    "Request",
    "Transport",
    "WatchEvent",
]

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Request:
    """One request for JSON: `body` is a decoded JSON value, None for none.

    `timeout_seconds` bounds the wait for the whole answer; it is the caller's, not sent to the server. `permit` is
    called right before the body goes out, after all waiting for a connection, and raises where it must not any more.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    timeout_seconds: float = 30.0
    permit: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch: `type` is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR (the object is then a Status)."""

    type: str
    object: Json


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """Run a command in a running container; without a terminal, with stdin only where asked for."""

    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]
    stdin: bool = False


class ExecStream(Protocol):
    """The open connection to a command in a container."""

    async def send(self, data: bytes) -> None:
        """Write to the command's stdin; returns when the connection has taken it."""

    async def close_stdin(self) -> None:
        """End the command's stdin, where the connection's protocol can (v5); else do nothing."""

    def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1, stdout bytes) and (2, stderr bytes) in the order of arrival, until the command ends."""

    async def exit_code(self) -> int:
        """Return the command's exit code, once iteration has ended.

        Raises UnreachableError where the connection ended without telling one.
        """


class Transport(Protocol):
    """Carries requests to one API server.

    Raises ApiError for every answer that is not a success, UnreachableError where none came.
    """

    async def request(self, request: Request) -> Json:
        """Send the request, return the decoded JSON answer ({} for an empty one)."""

    def watch(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent]]:
        """Open a watch (the query has `watch=true` already); iteration ends when the server ends it.

        `request.timeout_seconds` is the inactivity limit: UnreachableError is raised when nothing, not even a
        bookmark, arrived for so long. An ERROR event is yielded, not raised. Opening raises ApiError for a refusal.
        """

    def exec(self, request: ExecRequest) -> AbstractAsyncContextManager[ExecStream]:
        """Open an exec; leaving the context cuts the connection. Opening raises ApiError for a refusal."""

    async def close(self) -> None:
        """Release connections; further calls fail."""
