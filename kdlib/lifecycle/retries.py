"""Requests to try again what failed inside a member, made by annotations on the cluster.

`kubedirector.hpe.com/retry` asks all members, `kubedirector.hpe.com/retry-<pod>` one; each new value is one request.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.names import ANNOTATION_PREFIX

__all__ = ["asked", "handled"]

RETRY = f"{ANNOTATION_PREFIX}retry"


def handled(annotations: Mapping[str, str], pod: str, before: str | None) -> str | None:
    """Return what to record as handled for the member: the values of now, or those of before where gone."""
    everyone, one = _values(before)
    everyone = _plain(annotations.get(RETRY)) or everyone
    one = _plain(annotations.get(f"{RETRY}-{pod}")) or one
    return f"{everyone}|{one}" if one else everyone or None


def asked(annotations: Mapping[str, str], pod: str, before: str | None) -> bool:
    """Tell whether there is a request for the member that was not handled yet."""
    return handled(annotations, pod, before) != before


def _values(recorded: str | None) -> tuple[str, str]:
    everyone, _, one = (recorded or "").partition("|")
    return everyone, one


def _plain(value: str | None) -> str:
    return (value or "").replace("|", "_")
