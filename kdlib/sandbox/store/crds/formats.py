"""The formats of strings that the reference server checks.

Layer: pure.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import date, datetime
from ipaddress import AddressValueError, IPv4Address, IPv6Address, NetmaskValueError, ip_network
from urllib.parse import urlsplit

__all__ = ["is_of_format"]

_HOST = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?\.?)+")
_DURATION = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*|0")
_WORD_DURATION = re.compile(r"\d+\s*(nano|micro|milli|second|minute|hour|day|week|sec|min)s?(\s+\d+.*)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_MAC = re.compile(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)")


def _parses(parse: Callable[[str], object], *errors: type[Exception]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except errors:
            return False
        return True

    return check


def _is_time(text: str) -> bool:
    return bool(_TIME.fullmatch(text)) and _parses(datetime.fromisoformat, ValueError)(
        text.upper().replace("Z", "+00:00")
    )


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "date-time": _is_time,
    "datetime": _is_time,
    "date": _parses(date.fromisoformat, ValueError),
    "byte": _parses(lambda text: b64decode(text, validate=True), Base64Error, ValueError),
    "ipv4": _parses(IPv4Address, AddressValueError),
    "ipv6": _parses(IPv6Address, AddressValueError),
    "cidr": _parses(lambda text: ip_network(text, strict=False), ValueError, AddressValueError, NetmaskValueError),
    "hostname": lambda text: bool(_HOST.fullmatch(text)) and len(text) <= 253,
    "email": lambda text: bool(_MAIL.fullmatch(text)),
    "uri": _is_uri,
    "duration": lambda text: bool(_DURATION.fullmatch(text) or _WORD_DURATION.fullmatch(text)),
    "uuid": lambda text: bool(_UUID.fullmatch(text)),
    "uuid3": lambda text: bool(_UUID.fullmatch(text)),
    "uuid4": lambda text: bool(_UUID.fullmatch(text)),
    "uuid5": lambda text: bool(_UUID.fullmatch(text)),
    "mac": lambda text: bool(_MAC.fullmatch(text)),
}


def is_of_format(form: str, text: str) -> bool:
    """Tell whether a text is of a format; any text is of one that is not known."""
    check = _CHECKS.get(form)
    return check is None or check(text)
