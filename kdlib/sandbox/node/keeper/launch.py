"""From an ordinary process to PID 1 of the node's namespaces.

The process that was started stays as the parent of PID 1, since leaving a PID namespace takes a fork. Both are killed
by the kernel when their parent dies, and PID 1 ends at the end of its link; with it the kernel ends every process,
mount and link of the node.

Layer: shell.
"""

import os
import select
import signal
import socket
from collections.abc import Callable

from kdlib.sandbox.node.keeper import kernel
from kdlib.sandbox.node.keeper.channel import Message, send
from kdlib.sandbox.node.keeper.identity import enter_user_namespace
from kdlib.sandbox.node.keeper.network import raise_network
from kdlib.sandbox.node.keeper.refusal import Knobs, explain
from kdlib.sandbox.node.keeper.server import Server
from kdlib.sandbox.node.keeper.tree import become_root, bind_claims, fill, try_overlay

__all__ = ["launch"]

_SPACES = kernel.NEW_NET | kernel.NEW_MOUNT | kernel.NEW_PID | kernel.NEW_UTS | kernel.NEW_IPC


class _RefusedError(Exception):
    """The kernel refused a step; the message is the sentence for the user."""


def launch(descriptor: int, parent: int, settings: Message) -> None:
    """Become the node: `descriptor` is the link to the process `parent`; returns when the node has ended."""
    link = socket.socket(fileno=descriptor)
    link.set_inheritable(False)
    kernel.die_with_parent(signal.SIGKILL)
    knobs = _knobs()
    try:
        _step("new user namespace", lambda: enter_user_namespace(_SPACES), knobs)
    except _RefusedError as error:
        send(link, {"event": "refused", "error": str(error)})
        return
    # A change of credentials clears the death signal, and the parent may have gone meanwhile.
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        return
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        _keep(link, reader, settings, knobs)
    os.close(reader)
    link.close()
    os.waitpid(child, 0)


def _keep(link: socket.socket, alive: int, settings: Message, knobs: Knobs) -> None:
    """Be PID 1. The pipe `alive` ends with the parent, whose id cannot be seen from in here."""
    try:
        kernel.die_with_parent(signal.SIGKILL)
        poll = select.poll()
        poll.register(alive, 0)
        if poll.poll(0):
            return
        kernel.rename_process("sandbox-node")
        _step("mount proc", become_root, knobs)
        _step("mount overlay", try_overlay, knobs)
        if settings["claims"]:
            bind_claims(settings["claims"])
        _step("new network", lambda: raise_network(settings["gateway"], settings["prefix"]), knobs)
        send(link, {"event": "ready"})
        Server(link, _filled(settings["prefixes"])).serve()
    except _RefusedError as error:
        send(link, {"event": "refused", "error": str(error)})
    except ConnectionError:
        pass
    finally:
        os._exit(0)


def _filled(prefixes: list[str]) -> int:
    """Fill the tree in a child; returns a pipe that ends when it is full."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            fill(prefixes)
        finally:
            os._exit(0)
    os.close(writer)
    return reader


def _step(name: str, action: Callable[[], None], knobs: Knobs) -> None:
    try:
        action()
    except OSError as error:
        raise _RefusedError(explain(name, error.errno or 0, knobs)) from error


def _knobs() -> Knobs:
    return Knobs(
        user_namespaces=_number("/proc/sys/user/max_user_namespaces"),
        unprivileged_clone=_number("/proc/sys/kernel/unprivileged_userns_clone"),
        apparmor_restricts=_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
    )


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
