"""How a process that is a daemon deals with memory.

Layer: shell.
"""

import ctypes
import gc

__all__ = ["give_memory_back"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_TRIM_BYTES = 256 * 1024
_MMAP_BYTES = 64 * 1024


def give_memory_back() -> None:
    """Have this process return to the system what it needed for a while only; to be called when all is imported.

    Fixed thresholds keep large buffers out of the heap, where one small value above them would hold them for ever:
    see https://man7.org/linux/man-pages/man3/mallopt.3.html. A C library without `mallopt` does as it likes.
    What was imported is never searched for garbage again, so that the searches which connections need stay short.
    """
    gc.collect()
    gc.freeze()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
