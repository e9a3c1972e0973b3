"""The programs that run inside members, as bytes: they are shipped as files of this package.

Layer: shell.
"""

from functools import cache
from importlib.resources import files

__all__ = ["guest_script", "programs"]


@cache
def guest_script() -> bytes:
    """Return the script that takes frames and answers."""
    return _read("guest.sh")


@cache
def programs() -> dict[str, bytes]:
    """Return configcli for Python, and for images without it, under the names of their blobs."""
    return {"configcli": _read("configcli"), "ccli": _read("ccli.sh")}


def _read(name: str) -> bytes:
    return (files("kdlib.guest") / "payload" / name).read_bytes()
