"""The node's network and the namespaces of its pods.

The node has a bridge; a pod has a network, UTS and IPC namespace, joined to the bridge by a pair of links. A namespace
lives as long as a process in it or a descriptor of it: the keeper holds descriptors, so a pod needs no process.

Layer: shell.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from kdlib.sandbox.node.keeper import kernel, netlink
from kdlib.sandbox.node.keeper.channel import Message

__all__ = ["Spaces", "close_spaces", "make_socket", "open_pod_spaces", "open_spaces", "raise_network"]

Spaces = dict[int, int]
"""Descriptors of namespaces, by kind."""

_BRIDGE = "pods"
_NAMES = {
    kernel.NEW_NET: "net",
    kernel.NEW_UTS: "uts",
    kernel.NEW_IPC: "ipc",
    kernel.NEW_PID: "pid",
    kernel.NEW_MOUNT: "mnt",
}
_LOCAL_UNICAST = b"\x02\x00"
"""How a link address begins that is of nobody's make."""
_POD_KINDS = (kernel.NEW_NET, kernel.NEW_UTS, kernel.NEW_IPC)


def raise_network(gateway: str, prefix: int) -> None:
    """Bring up the node's loopback and its bridge, which has the address `gateway`."""
    netlink.set_up("lo")
    # A bridge without an address of its own takes the lowest of its pods' links. That changes as pods come and go, and
    # pods would go on sending to the address that they remember: their packets to the gateway would be lost.
    netlink.add_bridge(_BRIDGE, _LOCAL_UNICAST + socket.inet_aton(gateway))
    netlink.add_address(_BRIDGE, gateway, prefix)
    netlink.set_up(_BRIDGE)
    _open_all_ports()


def open_spaces(process: str = "self", kinds: tuple[int, ...] = tuple(_NAMES)) -> Spaces:
    """Return descriptors of a process's namespaces."""
    return {kind: os.open(f"/proc/{process}/ns/{_NAMES[kind]}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds}


def close_spaces(spaces: Spaces) -> None:
    """Give the descriptors back."""
    for descriptor in spaces.values():
        os.close(descriptor)


def open_pod_spaces(own: Spaces, pod: Message) -> Spaces:
    """Make the namespaces of one pod: `hostname`, and `address`, `prefix`, `gateway` and the link's name `link`.

    A pod without an address shares the node's network, as with hostNetwork.
    """
    kinds = _POD_KINDS if pod["address"] else _POD_KINDS[1:]
    with _elsewhere(own, kinds):
        kernel.unshare(sum(kinds))
        socket.sethostname(pod["hostname"])
        spaces = open_spaces(kinds=kinds)
    try:
        if pod["address"]:
            _connect(own, spaces[kernel.NEW_NET], pod)
    except OSError:
        close_spaces(spaces)
        raise
    return spaces


def make_socket(own: Spaces, spaces: Spaces, kind: int) -> socket.socket:
    """Make an IPv4 socket in the network of these namespaces; in the node's own where they have none."""
    if kernel.NEW_NET not in spaces:
        return socket.socket(socket.AF_INET, kind)
    with _elsewhere(own, (kernel.NEW_NET,)):
        kernel.setns(spaces[kernel.NEW_NET], kernel.NEW_NET)
        return socket.socket(socket.AF_INET, kind)


def _connect(own: Spaces, network: int, pod: Message) -> None:
    netlink.add_pair(pod["link"], "eth0", bridge=_BRIDGE, namespace=network)
    with _elsewhere(own, (kernel.NEW_NET,)):
        kernel.setns(network, kernel.NEW_NET)
        netlink.set_up("lo")
        netlink.add_address("eth0", pod["address"], pod["prefix"])
        netlink.set_up("eth0")
        netlink.add_default_route("eth0", pod["gateway"])
        _open_all_ports()


@contextmanager
def _elsewhere(own: Spaces, kinds: tuple[int, ...]) -> Iterator[None]:
    """Come back to the node's own namespaces at the end, whatever happens."""
    try:
        yield
    finally:
        for kind in kinds:
            kernel.setns(own[kind], kind)


def _open_all_ports() -> None:
    """Let every user of this network namespace listen on ports below 1024."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w", encoding="ascii") as file:
        file.write("0")
