"""Frames of SPDY, read in pieces of any size."""

import struct
import zlib

import pytest

from kdlib.sandbox.http import spdy

STREAM = {"streamtype": "data", "port": "80", "requestid": "0"}


def client_stream(stream, headers, deflate):
    """Write a SYN_STREAM as a client does."""
    plain = struct.pack(">I", len(headers))
    for text in (part for pair in headers.items() for part in pair):
        plain += struct.pack(">I", len(text)) + text.encode()
    block = deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH)
    body = struct.pack(">IIH", stream, 0, 0) + block
    return struct.pack(">II", 0x80030001, len(body)) + body


def client_deflate():
    return zlib.compressobj(zdict=spdy._DICTIONARY)


def test_the_dictionary_is_that_of_the_standard():
    # The number by which zlib names it in what every client sends.
    assert zlib.adler32(spdy._DICTIONARY) == 0xE3C6A7C2


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_frames_are_read_from_pieces_of_any_size(size):
    deflate = client_deflate()
    sent = client_stream(1, STREAM, deflate) + client_stream(3, {**STREAM, "streamtype": "error"}, deflate)
    sent += struct.pack(">II", 1, 5) + b"hello" + struct.pack(">II", 1, 1 << 24)
    sent += struct.pack(">III", 0x80030006, 4, 9) + struct.pack(">IIII", 0x80030003, 8, 3, 5)
    frames = spdy.Frames()

    found = [frame for at in range(0, len(sent), size) for frame in frames.read(sent[at : at + size])]

    assert found == [
        spdy.Opened(1, STREAM, False),
        spdy.Opened(3, {**STREAM, "streamtype": "error"}, False),
        spdy.Data(1, b"hello", False),
        spdy.Data(1, b"", True),
        spdy.Pinged(9),
        spdy.Reset(3),
    ]


def test_what_is_sent_reads_back():
    frames = spdy.Frames()
    reply, inflate = frames.reply(5), zlib.decompressobj(zdict=spdy._DICTIONARY)

    assert reply[:4] == bytes.fromhex("80030002")
    assert inflate.decompress(reply[12:]) == bytes(4)
    assert list(spdy.Frames().read(frames.data(5, b"x", is_last=True))) == [spdy.Data(5, b"x", True)]
    assert list(spdy.Frames().read(frames.pong(3))) == [spdy.Pinged(3)]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(struct.pack(">II", 0x80020001, 0), id="another version"),
        pytest.param(struct.pack(">II", 0x80030001, 14) + b"\0" * 14, id="headers that are none"),
        pytest.param(struct.pack(">II", 0x80030006, 1) + b"\0", id="a frame cut short"),
    ],
)
def test_what_is_no_spdy_ends_the_connection(sent):
    with pytest.raises(spdy.SpdyError):
        list(spdy.Frames().read(sent))
