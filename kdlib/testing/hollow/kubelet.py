"""The server of a hollow kubelet: an API server hands execs and logs of the node's pods on to it.

Source: https://kubernetes.io/docs/reference/node/kubelet-authn-authz/.

Layer: shell.
"""

import re
import socket
import ssl
from types import TracebackType
from typing import Self

from aiohttp.web import BaseRequest, Response, Server, ServerRunner, SockSite, StreamResponse
from multidict import MultiMapping

from kdlib.errors import ApiError, UnreachableError, api_error
from kdlib.sandbox import (
    Authority,
    Containers,
    LogRequest,
    Wanted,
    carry_streams,
    log_of_pod,
    server_context,
)
from kdlib.wire import ExecRequest

__all__ = ["HollowKubelet"]

_PATH = re.compile(r"/(exec|containerLogs)/([^/]+)/([^/]+)/([^/]+)")


class HollowKubelet:
    """Serves execs and logs over HTTPS on a loopback address, as an async context manager; `port` is where.

    Its certificate is issued by the authority, and a client must show one of it: that is how an API server with
    `--kubelet-certificate-authority` and `--kubelet-client-certificate` calls.
    """

    def __init__(self, containers: Containers, authority: Authority, *, host: str = "127.0.0.1") -> None:
        self._containers = containers
        self._host = host
        self._listener = socket.create_server((host, 0), backlog=256)
        self._context = server_context(authority, host)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self.port: int = self._listener.getsockname()[1]

    async def __aenter__(self) -> Self:
        # The command is part of the address, and may be a whole script.
        server = Server(self._handle, handler_cancellation=True, access_log=None, max_line_size=1 << 20)
        self._runner = ServerRunner(server)
        await self._runner.setup()
        await SockSite(self._runner, self._listener, ssl_context=self._context).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        self._listener.close()

    async def _handle(self, request: BaseRequest) -> StreamResponse:
        try:
            return await self._answer(request)
        except ApiError as error:
            return Response(status=error.code, text=str(error))
        except BaseExceptionGroup as errors:
            # A responder that cuts the connection does just that; anything else is a defect and loud.
            if errors.split(UnreachableError)[1] is not None or request.transport is None:
                raise
            request.transport.abort()
            return Response(status=500)

    async def _answer(self, request: BaseRequest) -> StreamResponse:
        found = _PATH.fullmatch(request.path)
        if found is None:
            raise api_error(404, "NotFound", "404 page not found")
        what, namespace, pod, container = found.groups()
        if what == "containerLogs":
            follow = request.query.get("follow", "") in ("true", "1")
            log = LogRequest(namespace, pod, container, follow=follow)
            return await log_of_pod(request, self._containers, log)
        wanted, command = _wanted(request.query), tuple(request.query.getall("command", ()))
        order = ExecRequest(namespace, pod, container, command, stdin=wanted.stdin)
        return await carry_streams(request, self._containers.exec(order, tty=wanted.tty), wanted)


def _wanted(query: MultiMapping[str]) -> Wanted:
    """Read a kubelet's own parameters, which are named otherwise than an API server's."""
    streams = {name: query.get(name, "") in ("1", "true") for name in ("input", "output", "error", "tty")}
    return Wanted(streams["input"], streams["output"], streams["error"], streams["tty"])
