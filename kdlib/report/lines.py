"""Progress of a cluster in lines for people: one for the cluster, one for each member.

Layer: pure.
"""

from typing import NamedTuple

from kdlib.frozen import Json
from kdlib.model import ClusterStatus
from kdlib.report.conditions import condition
from kdlib.report.tally import words

__all__ = ["MemberLine", "cluster_line", "member_lines"]


class MemberLine(NamedTuple):
    """One member: its pod, its role, its state as in the status, and in words why it is not done (else empty)."""

    pod: str
    role: str
    state: str
    words: str


def member_lines(status: Json) -> tuple[MemberLine, ...]:
    """Return a line for each member of a status, in the status' order."""
    parsed = ClusterStatus.of(status)
    return tuple(
        MemberLine(member.pod, role.id, str(member.state), words(member))
        for role in parsed.roles
        for member in role.members
    )


def cluster_line(status: Json) -> str:
    """Return the cluster's state, the fraction of members that are ready, and what keeps it, if anything."""
    ready = condition(status, "Ready")
    parts = [str(status.get("state") or "new"), str(status.get("members") or "")]
    reason = str(ready.get("message") or "") if ready.get("status") == "False" else ""
    return " ".join(filter(None, parts)) + (f": {reason}" if reason else "")
