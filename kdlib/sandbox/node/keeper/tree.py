"""The node's own file tree, and the skeleton that every container's root starts from.

The node's root is a file system in memory: `/host` is the machine's root, `/skeleton` the generated lowest layer of
containers, `/pods` and `/claims` hold volumes, `/box` is where a container assembles its root, in a mount namespace of
its own. Nothing of it is on the user's disk, and all of it ends with the mount namespace.

Layer: shell.
"""

import os
from collections import deque

from kdlib.sandbox.node.keeper import kernel

__all__ = [
    "HOST",
    "SKELETON",
    "base_folders",
    "base_layers",
    "become_root",
    "bind_claims",
    "fill",
    "remove",
    "try_overlay",
]

HOST = "/host"
SKELETON = "/skeleton"

_MIRROR = "/mirror"
_MIRRORED_FOLDERS = 6_000
_NOT_MIRRORED = frozenset(
    {
        *("usr/include", "usr/lib/debug", "usr/lib/firmware", "usr/lib/modules", "usr/share/doc", "usr/share/help"),
        *("usr/share/icons", "usr/share/locale", "usr/share/man", "usr/share/zoneinfo", "usr/src"),
    }
)
"""Large trees in which no program puts anything."""

_BASE = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32", "opt", "nix", "gnu")
"""What containers see of the machine at the top level, in this order: links first resolve against `usr`."""

_FOLDERS = {
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "media": 0o755,
    "mnt": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "run/lock": 0o1777,
    "srv": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "var": 0o755,
    "var/cache": 0o755,
    "var/lib": 0o755,
    "var/log": 0o755,
    "var/opt": 0o755,
    "var/spool": 0o755,
    "var/tmp": 0o1777,
}
_LINKS = {"var/run": "/run", "var/lock": "/run/lock", "etc/mtab": "/proc/mounts"}

_FILES = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/bash\n"
        "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
        "bin:x:2:2:bin:/bin:/usr/sbin/nologin\n"
        "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "etc/group": (
        "root:x:0:\ndaemon:x:1:\nbin:x:2:\nadm:x:4:\ntty:x:5:\nwww-data:x:33:\nutmp:x:43:\nstaff:x:50:\nusers:x:100:\n"
        "nogroup:x:65534:\n"
    ),
    "etc/shadow": "root:*:1::::::\nnobody:*:1::::::\n",
    "etc/nsswitch.conf": (
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\n"
        "services: files\nethers: files\nrpc: files\n"
    ),
    "etc/hostname": "",
    "etc/hosts": "",
    "etc/resolv.conf": "",
    "etc/fstab": "",
}

_ETC = frozenset(
    {
        *("adduser.conf", "default", "deluser.conf", "environment", "pam.conf", "pam.d", "security"),
        *("alternatives", "bash.bashrc", "bashrc", "ca-certificates", "ca-certificates.conf", "crypto-policies"),
        *("debian_version", "dpkg", "ethertypes", "fonts", "gai.conf", "host.conf", "inputrc", "ld.so.cache"),
        *("ld.so.conf", "ld.so.conf.d", "locale.alias", "locale.conf", "localtime", "login.defs", "lsb-release"),
        *("magic", "magic.mime", "mime.types", "netconfig", "networks", "os-release", "perl", "pki", "profile"),
        *("profile.d", "protocols", "rpc", "services", "shells", "skel", "ssl", "terminfo", "timezone"),
    }
)
"""What programs need of the machine's `/etc`: nothing that tells of its users, its network or its secrets."""

_ETC_PREFIXES = ("java", "jvm", "python3", "alpine-release", "redhat-release", "system-release", "fedora-release")
_PRIVATE = frozenset({"private"})
_READABLE_BY_ALL = 0o004


