"""Links, addresses and routes of the calling process's network namespace, over rtnetlink.

Source: man pages netlink(7), rtnetlink(7); include/uapi/linux/{if_link,rtnetlink,if_addr,veth}.h. No `ip` is needed.

Layer: shell.
"""

import os
import socket
import struct

__all__ = ["add_address", "add_bridge", "add_default_route", "add_pair", "delete_address", "set_up"]

_NEW_LINK, _NEW_ADDRESS, _DELETE_ADDRESS, _NEW_ROUTE = 16, 20, 21, 24
_REQUEST, _ACK, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_NLMSG_ERROR = 2
_IFLA_ADDRESS, _IFLA_NAME, _IFLA_MASTER, _IFLA_LINK_INFO, _IFLA_NET_NS_FD = 1, 3, 10, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_OIF, _RTA_GATEWAY = 4, 5
_UP = 1


def add_bridge(name: str, link_address: bytes) -> None:
    """Add a bridge with a link address of six bytes, which it keeps whatever is joined to it."""
    body = _link() + _attribute(_IFLA_NAME, _text(name)) + _attribute(_IFLA_ADDRESS, link_address) + _kind("bridge")
    _ask(_NEW_LINK, _CREATE | _EXCLUSIVE, body)


def add_pair(name: str, peer: str, *, bridge: str, namespace: int) -> None:
    """Add a pair of connected links: `name` here, at the bridge, and `peer` in the given network namespace."""
    there = _link() + _attribute(_IFLA_NAME, _text(peer)) + _attribute(_IFLA_NET_NS_FD, struct.pack("I", namespace))
    body = _link(flags=_UP) + _attribute(_IFLA_NAME, _text(name))
    body += _attribute(_IFLA_MASTER, struct.pack("I", socket.if_nametoindex(bridge)))
    body += _kind("veth", _attribute(_VETH_PEER, there))
    _ask(_NEW_LINK, _CREATE | _EXCLUSIVE, body)


def set_up(name: str) -> None:
    """Bring a link up."""
    _ask(_NEW_LINK, 0, _link(index=socket.if_nametoindex(name), flags=_UP))


def add_address(name: str, address: str, prefix: int) -> None:
    """Give a link an IPv4 address."""
    _ask(_NEW_ADDRESS, _CREATE | _EXCLUSIVE, _address(name, address, prefix))


def delete_address(name: str, address: str, prefix: int) -> None:
    """Take an IPv4 address from a link."""
    _ask(_DELETE_ADDRESS, 0, _address(name, address, prefix))


def add_default_route(name: str, gateway: str) -> None:
    """Send what has no other way over the link to the gateway."""
    table, protocol_static, unicast = 254, 4, 1
    body = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, table, protocol_static, 0, unicast, 0)
    body += _attribute(_RTA_GATEWAY, socket.inet_aton(gateway))
    body += _attribute(_RTA_OIF, struct.pack("I", socket.if_nametoindex(name)))
    _ask(_NEW_ROUTE, _CREATE | _EXCLUSIVE, body)


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _address(name: str, address: str, prefix: int) -> bytes:
    body = struct.pack("BBBBI", socket.AF_INET, prefix, 0, 0, socket.if_nametoindex(name))
    packed = socket.inet_aton(address)
    return body + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)


def _kind(kind: str, data: bytes = b"") -> bytes:
    info = _attribute(_INFO_KIND, _text(kind))
    if data:
        info += _attribute(_INFO_DATA, data)
    return _attribute(_IFLA_LINK_INFO, info)


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _ask(kind: int, flags: int, body: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.send(struct.pack("IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + body)
        answer = link.recv(65536)
    (answered,) = struct.unpack_from("H", answer, 4)
    (code,) = struct.unpack_from("i", answer, 16)
    if answered == _NLMSG_ERROR and code:
        raise OSError(-code, f"network request {kind}: {os.strerror(-code)}")
