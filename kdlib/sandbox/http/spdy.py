"""Frames of SPDY/3.1, as far as port forwarding needs them: streams with headers, data, resets and pings.

Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/. There is no flow control: the clients of
Kubernetes have none.

Layer: pure.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kdlib.errors import WorldError

__all__ = ["Data", "Frames", "GoneAway", "Opened", "Pinged", "Reset", "SpdyError"]

_VERSION = 3
_SYN_REPLY, _PING = 2, 6
_FIN = 1
_HEAD_BYTES = 8
_STREAM_MASK = 0x7FFFFFFF
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_MORE_WORDS = ("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin")
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative "
    "Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 "
    "Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec "
    "00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8"
    "charset=iso-8859-1,utf-,*,enq=0."
)


def _sized(text: str) -> bytes:
    return struct.pack(">I", len(text)) + text.encode()


_DICTIONARY = b"".join(map(_sized, (*_WORDS.split(), *_MORE_WORDS))) + _TAIL.encode()
"""What both sides compress headers with."""


class SpdyError(WorldError):
    """What came is no SPDY, and nothing after it can be understood."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The other side opened a stream."""

    stream: int
    headers: Mapping[str, str]
    is_last: bool


@dataclass(frozen=True, slots=True)
class Data:
    """Data of a stream; `is_last` where the sender sends no more."""

    stream: int
    data: bytes
    is_last: bool


@dataclass(frozen=True, slots=True)
class Reset:
    """A stream was broken off."""

    stream: int


@dataclass(frozen=True, slots=True)
class Pinged:
    """The other side wants the same number back."""

    number: int


@dataclass(frozen=True, slots=True)
class GoneAway:
    """The other side opens no more streams."""


Frame = Opened | Data | Reset | Pinged | GoneAway


class Frames:
    """Reads and writes the frames of one connection, as its server."""

    def __init__(self) -> None:
        self._rest = b""
        self._inflate = zlib.decompressobj(zdict=_DICTIONARY)
        self._deflate = zlib.compressobj(zdict=_DICTIONARY)

    def read(self, data: bytes) -> Iterator[Frame]:
        """Take in what arrived, in pieces of any size, and yield the frames that are complete; raises SpdyError."""
        self._rest += data
        while len(self._rest) >= _HEAD_BYTES:
            first, second = struct.unpack(">II", self._rest[:_HEAD_BYTES])
            end = _HEAD_BYTES + (second & 0xFFFFFF)
            if len(self._rest) < end:
                return
            body, self._rest = self._rest[_HEAD_BYTES:end], self._rest[end:]
            is_last = bool(second >> 24 & _FIN)
            if not first >> 31:
                yield Data(first, body, is_last)
                continue
            if first >> 16 & 0x7FFF != _VERSION:
                raise SpdyError(f"version {first >> 16 & 0x7FFF} of SPDY is not spoken here")
            try:
                yield from self._control(first & 0xFFFF, body, is_last=is_last)
            except (struct.error, zlib.error, UnicodeDecodeError) as error:
                raise SpdyError(f"a frame cannot be read: {error}") from error

    def _control(self, kind: int, body: bytes, *, is_last: bool) -> Iterator[Frame]:
        match kind:
            case 1:  # SYN_STREAM
                (stream,) = struct.unpack(">I", body[:4])
                yield Opened(stream & _STREAM_MASK, self._headers(body[10:]), is_last)
            case 3:  # RST_STREAM
                (stream,) = struct.unpack(">I", body[:4])
                yield Reset(stream & _STREAM_MASK)
            case 6:  # PING
                yield Pinged(*struct.unpack(">I", body[:4]))
            case 7:  # GOAWAY
                yield GoneAway()
            case 8:  # HEADERS
                # More headers of a stream: nothing follows from them, but both sides compress with what went before.
                self._headers(body[4:])

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block)
        (count,) = struct.unpack(">I", plain[:4])
        texts, at = [], 4
        for _ in range(2 * count):
            (size,) = struct.unpack(">I", plain[at : at + 4])
            texts.append(plain[at + 4 : at + 4 + size].decode())
            at += 4 + size
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}

    def reply(self, stream: int) -> bytes:
        """Accept a stream."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(_SYN_REPLY, struct.pack(">I", stream) + block)

    def data(self, stream: int, data: bytes, *, is_last: bool = False) -> bytes:
        """Send data on a stream; less than 16 MiB."""
        return struct.pack(">II", stream, (_FIN if is_last else 0) << 24 | len(data)) + data

    def pong(self, number: int) -> bytes:
        """Answer a ping."""
        return _control(_PING, struct.pack(">I", number))


def _control(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", 1 << 31 | _VERSION << 16 | kind, len(body)) + body
