"""Lines out of chunks: a watch is a stream of JSON documents, one on each line, cut anywhere.

Layer: shell.
"""

from collections.abc import Iterator

__all__ = ["LineSplitter"]


class LineSplitter:
    """Joins chunks and gives complete lines; what follows the last newline is never given.

    `longest` bounds one line in bytes, so that a peer that sends no newline cannot fill the memory.
    """

    def __init__(self, longest: int = 64 * 1024 * 1024) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take one chunk, yield the lines that it completes, without newline and without empty ones.

        Raises ValueError where a line is longer than allowed.
        """
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            line = b"".join((*self._parts, piece)) if self._parts else piece
            self._parts.clear()
            self._size = 0
            if line.strip():
                yield line
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        if self._size > self._longest:
            raise ValueError(f"a line is longer than {self._longest} bytes")
