"""Conditions: Ready, Reconciling and Stalled as kstatus reads them, and what else is to be said.

See https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md: a cluster is being worked on while
Reconciling is True, needs a person while Stalled is True, and is done when Ready is True.

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from kdlib.frozen import Json
from kdlib.report.reasons import Reason

__all__ = ["CONDITIONS", "CONDITION_TYPES", "FALSE", "TRUE", "Claim", "condition", "conditions", "timestamp"]

CONDITIONS: Mapping[str, str] = MappingProxyType(
    {
        "Ready": "every member is configured and runs, and nothing is left to do",
        "Reconciling": "something is under way; the message says what",
        "Stalled": "it waits for a person: the spec cannot be done, a member failed or refused a change, or a pod"
        " cannot run; the message says what to do",
        "Paused": "`spec.paused` is true: nothing is written or started; the other conditions tell what is seen",
        "Upgrading": "members [get what the spec says now](../howto/upgrade.md), one after the other; False where a"
        " member stopped that, and the message says how it goes back or on",
        "SpecAccepted": "False, and there only then: the spec changed what a running cluster cannot change; what was"
        " accepted before is in force",
        "ConnectionsMissing": "members are not told of everything that the cluster is connected to; the message names"
        " what is missing, and why",
        "MembersOutdated": "pods of the members that the message names run with an older template though the spec did"
        " not change, until somebody deletes them",
        "SetsKept": "StatefulSets that were taken up keep claim templates, or the headless Service, of which the spec"
        " says something else, since no API server changes these; the message says how they are made anew",
        "NotEnforced": "without the admission webhook nobody holds what the message names",
        "NotifyFailed": "start scripts that refused a change are run again by themselves, or were as often as the app"
        " asks for; the message counts",
        "SecretKeysUnreadable": "no known encryption key decrypts the secret keys that the message names; members do"
        " not get them",
        "SecretKeysAvailable": "(of the global configuration) there is a master key, so secret keys can be encrypted",
        "FormerKeysKept": "(of the global configuration) keys that were the master key before still decrypt",
        "BackedUp": "False, and there only then: the status backup cannot be written; the cluster goes on without",
    }
)
"""What it means that a condition is True, in the order of the conditions."""

CONDITION_TYPES = tuple(CONDITIONS)
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
