"""Calls to the Linux kernel that the standard library does not offer: namespaces, mounts, process attributes.

Source: man pages namespaces(7), mount(2), mount_setattr(2), openat2(2), pivot_root(2), prctl(2).
The keeper runs without site packages, so the standard library is all it uses.

Layer: shell.
"""

import ctypes
import os
import struct

__all__ = [
    "AT_RECURSIVE",
    "MS_BIND",
    "MS_NODEV",
    "MS_NOEXEC",
    "MS_NOSUID",
    "MS_PRIVATE",
    "MS_RDONLY",
    "MS_REC",
    "NEW_IPC",
    "NEW_MOUNT",
    "NEW_NET",
    "NEW_PID",
    "NEW_USER",
    "NEW_UTS",
    "bound_capabilities",
    "die_with_parent",
    "forbid_new_privileges",
    "make_read_only",
    "mount",
    "open_beneath",
    "pivot_root",
    "rename_process",
    "setns",
    "unmount",
    "unshare",
]

NEW_MOUNT = 0x00020000
NEW_UTS = 0x04000000
NEW_IPC = 0x08000000
NEW_USER = 0x10000000
NEW_PID = 0x20000000
NEW_NET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

AT_RECURSIVE = 0x8000

_MNT_DETACH = 2
_AT_FDCWD = -100
_SYS_OPENAT2 = 437
_SYS_MOUNT_SETATTR = 442
_MOUNT_ATTR_RDONLY = 1
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_IN_ROOT = 0x10
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_LAST_CAPABILITY = 40

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace that the descriptor stands for."""
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str, kind: str = "", *, flags: int = 0, data: str = "") -> None:
    """Mount a file system, or bind `source`, at `target`."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        os.fsencode(data) or None,
    )
    _check(result, f"mount {kind or source} at {target}")


def make_read_only(target: str, *, flags: int = 0) -> None:
    """Make the mount at `target` read-only; with AT_RECURSIVE those below it too."""
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(flags),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    _check(result, f"make {target} read-only")


def unmount(target: str) -> None:
    """Detach the mount, and those below it, at once; it ends when its last user has gone."""
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(_MNT_DETACH)), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root of this mount namespace, and put the old root at `old`."""
    _check(_libc.pivot_root(os.fsencode(new), os.fsencode(old)), "pivot_root")


def open_beneath(folder: str, path: str) -> int:
    """Open `path` as if `folder` were the root, so that no symbolic link leads out of it; returns a path descriptor."""
    root = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
        result = _libc.syscall(
            ctypes.c_long(_SYS_OPENAT2), ctypes.c_int(root), os.fsencode(path), how, ctypes.c_size_t(len(how))
        )
        return _check(result, f"open {path}")
    finally:
        os.close(root)


def die_with_parent(signal: int) -> None:
    """Have the kernel send this signal to the calling process when its parent dies."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def rename_process(name: str) -> None:
    """Set the name that process lists show; at most 15 bytes of it count."""
    buffer = ctypes.create_string_buffer(name.encode()[:15])
    _check(_libc.prctl(ctypes.c_int(_PR_SET_NAME), buffer, 0, 0, 0), "prctl")


def forbid_new_privileges() -> None:
    """Let no later program of this process gain privileges by set-uid bits or file capabilities."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def bound_capabilities(kept: frozenset[int]) -> None:
    """Take every capability that is not kept from the programs that this process becomes."""
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in kept:
            _prctl(_PR_CAPBSET_DROP, capability)


def _prctl(option: int, value: int) -> None:
    result = _libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3)
    _check(result, "prctl")


def _check(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
