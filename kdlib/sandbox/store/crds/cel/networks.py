"""Addresses, networks and URLs in rules. Each is passed around as a map of one entry, its text.

See https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library and #kubernetes-url-library.

Layer: pure.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from kdlib.frozen import Json

__all__ = ["NETWORK_FUNCTIONS"]

_IP, _CIDR, _URL = "net.IP", "net.CIDR", "kubernetes.URL"


# --- addresses ------------------------------------------------------------------------------------------------------


def _address(value: Any) -> IPv4Address | IPv6Address:
    text = value[_IP] if isinstance(value, dict) else value
    found = None if "%" in text else _parsed(text)
    if found is None:
        raise ValueError(
            f'IP Address "{text}" parse error during conversion from string: ParseAddr("{text}"): unable to parse IP'
        )
    return found


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    is_mapped = isinstance(found, IPv6Address) and found.ipv4_mapped is not None
    return None if is_mapped else found


def _ip(value: Any) -> Json:
    """Return an address from its text, or the one that a network was written with."""
    return {_IP: str(_network(value).ip if isinstance(value, dict) else _address(value))}


def _is_ip(text: str) -> bool:
    return "%" not in text and _parsed(text) is not None


# --- networks -------------------------------------------------------------------------------------------------------


def _network(value: Any) -> Any:
    text = value[_CIDR] if isinstance(value, dict) else value
    address, _, length = text.partition("/")
    if "%" in text or not (length.isascii() and length.isdigit()) or _parsed(address) is None:
        words = "network address parse error during conversion from string"
        what = "unable to parse IP" if length else "no '/'"
        raise ValueError(f'{words}: {words}: netip.ParsePrefix("{text}"): {what}')
    return ip_interface(text)


def _is_cidr(text: str) -> bool:
    try:
        _network(text)
    except ValueError:
        return False
    return True


def _contains_ip(network: Any, address: Any) -> bool:
    return _address(address) in _network(network).network


def _contains_cidr(network: Any, other: Any) -> bool:
    outer, inner = _network(network).network, _network(other).network
    return outer.version == inner.version and bool(inner.subnet_of(outer))


# --- URLs -----------------------------------------------------------------------------------------------------------


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return text.startswith("/") or bool(parts.scheme and (parts.netloc or parts.path.startswith("/")))


def _url(text: str) -> Json:
    if not _is_url(text):
        raise ValueError(f'URL parse error during conversion from string: parse "{text}": invalid URI for request')
    return {_URL: text}


def _parts(url: Any) -> SplitResult:
    return urlsplit(str(url[_URL]))


NETWORK_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ip": _ip,
    "isIP": _is_ip,
    "ip_isCanonical": lambda text: str(_address(text)) == text,
    "family": lambda ip: _address(ip).version,
    "isUnspecified": lambda ip: _address(ip).is_unspecified,
    "isLoopback": lambda ip: _address(ip).is_loopback,
    "isLinkLocalMulticast": lambda ip: str(_address(ip)).startswith(("224.0.0.", "ff02:")),
    "isLinkLocalUnicast": lambda ip: _address(ip).is_link_local,
    "isGlobalUnicast": lambda ip: (
        not (
            _address(ip).is_unspecified
            or _address(ip).is_loopback
            or _address(ip).is_multicast
            or _address(ip).is_link_local
            or str(_address(ip)) == "255.255.255.255"
        )
    ),
    "cidr": lambda text: {_CIDR: str(_network(text))},
    "isCIDR": _is_cidr,
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "masked": lambda network: {_CIDR: str(_network(network).network)},
    "prefixLength": lambda network: _network(network).network.prefixlen,
    "url": _url,
    "isURL": _is_url,
    "getScheme": lambda url: _parts(url).scheme,
    "getHost": lambda url: _parts(url).netloc.rpartition("@")[2],
    "getHostname": lambda url: _parts(url).hostname or "",
    "getPort": lambda url: str(_parts(url).port or ""),
    "getEscapedPath": lambda url: _parts(url).path,
    "getQuery": lambda url: parse_qs(_parts(url).query, keep_blank_values=True),
}
"""The functions of addresses, networks and URLs, by their names in rules."""
