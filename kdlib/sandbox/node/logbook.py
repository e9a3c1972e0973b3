"""What one life of a container wrote, line by line with its time, in memory and bounded.

Layer: shell.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from kdlib.sandbox.streams import LogRequest

__all__ = ["Line", "Logbook"]

_MOST_BYTES = 10 * 1024 * 1024
"""As a kubelet keeps by default (containerLogMaxSize)."""
_LONGEST_LINE = 16 * 1024
_STREAMS = {1: "Stdout", 2: "Stderr"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or a part of a very long one: `text` ends with a newline unless more of the line follows."""

    number: int
    written: datetime
    stream: int
    text: bytes


class Logbook:
    """The lines of one container life, the oldest dropped when there are too many."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._number = 0
        self._unfinished: dict[int, bytes] = {1: b"", 2: b""}
        self._readers: set[asyncio.Event] = set()
        self.is_closed = False

    def write(self, stream: int, data: bytes) -> None:
        """Add what the container wrote; an unfinished line is kept back until its end comes."""
        *lines, rest = (self._unfinished[stream] + data).split(b"\n")
        for line in lines:
            self._add(stream, line + b"\n")
        while len(rest) >= _LONGEST_LINE:
            self._add(stream, rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        self._unfinished[stream] = rest
        self._wake()

    def close(self) -> None:
        """Add unfinished lines as they are; nothing follows."""
        for stream, rest in self._unfinished.items():
            if rest:
                self._add(stream, rest)
        self._unfinished = {1: b"", 2: b""}
        self.is_closed = True
        self._wake()

    def last(self, lines: int, most_bytes: int) -> str:
        """Return the last lines as text, cut at the front."""
        found = list(self._lines)[-lines:]
        return b"".join(line.text for line in found)[-most_bytes:].decode(errors="replace")

    async def read(self, request: LogRequest) -> AsyncIterator[bytes]:
        """Yield the lines that the request asks for; following, wait for more until the log is closed."""
        left = request.limit_bytes
        seen = 0
        for line in self._chosen(request):
            seen = line.number
            text = _rendered(line, request)
            yield text if left is None else text[:left]
            left = None if left is None else left - len(text)
            if left is not None and left <= 0:
                return
        if request.follow:
            async for text in self._follow(request, max(seen, self._seen_by(request)), left):
                yield text

    def _seen_by(self, request: LogRequest) -> int:
        """Return the number of the last line that existed when the reading began, wanted or not."""
        return self._number if request.tail_lines == 0 else 0

    async def _follow(self, request: LogRequest, seen: int, left: int | None) -> AsyncIterator[bytes]:
        wake = asyncio.Event()
        self._readers.add(wake)
        try:
            while True:
                wake.clear()
                for line in self._after(seen, request):
                    seen = line.number
                    text = _rendered(line, request)
                    yield text if left is None else text[:left]
                    left = None if left is None else left - len(text)
                    if left is not None and left <= 0:
                        return
                if self.is_closed:
                    return
                await wake.wait()
        finally:
            self._readers.discard(wake)

    def _chosen(self, request: LogRequest) -> list[Line]:
        lines = self._after(0, request)
        if request.since is not None:
            lines = [line for line in lines if line.written >= request.since]
        if request.tail_lines is not None:
            lines = lines[-request.tail_lines :] if request.tail_lines else []
        return lines

    def _after(self, number: int, request: LogRequest) -> list[Line]:
        return list(self._newest_first(number, request))[::-1]

    def _newest_first(self, number: int, request: LogRequest) -> Iterator[Line]:
        for line in reversed(self._lines):
            if line.number <= number:
                return
            if request.stream in ("All", _STREAMS[line.stream]):
                yield line

    def _add(self, stream: int, text: bytes) -> None:
        self._number += 1
        self._lines.append(Line(self._number, self._now(), stream, text))
        self._bytes += len(text)
        while self._bytes > _MOST_BYTES and len(self._lines) > 1:
            self._bytes -= len(self._lines.popleft().text)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.set()


def _rendered(line: Line, request: LogRequest) -> bytes:
    if not request.timestamps:
        return line.text
    written = line.written.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z "
    return written.encode() + line.text
