"""The HTTPS front: takes requests off the wire, has the store or the node answer them, and notes who asked.

Layer: shell.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Self

from aiohttp.web import BaseRequest, Response, Server, ServerRunner, SockSite, StreamResponse

from kdlib.errors import ApiError, api_error
from kdlib.frozen import Json
from kdlib.sandbox.http.access_log import Access, AccessLog
from kdlib.sandbox.http.answers import encoded, shown
from kdlib.sandbox.http.authority import Authority
from kdlib.sandbox.http.documents import Document, Documents
from kdlib.sandbox.http.negotiation import Form
from kdlib.sandbox.http.pod_exec import carry_streams, exec_request, wanted_streams
from kdlib.sandbox.http.pod_logs import empty_log, log_of_pod
from kdlib.sandbox.http.pod_targets import PodPath, chosen_container, log_request, pod_path, require_node
from kdlib.sandbox.http.port_forward import forward_ports
from kdlib.sandbox.http.requests import Call
from kdlib.sandbox.http.tls import server_context
from kdlib.sandbox.http.users import ANONYMOUS, User, user_of
from kdlib.sandbox.http.watches import Lines, stream
from kdlib.sandbox.store import Registry
from kdlib.sandbox.streams import AttachRequest, Containers
from kdlib.wire import POD

__all__ = ["Front"]

_BACKLOG = 512
# Commands are part of an exec's address, and may be whole scripts.
_LONGEST_HEAD_BYTES = 1 << 20
_NO_CACHE = {"Cache-Control": "no-cache, private"}
_PUBLIC = ("/healthz", "/livez", "/readyz", "/version")
_NOWHERE = "404 page not found"
_DOCUMENT_DEPTH = 5
_STREAM_METHODS = ("GET", "POST")
_POD_METHODS = {
    "attach": _STREAM_METHODS,
    "exec": _STREAM_METHODS,
    "log": ("GET",),
    "portforward": _STREAM_METHODS,
}


class Front:
    """An HTTPS server on one loopback address, over a store and the containers of a node."""

    def __init__(
        self,
        registry: Registry,
        authority: Authority,
        *,
        containers: Containers | None = None,
        access_log: AccessLog | None = None,
        tokens: Mapping[str, User] | None = None,
    ) -> None:
        self._registry = registry
        self._authority = authority
        self._containers = containers
        self._tokens = tokens if tokens is not None else {}
        self._streams: set[asyncio.Task[object] | None] = set()
        self.access_log = access_log if access_log is not None else AccessLog()
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Begin to listen, and set `url`; a port of 0 takes any that is free."""
        listener = socket.create_server((host, port), backlog=_BACKLOG)
        address = f"{host}:{listener.getsockname()[1]}"
        self._documents = Documents(self._registry, address)
        self._lines = Lines(self._documents, self._registry)
        server = Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_LONGEST_HEAD_BYTES,
            max_field_size=_LONGEST_HEAD_BYTES,
        )
        self._runner = ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        context = server_context(self._authority, host)
        await SockSite(self._runner, listener, ssl_context=context, backlog=_BACKLOG).start()
        self.url = f"https://{address}"
        return self

    async def close(self) -> None:
        """End all streams in good order, and listen no longer."""
        for task in self._streams:
            if task is not None:
                task.cancel()
        await self._runner.cleanup()
        self._documents.close()

    async def _handle(self, http: BaseRequest) -> StreamResponse:
        begun = time.perf_counter()
        call = Call.of(http, ANONYMOUS)
        try:
            call = Call.of(http, user_of(http, self._tokens))
            _admit(call)
            response = self._document(call) or await self._stream(call)
            if response is not None and not isinstance(response, Response):
                return response
            response = response or await self._store(call)
        except ApiError as error:
            response = _warned(_plain(error.status, error.code, call), error.warnings)
        self._note(call, response.status, seconds=time.perf_counter() - begun)
        return response

    def _document(self, call: Call) -> Response | None:
        if call.http.method in ("GET", "HEAD") and call.path.count("/") <= _DOCUMENT_DEPTH:
            document = self._documents.answer(call.path, call.accept)
            if document is not None:
                return _of_document(document, call)
        return None if self._documents.knows(call.path) else Response(status=404, text=f"{_NOWHERE}\n")

    async def _stream(self, call: Call) -> StreamResponse | None:
        if call.is_watch:
            return await self._watch(call)
        where = pod_path(call.path) if "/pods/" in call.path else None
        if where is None or call.http.method not in _POD_METHODS.get(where.subresource, ("GET", "POST")):
            return None
        return await self._in_pod(call, where)

    async def _store(self, call: Call) -> Response:
        form = call.form
        request, duplicates = await call.request()
        answer = await self._registry.answer(request, call.user, duplicates)
        value = shown(answer.body, form, self._documents.served, call.query, now=self._registry.now())
        return _warned(_encoded(value, answer.code, call, form), answer.warnings)

    async def _watch(self, call: Call) -> StreamResponse:
        line = self._lines.writer(call.form, call.query)
        request, _ = await call.request()
        async with self._registry.watch_together(request, call.user) as batches:
            with self._open(call, 200, is_watch=True):
                return await stream(call.http, StreamResponse(headers=_NO_CACHE), batches, line)

    async def _in_pod(self, call: Call, where: PodPath) -> StreamResponse:
        pod = self._registry.get(POD, where.namespace, where.pod)
        if self._containers is None or where.subresource not in _POD_METHODS:
            raise api_error(501, "", f"{where.subresource} is not served here")
        if where.subresource == "portforward":
            return await self._forward(call, pod, self._containers)
        container = chosen_container(pod, call.query.get("container", ""))
        if where.subresource == "log":
            order = log_request(where, container, call.query, now=self._registry.now())
            if not pod["spec"].get("nodeName"):
                return empty_log()
            with self._open(call, 200):
                return await log_of_pod(call.http, self._containers, order)
        require_node(pod)
        query = call.http.query
        if where.subresource == "attach":
            opening = self._containers.attach(AttachRequest(where.namespace, where.pod, container))
        else:
            opening = self._containers.exec(exec_request(where, container, query), tty=wanted_streams(query).tty)
        with self._open(call, 101):
            return await carry_streams(call.http, opening, wanted_streams(query))

    async def _forward(self, call: Call, pod: Json, containers: Containers) -> StreamResponse:
        require_node(pod)
        metadata = pod["metadata"]
        with self._open(call, 101):
            return await forward_ports(
                call.http, lambda port: containers.connect(metadata["namespace"], metadata["name"], port)
            )

    @contextlib.contextmanager
    def _open(self, call: Call, code: int, *, is_watch: bool = False) -> Iterator[None]:
        """Note a stream when it opens, and keep it among those that are ended with the server."""
        task = asyncio.current_task()
        self._streams.add(task)
        self._note(call, code, is_watch=is_watch)
        try:
            yield
        finally:
            self._streams.discard(task)

    def _note(self, call: Call, code: int, *, seconds: float = 0.0, is_watch: bool = False) -> None:
        self.access_log.note(
            Access(
                at=datetime.now(UTC),
                method=call.http.method,
                path=call.http.path_qs,
                user=call.user.name,
                user_agent=call.user_agent,
                code=code,
                seconds=seconds,
                is_watch=is_watch,
            )
        )


