"""Exec over WebSocket, protocol v4: numbered channels in binary frames, the exit code as a Status on the last.

Only v4 is offered: an API server hands it through to the kubelet as it is, while v5 would be translated to SPDY. Its
price is that stdin cannot be ended by itself, so what is sent has to carry its own length.
See https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#-strong-misc-operations-pod-v1-core-strong-.

Layer: shell.
"""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import orjson

from kdlib.errors import UnreachableError, from_status
from kdlib.frozen import Json, dig
from kdlib.wire import POD, ExecRequest

__all__ = ["PROTOCOL", "ChannelStream", "exec_path", "exec_query", "exit_code"]

PROTOCOL = "v4.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR = 0, 1, 2, 3
_FRAME_BYTES = 64 * 1024


class ChannelStream:
    """The open connection to a command in a container, over one WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, subject: str) -> None:
        self._socket = socket
        self._subject = subject
        self._end: Json | None = None

    async def send(self, data: bytes) -> None:
        """Write to the command's stdin in frames of at most 64 KiB; returns when the connection has taken all.

        Raises UnreachableError where the connection is gone, as when the command has ended.
        """
        view = memoryview(data)
        try:
            for start in range(0, len(view), _FRAME_BYTES):
                await self._socket.send_bytes(bytes((_STDIN,)) + view[start : start + _FRAME_BYTES])
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError(f"{self._subject}: the connection was cut while sending: {error}") from error

    async def close_stdin(self) -> None:
        """Do nothing: protocol v4 has no way to end stdin."""

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        """Yield (1, stdout bytes) and (2, stderr bytes) in the order of arrival, until the command ends."""
        async for message in self._socket:
            frame = message.data if message.type is aiohttp.WSMsgType.BINARY else b""
            if not frame:
                continue
            match frame[0]:
                case 1 | 2 as channel if len(frame) > 1:
                    yield channel, frame[1:]
                case 3 if len(frame) > 1:
                    self._end = _decoded_end(frame[1:])
                    return

    async def exit_code(self) -> int:
        """Return the command's exit code, once iteration has ended.

        Raises UnreachableError where the connection ended without telling one, ApiError where the command could not
        be run at all.
        """
        if self._end is None:
            cause = self._socket.exception()
            raise UnreachableError(f"{self._subject}: the connection was cut before the command's end") from cause
        return exit_code(self._end)


def exit_code(end: Json) -> int:
    """Read the exit code from the Status that ends an exec.

    Raises ApiError where the command did not run to an end of its own.
    """
    if end.get("status") == "Success":
        return 0
    causes = dig(end, "details", "causes", default=[])
    codes = [cause.get("message") for cause in causes if cause.get("reason") == "ExitCode"]
    if end.get("reason") == "NonZeroExitCode" and codes:
        return int(codes[0])
    raise from_status(end)


def exec_path(request: ExecRequest) -> str:
    """Return the path of the pod's exec subresource."""
    return POD.path(request.namespace, request.pod, "exec")


def exec_query(request: ExecRequest) -> str:
    """Return the encoded query: container, streams, and the command word by word."""
    pairs = [("container", request.container), ("stdin", str(request.stdin).lower())]
    pairs += [("stdout", "true"), ("stderr", "true"), ("tty", "false")]
    pairs += [("command", word) for word in request.command]
    return urlencode(pairs)


def _decoded_end(payload: bytes) -> Json:
    try:
        end = orjson.loads(payload)
    except orjson.JSONDecodeError:
        end = None
    match end:
        case dict():
            return end
        case _:
            text = payload[:300].decode("utf-8", "replace")
            return {"kind": "Status", "status": "Failure", "message": text, "code": 500}
