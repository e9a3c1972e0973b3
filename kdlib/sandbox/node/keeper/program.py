"""A forked child on its way to becoming the user's program: streams, user, capabilities, working folder, exec.

Layer: shell.
"""

import errno
import fcntl
import os
import signal
import socket
import struct
import termios
from typing import NoReturn

from kdlib.sandbox.node.keeper import kernel
from kdlib.sandbox.node.keeper.box import enter_box
from kdlib.sandbox.node.keeper.channel import Message, encode_refusal, send
from kdlib.sandbox.node.keeper.network import Spaces

__all__ = ["become"]

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441


def become(spec: Message, descriptors: list[int], spaces: Spaces) -> NoReturn:
    """Turn a forked child into the program of the request; an error goes to the report's socket.

    `descriptors` are that socket, which closes when the program has begun, and the streams; without `argv` the child
    stays as an init that reaps. A child that enters no mount namespace assembles a container's files in a new one.
    """
    report = socket.socket(fileno=descriptors[0])
    try:
        for kind in (kernel.NEW_NET, kernel.NEW_UTS, kernel.NEW_IPC, kernel.NEW_MOUNT):
            if kind in spaces:
                kernel.setns(spaces[kind], kind)
        if kernel.NEW_MOUNT not in spaces:
            kernel.unshare(kernel.NEW_MOUNT)
            enter_box(spec)
        _attach(report, descriptors[1:], terminal=spec["terminal"])
        if spec["argv"]:
            _execute(spec)
        os.closerange(3, 65536)
        _reap_for_ever()
        os._exit(0)
    except OSError as error:
        send(report, encode_refusal(error))
    finally:
        os._exit(128)


def _attach(report: socket.socket, streams: list[int], *, terminal: bool) -> None:
    """Make the streams 0, 1 and 2; with a terminal, make it in the container and send its other side as a report."""
    os.setsid()
    if terminal:
        side = _open_terminal(report)
        streams = [side, side, side]
    elif len(streams) < 3:
        streams = [os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), *streams]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)


def _execute(spec: Message) -> None:
    """Execute `argv` with `env` as `user` in `cwd`."""
    environment = dict(spec["env"])
    environment.setdefault("PATH", _DEFAULT_PATH)
    user = _user(spec["user"])
    environment.setdefault("HOME", user["home"])
    os.makedirs(spec["cwd"], exist_ok=True)
    os.chdir(spec["cwd"])
    program = _find_program(spec["argv"][0], environment["PATH"])
    _become_user(user, spec)
    _forget_signals()
    os.execve(program, spec["argv"], environment)


def _reap_for_ever() -> None:
    """Be an init that only reaps; return when it is told to end."""
    kernel.rename_process("init")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    while not set(os.read(reader, 64)) & {signal.SIGTERM, signal.SIGINT}:
        _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _open_terminal(report: socket.socket) -> int:
    control = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(control, _TIOCSPTLCK, struct.pack("i", 0))
    side = int(fcntl.ioctl(control, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    fcntl.ioctl(side, termios.TIOCSCTTY, 0)
    send(report, {"terminal": True}, [control])
    os.close(control)
    return side


def _user(wanted: str) -> Message:
    """Look up `name`, `uid`, `name:group` or `uid:gid` in the container's own files; empty is root."""
    name, _, group = wanted.partition(":")
    name = name or "0"
    entry = next((entry for entry in _entries("/etc/passwd", 7) if name in (entry[0], entry[2])), None)
    if entry is None and not name.isdecimal():
        raise OSError(errno.EINVAL, f"unable to find user {name}: no matching entries in passwd file")
    if entry is None:
        home = "/root" if name == "0" else "/"
        return {"uid": int(name), "gid": _group(group or "0"), "groups": [], "home": home}
    gid = _group(group) if group else int(entry[3])
    groups = [int(line[2]) for line in _entries("/etc/group", 4) if entry[0] in line[3].split(",")]
    return {"uid": int(entry[2]), "gid": gid, "groups": groups, "home": entry[5]}


def _group(wanted: str) -> int:
    entry = next((entry for entry in _entries("/etc/group", 4) if wanted in (entry[0], entry[2])), None)
    if entry is None and not wanted.isdecimal():
        raise OSError(errno.EINVAL, f"unable to find group {wanted}: no matching entries in group file")
    return int(entry[2] if entry else wanted)


def _entries(path: str, fields: int) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n").split(":") for line in file]
    except OSError:
        return []
    return [line for line in lines if len(line) >= fields and line[2].isdecimal()]


def _find_program(name: str, path: str) -> str:
    if "/" in name:
        if not os.path.exists(name):
            raise FileNotFoundError(errno.ENOENT, f'exec: "{name}": stat {name}: no such file or directory')
        return name
    candidates = [f"{folder or '.'}/{name}" for folder in path.split(":")]
    found = next((file for file in candidates if os.path.isfile(file) and os.access(file, os.X_OK)), "")
    if not found:
        raise FileNotFoundError(errno.ENOENT, f'exec: "{name}": executable file not found in $PATH')
    return found


def _become_user(user: Message, spec: Message) -> None:
    if not spec["privileged"]:
        kernel.bound_capabilities(frozenset(spec["capabilities"]))
    if spec["no_new_privileges"]:
        kernel.forbid_new_privileges()
    groups = [*user["groups"], *spec["groups"]]
    same = (user["uid"], user["gid"]) == (os.geteuid(), os.getegid())
    if same and not groups:
        return
    try:
        os.setgroups(groups)
        os.setresgid(user["gid"], user["gid"], user["gid"])
        os.setresuid(user["uid"], user["uid"], user["uid"])
    except OSError as error:
        if same:
            # Where a single id exists, every file of the pod is its own, and groups add nothing.
            return
        message = (
            f"cannot become user {user['uid']}:{user['gid']}: this id does not exist in the sandbox; run the sandbox "
            "as root, or give your user a range in /etc/subuid and /etc/subgid and install newuidmap"
        )
        raise OSError(error.errno, message) from error


def _forget_signals() -> None:
    """Give the program the dispositions that a fresh process has; the interpreter ignores some signals."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
