"""Running a program so that neither it nor anything that it started outlives the process that asked for it.

The program is PID 1 of a PID namespace: when it ends, or the process that asked is killed, the kernel ends all in it.

Layer: shell.
"""

import os
import signal

from kdlib.sandbox.node.keeper import kernel

__all__ = ["run_confined"]


def run_confined(arguments: list[str], parent: int) -> int:
    """Run a program, found on PATH, for the process `parent`; returns its exit code.

    Where the kernel allows no namespace the program runs without; then what it started may outlive a kill.
    """
    _enter_namespace()
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return 1
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        _become(arguments, reader)
    os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    try:
        if user == 0:
            kernel.unshare(kernel.NEW_PID)
            return
        # A user namespace gives the right to make the other; the ids in it stay the same.
        kernel.unshare(kernel.NEW_USER | kernel.NEW_PID)
        for name, text in (("setgroups", "deny"), ("gid_map", f"{group} {group} 1"), ("uid_map", f"{user} {user} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    except OSError:
        return


def _become(arguments: list[str], alive: int) -> None:
    try:
        kernel.die_with_parent(signal.SIGKILL)
        os.set_blocking(alive, False)
        try:
            os.read(alive, 1)
            return
        except BlockingIOError:
            # The parent holds the pipe's other end, so it was there after the kernel was told.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.execvp(arguments[0], arguments)
    finally:
        os._exit(127)