def _admit(call: Call) -> None:
    if call.user == ANONYMOUS and not call.path.startswith(_PUBLIC):
        message = f'forbidden: User "{ANONYMOUS.name}" cannot {call.http.method.lower()} path "{call.path}"'
        raise api_error(403, "Forbidden", message, details={})


def _of_document(document: Document, call: Call) -> Response:
    headers = dict(_NO_CACHE)
    if document.etag:
        headers["ETag"] = document.etag
        if call.http.headers.get("If-None-Match") == document.etag:
            return Response(status=304, headers=headers)
    headers["Content-Type"] = document.content_type
    return Response(body=document.body, status=document.code, headers=headers)


def _encoded(value: Json, code: int, call: Call, form: Form) -> Response:
    headers = {**_NO_CACHE, "Content-Type": "application/yaml" if form.yaml else "application/json"}
    return Response(body=encoded(value, form, pretty=call.is_pretty), status=code, headers=headers)


def _plain(status: Json, code: int, call: Call) -> Response:
    if status.get("message") == _NOWHERE:
        return Response(status=code, text=f"{_NOWHERE}\n")
    headers = {**_NO_CACHE, "Content-Type": "application/json"}
    retry = (status.get("details") or {}).get("retryAfterSeconds")
    if retry:
        headers["Retry-After"] = str(retry)
    return Response(body=encoded(status, Form(), pretty=call.is_pretty), status=code, headers=headers)


def _warned(response: Response, warnings: tuple[str, ...]) -> Response:
    for warning in warnings:
        response.headers.add("Warning", f"299 - {_quoted(warning)}")
    return response


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
