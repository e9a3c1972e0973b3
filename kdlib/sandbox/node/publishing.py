"""Writing the files of a computed volume so that readers see either all old or all new ones.

The layout is the kubelet's: files lie in a folder of their own, `..data` is a link to the newest such folder, and the
volume's top holds links through `..data`. The volume is reached by a descriptor, since it lies in the node's mounts.

Layer: shell.
"""

import os
from collections.abc import Mapping
from contextlib import suppress

from kdlib.sandbox.node.payloads import File

__all__ = ["publish", "read_beneath", "write_beneath"]

_DATA = "..data"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


def publish(folder: int, files: Mapping[str, File], version: int) -> None:
    """Make the volume at the folder's descriptor hold just these files; `version` differs from call to call."""
    name = f"..{version:08d}"
    os.mkdir(name, 0o755, dir_fd=folder)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
    try:
        for path, file in sorted(files.items()):
            _write(inner, path, file)
    finally:
        os.close(inner)
    with suppress(FileNotFoundError):
        os.unlink(f"{_DATA}_new", dir_fd=folder)
    os.symlink(name, f"{_DATA}_new", dir_fd=folder)
    os.rename(f"{_DATA}_new", _DATA, src_dir_fd=folder, dst_dir_fd=folder)
    _link(folder, {path.partition("/")[0] for path in files}, keep=name)


def write_beneath(folder: int, path: str, data: bytes, mode: int = 0o644) -> None:
    """Write a file at a path below the folder's descriptor, whose folders are there."""
    descriptor = os.open(path, _FLAGS, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        os.fchmod(descriptor, mode)


def read_beneath(folder: int, path: str, most: int) -> bytes:
    """Return at most that many bytes from the start of a file; empty where it is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def _write(folder: int, path: str, file: File) -> None:
    parts = path.split("/")
    for count in range(1, len(parts)):
        with suppress(FileExistsError):
            os.mkdir("/".join(parts[:count]), 0o755, dir_fd=folder)
    write_beneath(folder, path, file.data, file.mode)


def _link(folder: int, names: set[str], *, keep: str) -> None:
    """Make the visible links, and remove links and folders of earlier versions."""
    with os.scandir(folder) as entries:
        there = {entry.name for entry in entries}
    for name in sorted(names - there):
        os.symlink(f"{_DATA}/{name}", name, dir_fd=folder)
    for name in sorted(there - names - {_DATA, keep}):
        _remove(folder, name)


def _remove(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except (IsADirectoryError, PermissionError):
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            with os.scandir(inner) as entries:
                names = [entry.name for entry in entries]
            for each in names:
                _remove(inner, each)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)
