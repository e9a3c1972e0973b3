"""The file system of one container life, assembled in the container's own mount namespace.

The root is an overlay of a file system in memory (fresh, gone with the namespace) over the image's layers over the
skeleton; the machine's folders are overlays of their own on top of it, since an overlay does not look into mounts below
its lower folder. Volumes are bound after the change of root, so that links inside the image lead where they should.

Layer: shell.
"""

import os

from kdlib.sandbox.node.keeper import kernel
from kdlib.sandbox.node.keeper.channel import Message
from kdlib.sandbox.node.keeper.identity import whole_range_is_mapped
from kdlib.sandbox.node.keeper.tree import HOST, SKELETON, base_folders, base_layers

__all__ = ["enter_box"]

_BOX = "/box"
_ROOT = "/box/root"
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    "stderr": "/proc/self/fd/2",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
}
_SEALED = ("sys", "irq", "bus", "fs", "sysrq-trigger")
"""Parts of /proc through which the machine itself could be changed."""

_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC


def enter_box(spec: Message) -> None:
    """Build the root file system and make it the calling process's root.

    `layers` are folders of the machine, the lowest first; `prefixes` further folders to see of it; `mounts` have a
    `source` in the node's tree, a `sub_path` below it that no link leads out of, a `target` and `read_only`.
    """
    kernel.mount("tmpfs", _BOX, "tmpfs", flags=kernel.MS_NOSUID, data="mode=755")
    os.mkdir(_ROOT)
    layers = [HOST + layer for layer in reversed(spec["layers"])]
    _overlay("", [*layers, SKELETON])
    for folder in base_folders(spec["prefixes"]):
        above = [f"{layer}/{folder}" for layer in layers if os.path.isdir(f"{layer}/{folder}")]
        _overlay(folder, [*above, *base_layers(folder)])
    _mount_kernel_files()
    sources = [_open_source(entry) for entry in spec["mounts"]]
    _change_root()
    for entry, source in zip(spec["mounts"], sources, strict=True):
        _bind(entry, source)
    # The working folder is still the old root, which lies hidden on top of the new one.
    kernel.unmount(".")
    os.chdir("/")
    if spec["read_only"]:
        kernel.make_read_only("/")


def _overlay(folder: str, lower: list[str]) -> None:
    name = folder.replace("/", "-")
    upper, work, target = f"{_BOX}/upper-{name}", f"{_BOX}/work-{name}", f"{_ROOT}/{folder}"
    os.mkdir(upper)
    os.mkdir(work)
    # The top folder of an overlay takes its attributes from the upper one.
    below = os.stat(lower[0])
    os.chmod(upper, below.st_mode & 0o7777)
    os.makedirs(target, exist_ok=True)
    escaped = ":".join(path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for path in lower)
    kernel.mount("overlay", target, "overlay", data=f"lowerdir={escaped},upperdir={upper},workdir={work},userxattr")


def _mount_kernel_files() -> None:
    kernel.mount("proc", f"{_ROOT}/proc", "proc", flags=_QUIET)
    for name in _SEALED:
        path = f"{_ROOT}/proc/{name}"
        if os.path.exists(path):
            kernel.mount(path, path, flags=kernel.MS_BIND)
            kernel.make_read_only(path)
    kernel.mount(f"{HOST}/sys", f"{_ROOT}/sys", flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.make_read_only(f"{_ROOT}/sys", flags=kernel.AT_RECURSIVE)
    _mount_devices(f"{_ROOT}/dev")


def _mount_devices(folder: str) -> None:
    kernel.mount("tmpfs", folder, "tmpfs", flags=kernel.MS_NOSUID, data="mode=755,size=65536k")
    for name in _DEVICES:
        os.close(os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        kernel.mount(f"{HOST}/dev/{name}", f"{folder}/{name}", flags=kernel.MS_BIND)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"{folder}/{name}")
    os.mkdir(f"{folder}/shm")
    os.mkdir(f"{folder}/pts")
    group = ",gid=5" if whole_range_is_mapped() else ""
    flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
    kernel.mount("devpts", f"{folder}/pts", "devpts", flags=flags, data=f"newinstance,ptmxmode=0666,mode=0620{group}")


def _open_source(entry: Message) -> int:
    folder, sub_path = entry["source"], entry["sub_path"]
    if not sub_path:
        return os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        return kernel.open_beneath(folder, sub_path)
    except FileNotFoundError:
        _make_beneath(folder, sub_path)
        return kernel.open_beneath(folder, sub_path)


def _make_beneath(folder: str, sub_path: str) -> None:
    """Make the missing folders of a path without following a link out of `folder`."""
    done = ""
    for part in sub_path.strip("/").split("/"):
        parent = kernel.open_beneath(folder, done or ".")
        try:
            os.mkdir(part, 0o755, dir_fd=parent)
        except FileExistsError:
            pass
        finally:
            os.close(parent)
        done = f"{done}/{part}" if done else part


def _change_root() -> None:
    os.chdir(_ROOT)
    old = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        kernel.pivot_root(".", ".")
        os.fchdir(old)
    finally:
        os.close(old)


def _bind(entry: Message, source: int) -> None:
    """Bind an opened source at a path of the new root, whose missing parts are made."""
    path, target = f"/proc/self/fd/{source}", os.path.realpath(entry["target"])
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(path, target, flags=kernel.MS_BIND | kernel.MS_REC)
    if entry["read_only"]:
        kernel.make_read_only(target)
    os.close(source)