def become_root() -> None:
    """Put the machine's root at /host, an empty tree in its place, and a /proc of this PID namespace into it."""
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", "/tmp", "tmpfs", flags=kernel.MS_NOSUID, data="mode=755")
    for name in ("host", "proc", "pods", "claims", "box", "mirror", "skeleton"):
        os.mkdir(f"/tmp/{name}")
    kernel.pivot_root("/tmp", "/tmp/host")
    os.chdir("/")
    os.umask(0o022)
    kernel.mount("proc", "/proc", "proc", flags=kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def try_overlay() -> None:
    """Mount what every container needs, to learn at once whether the kernel allows it."""
    for name in ("upper", "work"):
        os.mkdir(f"/box/{name}")
    kernel.mount(
        "overlay", "/box", "overlay", data=f"lowerdir={SKELETON},upperdir=/box/upper,workdir=/box/work,userxattr"
    )
    kernel.unmount("/box")
    remove("/box/upper")
    remove("/box/work")


def bind_claims(folder: str) -> None:
    """Keep the contents of claims in this folder of the machine instead of in memory."""
    kernel.mount(HOST + folder, "/claims", flags=kernel.MS_BIND)


def base_folders(prefixes: list[str]) -> list[str]:
    """Return the machine's folders, relative to its root, that containers see copies of; links are left out."""
    names = [name for name in _BASE if os.path.isdir(f"{HOST}/{name}") and not os.path.islink(f"{HOST}/{name}")]
    return names + [prefix.strip("/") for prefix in prefixes]


def base_layers(folder: str) -> list[str]:
    """Return where the contents of one such folder come from, the highest first."""
    mirror = f"{_MIRROR}/{folder}"
    return [mirror, f"{HOST}/{folder}"] if os.path.isdir(mirror) else [f"{HOST}/{folder}"]


def fill(prefixes: list[str]) -> None:
    """Make what is below every container; none may start before it is complete."""
    _fill_skeleton(prefixes)
    for folder in base_folders(prefixes):
        if not os.access(f"{HOST}/{folder}", os.W_OK):
            _mirror(folder)


def _mirror(top: str) -> None:
    """Make empty folders of our own over the machine's, to make it possible to add, replace and remove files in them.

    The owner of the machine's folders does not exist in a plain user's namespace, so not even root may write to a copy
    of them. An overlay gives a merged folder the owner that it has in the highest layer. Their number is bounded, so
    the shallow ones come first; those that are left out cannot be changed by pods of a plain user.
    """
    todo, made = deque([top]), 0
    os.makedirs(f"{_MIRROR}/{top}")
    while todo and made < _MIRRORED_FOLDERS:
        folder = todo.popleft()
        try:
            with os.scandir(f"{HOST}/{folder}") as entries:
                found = [f"{folder}/{entry.name}" for entry in entries if entry.is_dir(follow_symlinks=False)]
        except PermissionError:
            continue
        for inner in found:
            os.mkdir(f"{_MIRROR}/{inner}")
        todo.extend(inner for inner in found if inner not in _NOT_MIRRORED)
        made += len(found)


def _fill_skeleton(prefixes: list[str]) -> None:
    """Make the generated lowest layer: the usual folders, the machine's top-level links, and an `/etc` of our own."""
    for folder, mode in _FOLDERS.items():
        os.makedirs(f"{SKELETON}/{folder}", exist_ok=True)
        os.chmod(f"{SKELETON}/{folder}", mode)
    for name in filter(lambda name: os.path.islink(f"{HOST}/{name}"), _BASE):
        os.symlink(os.readlink(f"{HOST}/{name}"), f"{SKELETON}/{name}")
    for folder in base_folders(prefixes):
        os.makedirs(f"{SKELETON}/{folder}", exist_ok=True)
    _fill_etc()
    for name, target in _LINKS.items():
        os.symlink(target, f"{SKELETON}/{name}")


def _fill_etc() -> None:
    for name in sorted(os.listdir(f"{HOST}/etc")):
        if name in _ETC or name.startswith(_ETC_PREFIXES):
            _copy(f"{HOST}/etc/{name}", f"{SKELETON}/etc/{name}")
    for name, text in (_FILES | {"etc/machine-id": os.urandom(16).hex() + "\n"}).items():
        _write(f"{SKELETON}/{name}", text.encode(), 0o644)


def _copy(source: str, target: str) -> None:
    """Copy a tree, links as links; what is private, or not for all users to read, is left out."""
    try:
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
        elif os.path.isdir(source):
            entries = sorted(os.listdir(source))
            os.mkdir(target)
            for name in entries:
                if name not in _PRIVATE:
                    _copy(f"{source}/{name}", f"{target}/{name}")
        elif os.path.isfile(source) and os.stat(source).st_mode & _READABLE_BY_ALL:
            with open(source, "rb") as file:
                _write(target, file.read(), os.stat(source).st_mode & 0o755)
    except PermissionError:
        return


def _write(path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove a file, or a folder with all that is in it; nothing to do where there is none."""
    if os.path.isdir(path) and not os.path.islink(path):
        for entry in list(os.scandir(path)):
            remove(entry.path)
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
