"""Names and labels that are valid once made.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and the specification's rules
4.1 (munging) and 1.6 (fixed names on objects).

Layer: pure.
"""

import re
from typing import NewType

__all__ = [
    "ANNOTATION_CONNECTION_VERSION",
    "ANNOTATION_PREFIX",
    "GROUP",
    "LABEL_APP",
    "LABEL_CATALOG",
    "LABEL_CLUSTER",
    "LABEL_CONFIG_MAP_TYPE",
    "LABEL_HEADLESS",
    "LABEL_ROLE",
    "LABEL_SECRET_TYPE",
    "DnsLabel",
    "dns_label",
    "is_dns_label",
    "is_dns_subdomain",
    "munged",
]

DnsLabel = NewType("DnsLabel", str)
"""An RFC 1123 label: 1 to 63 of a-z, 0-9 and hyphen, alphanumeric at both ends."""

GROUP = "kubedirector.hpe.com"
ANNOTATION_PREFIX = f"{GROUP}/"
LABEL_CLUSTER = f"{GROUP}/kdcluster"
LABEL_APP = f"{GROUP}/kdapp"
LABEL_CATALOG = f"{GROUP}/appCatalog"
LABEL_ROLE = f"{GROUP}/role"
LABEL_HEADLESS = f"{GROUP}/headless"
LABEL_CONFIG_MAP_TYPE = f"{GROUP}/cmType"
"""Under which type members are told of a connected ConfigMap; set by users."""
LABEL_SECRET_TYPE = f"{GROUP}/secretType"
"""Under which type members are told of a connected Secret; set by users."""
ANNOTATION_CONNECTION_VERSION = f"{GROUP}/hashChangeCounter"
"""How often the connections of a cluster changed; on the cluster, absent before the first time."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def is_dns_label(text: str) -> bool:
    """Tell whether the text is an RFC 1123 label."""
    return _LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Tell whether the text is an RFC 1123 subdomain of at most 253 characters."""
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def dns_label(*parts: str) -> DnsLabel:
    """Join the parts into a label; raises ValueError where the result is none."""
    text = "".join(parts)
    if not is_dns_label(text):
        raise ValueError(f"{text!r} is not a DNS label")
    return DnsLabel(text)


def munged(text: str, length: int = 46) -> str:
    """Shorten and lower a name for use at the start of generated names (rule KO-04).

    Keeps the first `length` characters, in lower case; `.` and `_` become `-`, and are dropped at the last place.
    """
    cut = text[:length].lower()
    if len(cut) == length and cut[-1:] in (".", "_"):
        cut = cut[:-1]
    return re.sub(r"[._]", "-", cut)
