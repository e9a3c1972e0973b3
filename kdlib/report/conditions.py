"""Conditions: Ready, Reconciling and Stalled as kstatus reads them, and what else is to be said.

See https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md: a cluster is being worked on while
Reconciling is True, needs a person while Stalled is True, and is done when Ready is True.

Layer: pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from kdlib.frozen import Json
from kdlib.report.reasons import Reason

__all__ = ["CONDITION_TYPES", "FALSE", "TRUE", "Claim", "condition", "conditions", "timestamp"]

CONDITION_TYPES = (
    "Ready",
    "Reconciling",
    "Stalled",
    "Paused",
    "Upgrading",
    "SpecAccepted",
    "ConnectionsMissing",
    "FieldsNotUsedYet",
    "MembersOutdated",
    "NotEnforced",
    "NotifyFailed",
    "SecretKeysUnreadable",
    "SecretKeysAvailable",
    "FormerKeysKept",
    "BackedUp",
)
"""The conditions of ours, in their order; those after the third are there only while they hold."""

TRUE, FALSE = "True", "False"
"""What a condition's status may be; nothing here is ever Unknown."""

_LONGEST = 32768


@dataclass(frozen=True, slots=True)
class Claim:
    """What a condition says."""

    type: str
    status: str
    reason: Reason
    message: str


def conditions(claims: Iterable[Claim], stored: Iterable[Json], *, generation: int, now: datetime) -> list[Json]:
    """Return the conditions in the API's form; the time of one whose status stays is kept from the stored one."""
    before = {item.get("type"): item for item in stored}
    found = sorted(claims, key=lambda claim: CONDITION_TYPES.index(claim.type))
    return [_condition(claim, before.get(claim.type), generation, now) for claim in found]


def _condition(claim: Claim, before: Json | None, generation: int, now: datetime) -> Json:
    same = before is not None and before.get("status") == claim.status
    return {
        "type": claim.type,
        "status": claim.status,
        "observedGeneration": generation,
        "lastTransitionTime": (before or {}).get("lastTransitionTime") if same else timestamp(now),
        "reason": str(claim.reason),
        "message": claim.message[:_LONGEST],
    }


def condition(status: Json | None, kind: str) -> Json:
    """Return the condition of this type of a status; empty where there is none."""
    return next((item for item in (status or {}).get("conditions") or () if item.get("type") == kind), {})


def timestamp(now: datetime) -> str:
    """Write a time as the API does: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
