"""Watches as chunked answers: one JSON document a line.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.

Layer: shell.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeAlias

import orjson
from aiohttp.web import BaseRequest, StreamResponse

from kdlib.errors import api_error
from kdlib.frozen import Json
from kdlib.sandbox.http.answers import shown
from kdlib.sandbox.http.documents import Documents
from kdlib.sandbox.http.negotiation import Form, Shape
from kdlib.sandbox.store import Registry
from kdlib.wire import WatchEvent

__all__ = ["Line", "Lines", "stream"]

Line: TypeAlias = Callable[[WatchEvent], bytes]
"""Writes one event as a line, in the form that one client accepts."""


_LINES_KEPT = 64
_REST_SECONDS = 0.01
"""How long a watch rests after a write: the first event goes out at once, those that crowd in behind it together."""
_MANY = 32
"""So many events at once are a backlog, after which there is no rest."""


class Lines:
    """Makes the writers of watches; an event that goes out to several watchers as it is gets encoded once."""

    def __init__(self, documents: Documents, registry: Registry) -> None:
        self._documents = documents
        self._registry = registry
        self._written: dict[tuple[str, int], tuple[Json, bytes]] = {}

    def writer(self, form: Form, query: Mapping[str, str]) -> Line:
        """Make the writer of one watch; raises a 406 for a form that watches have not."""
        if form.shape is Shape.PARTIAL_LIST or form.yaml:
            raise api_error(406, "NotAcceptable", "a watch is served as application/json;stream=watch")
        if form.shape is Shape.OBJECT:
            return self._plain
        headers = [True]

        def write(event: WatchEvent) -> bytes:
            if event.type == "ERROR":
                return self._plain(event)
            obj = shown(event.object, form, self._documents.served, query, now=self._registry.now())
            if "columnDefinitions" in obj and not headers.pop():
                obj["columnDefinitions"] = None
            headers[:] = [False]
            return _line(event.type, obj)

        return write

    def _plain(self, event: WatchEvent) -> bytes:
        # The object is kept with its line, so that no other one comes to have its identity.
        key = (event.type, id(event.object))
        found = self._written.get(key)
        if found is not None:
            return found[1]
        line = _line(event.type, event.object)
        if len(self._written) >= _LINES_KEPT:
            del self._written[next(iter(self._written))]
        self._written[key] = (event.object, line)
        return line


async def stream(
    request: BaseRequest, response: StreamResponse, batches: AsyncIterator[Sequence[WatchEvent]], line: Line
) -> StreamResponse:
    """Answer with the events until the server ends them, or the client goes.

    Cancellation: the answer is ended in good order first, so a client sees an end and no cut.
    """
    response.content_type = "application/json"
    response.enable_chunked_encoding()
    # A write fails when the client has gone, which is how most watches end, and some before their first line.
    with contextlib.suppress(ConnectionResetError):
        await response.prepare(request)
        try:
            async for events in batches:
                # One write for all of them: each costs a call of the system, and an awakening of the client.
                await response.write(b"".join(map(line, events)))
                if len(events) < _MANY:
                    await asyncio.sleep(_REST_SECONDS)
        finally:
            await response.write_eof()
    return response


def _line(event_type: str, obj: Json) -> bytes:
    return b'{"type":"' + event_type.encode() + b'","object":' + orjson.dumps(obj) + b"}\n"
