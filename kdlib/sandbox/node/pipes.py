"""Reading and writing of non-blocking descriptors in the event loop.

Layer: shell.
"""

import asyncio
import os
from collections.abc import Callable, Iterable

__all__ = ["read_now", "wait_readable", "wait_writable", "write_all"]

_CHUNK = 65536


def read_now(descriptor: int) -> bytes | None:
    """Return what can be read at once, empty at the end, None where there is nothing yet."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        # A terminal says EIO, not end of file, when its last user has closed it.
        return b""


async def wait_readable(descriptors: Iterable[int], also: asyncio.Future[int] | None = None) -> None:
    """Wait until one of the descriptors can be read, or the given future is done."""
    loop = asyncio.get_running_loop()
    watched = list(descriptors)
    await _first(lambda wake: [loop.add_reader(each, wake) for each in watched], loop.remove_reader, watched, also)


async def wait_writable(descriptor: int) -> None:
    """Wait until the descriptor can be written to."""
    loop = asyncio.get_running_loop()
    await _first(lambda wake: [loop.add_writer(descriptor, wake)], loop.remove_writer, [descriptor], None)


async def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data; raises BrokenPipeError where nobody reads."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            await wait_writable(descriptor)


async def _first(
    watch: Callable[[Callable[[], None]], object],
    forget: Callable[[int], object],
    watched: list[int],
    also: asyncio.Future[int] | None,
) -> None:
    ready = asyncio.Event()

    def wake(_: object = None) -> None:
        ready.set()

    watch(wake)
    if also is not None:
        also.add_done_callback(wake)
    try:
        await ready.wait()
    finally:
        for each in watched:
            forget(each)
        if also is not None:
            also.remove_done_callback(wake)
