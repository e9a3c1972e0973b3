"""The node's user namespace: which user ids exist in it.

Real root gets every id that it has itself. A plain user is root in the namespace, and has a range of further ids if
/etc/subuid and /etc/subgid give one and `newuidmap` and `newgidmap` are installed. See user_namespaces(7), subuid(5).

Layer: shell.
"""

import os
from collections.abc import Callable

from kdlib.sandbox.node.keeper import kernel

__all__ = ["enter_user_namespace", "whole_range_is_mapped"]

_PATHS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/run/wrappers/bin")


def enter_user_namespace(flags: int) -> None:
    """Unshare a user namespace and those of the other kinds, with the ids mapped, and become root in it.

    A child that stays outside writes the maps: the caller has no rights there any more once it is in.
    """
    entered, writer = os.pipe(), os.pipe()
    process = os.getpid()
    child = os.fork()
    if child == 0:
        _write_maps_when_told(process, entered, writer[1])
    os.close(entered[0])
    os.close(writer[1])
    try:
        kernel.unshare(kernel.NEW_USER | flags)
        os.write(entered[1], b"!")
        answer = os.read(writer[0], 1)
    finally:
        os.close(entered[1])
        os.close(writer[0])
        os.waitpid(child, 0)
    if not answer:
        raise PermissionError(1, "write uid_map")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def whole_range_is_mapped() -> bool:
    """Tell whether more ids than one exist in the calling process's user namespace."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return sum(int(line.split()[2]) for line in file) > 1


def _write_maps_when_told(process: int, entered: tuple[int, int], answer: int) -> None:
    os.close(entered[1])
    code = 1
    try:
        if os.read(entered[0], 1) and any(attempt(process) for attempt in _attempts()):
            os.write(answer, b"!")
            code = 0
    finally:
        os._exit(code)


def _attempts() -> list[Callable[[int], bool]]:
    return [_map_all, _map_one] if os.geteuid() == 0 else [_map_range, _map_one]


def _map_all(process: int) -> bool:
    return all(_write(f"/proc/{process}/{name}", _same(f"/proc/self/{name}")) for name in ("uid_map", "gid_map"))


def _same(path: str) -> str:
    """Return a map that keeps every id which the map at `path` has."""
    with open(path, encoding="ascii") as file:
        extents = [line.split() for line in file]
    return "".join(f"{inside} {inside} {count}\n" for inside, _, count in extents)


def _map_one(process: int) -> bool:
    # The kernel lets a plain user map its group only once the namespace has given up setgroups(2).
    _write(f"/proc/{process}/setgroups", "deny")
    user = _write(f"/proc/{process}/uid_map", f"0 {os.geteuid()} 1\n")
    group = _write(f"/proc/{process}/gid_map", f"0 {os.getegid()} 1\n")
    return user and group


def _map_range(process: int) -> bool:
    users = _range("/etc/subuid", os.geteuid())
    groups = _range("/etc/subgid", os.geteuid())
    programs = [_find("newuidmap"), _find("newgidmap")]
    if not users or not groups or not all(programs):
        return False
    return _run(programs[0], process, os.geteuid(), users) and _run(programs[1], process, os.getegid(), groups)


def _range(path: str, user: int) -> tuple[str, str] | None:
    names = {str(user), _name(user)}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            entries = [line.strip().split(":") for line in file]
    except OSError:
        return None
    return next(((entry[1], entry[2]) for entry in entries if len(entry) == 3 and entry[0] in names), None)


def _name(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _find(program: str) -> str:
    candidates = (f"{folder}/{program}" for folder in _PATHS)
    return next((path for path in candidates if os.access(path, os.X_OK)), "")


def _run(program: str, process: int, own: int, extent: tuple[str, str]) -> bool:
    arguments = [program, str(process), "0", str(own), "1", "1", *extent]
    child = os.posix_spawn(program, arguments, {})
    return os.waitpid(child, 0)[1] == 0


def _write(path: str, text: str) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
