"""Messages between the sandbox and its keeper: JSON over a Unix socket that keeps borders, with file descriptors.

This module is read by both sides; the keeper's side runs without site packages, so the standard library is all it uses.

Layer: shell.
"""

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["Message", "encode_refusal", "receive", "send"]

Message: TypeAlias = dict[str, Any]
"""One decoded message. `Any` stands for JSON values."""

_INLINE_BYTES = 100_000
"""Longer texts travel in a memory file, since the kernel bounds what fits into one datagram."""

_DESCRIPTORS = 16
_LONG = b"@"


def send(link: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message with copies of the descriptors; raises BlockingIOError, nothing sent, where the link is full."""
    data = json.dumps(message).encode()
    if len(data) <= _INLINE_BYTES:
        _send(link, data, descriptors)
        return
    memory = os.memfd_create("message")
    try:
        with os.fdopen(os.dup(memory), "wb") as file:
            file.write(data)
        _send(link, _LONG, [memory, *descriptors])
    finally:
        os.close(memory)


def receive(link: socket.socket) -> tuple[Message, list[int]] | None:
    """Return the next message and its descriptors, which are now the caller's; None at the link's end."""
    data, ancillary, _, _ = link.recvmsg(_INLINE_BYTES, socket.CMSG_SPACE(4 * _DESCRIPTORS), socket.MSG_CMSG_CLOEXEC)
    descriptors: list[int] = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.extend(struct.unpack(f"{len(content) // 4}i", content[: len(content) // 4 * 4]))
    if not data:
        return None
    if data == _LONG:
        memory = descriptors.pop(0)
        os.lseek(memory, 0, os.SEEK_SET)
        with os.fdopen(memory, "rb") as file:
            data = file.read()
    return json.loads(data), descriptors


def encode_refusal(error: OSError) -> Message:
    """Describe an error of the kernel in a message."""
    return {"error": error.strerror or str(error), "errno": error.errno or 0}


def _send(link: socket.socket, data: bytes, descriptors: Sequence[int]) -> None:
    rights = struct.pack(f"{len(descriptors)}i", *descriptors)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
    link.sendmsg([data], ancillary)
