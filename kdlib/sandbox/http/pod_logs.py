"""Container logs as answers of plain text, that go on while somebody follows them.

Layer: shell.
"""

import contextlib

from aiohttp.web import BaseRequest, Response, StreamResponse

from kdlib.sandbox.streams import Containers, LogRequest

__all__ = ["empty_log", "log_of_pod"]

_TEXT = "text/plain"


def empty_log() -> StreamResponse:
    """Answer for a pod that has no node yet, and so no log."""
    return Response(body=b"", content_type=_TEXT)


async def log_of_pod(request: BaseRequest, containers: Containers, order: LogRequest) -> StreamResponse:
    """Answer with a container's log; raises ApiError where the node has none."""
    async with containers.logs(order) as chunks:
        response = StreamResponse(headers={"Content-Type": _TEXT, "Cache-Control": "no-cache, private"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        # A write fails when the client has gone, which is how following a log ends.
        with contextlib.suppress(ConnectionResetError):
            try:
                async for chunk in chunks:
                    await response.write(chunk)
            finally:
                await response.write_eof()
        return response
