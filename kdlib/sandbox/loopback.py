"""Loopback addresses of this machine, one for each sandbox, so that the node ports of two do not meet.

Layer: shell.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from kdlib.errors import UnreachableError

__all__ = ["held_loopback"]

_MOST = 254


@contextmanager
def held_loopback(wanted: str = "") -> Iterator[str]:
    """Hold an address of 127.0.0.0/8: the one wanted, even if shared, else the first that no other sandbox holds.

    An address is held by a socket's name in the kernel alone, whose scope is the network namespace, as the address's
    is: however the process ends, the address is free again.
    Raises: UnreachableError where all are held.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as holder:
        for address in [wanted] if wanted else [f"127.0.0.{number}" for number in range(1, _MOST + 1)]:
            if _take(holder, address) or wanted:
                yield address
                return
    raise UnreachableError("every loopback address is held by another sandbox")


def _take(holder: socket.socket, address: str) -> bool:
    try:
        holder.bind(f"\0kubedirector-sandbox/{address}")
    except OSError:
        return False
    return True
