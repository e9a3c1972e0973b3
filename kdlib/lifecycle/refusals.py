"""Pods that the API server refused to make: by a quota, a policy of the namespace, or an admission webhook (W-42).

The controller of a StatefulSet tells it in Events with the reason FailedCreate, and tries again with growing pauses.
See https://kubernetes.io/docs/concepts/policy/resource-quotas/ and
https://kubernetes.io/docs/concepts/security/pod-security-admission/.

Layer: pure.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from kdlib.frozen import Json, dig
from kdlib.lifecycle.troubles import Trouble
from kdlib.model import MemberTrouble, Seen
from kdlib.wire import CORE_EVENT

__all__ = ["refusals"]

_TELLING = re.compile(
    r"create (?:Claim \S+ for )?Pod (?P<pod>\S+) in StatefulSet \S+ failed error: (?P<why>.*)", re.I | re.S
)
_LONGEST_PAUSE = timedelta(seconds=1200)
"""The controller tries again after 1000 seconds at most; what was told longer ago is no longer so."""

_LONGEST = 700


def refusals(seen: Seen) -> Mapping[str, Trouble]:
    """Return the last refusal of each pod by its name, and of each StatefulSet by its own.

    The controller gives up at the first pod that is refused: that speaks for the others of the set too.
    """
    told = [event for ref, event in seen.related if ref.kind == CORE_EVENT and event is not None]
    found: dict[str, Trouble] = {}
    for event in sorted(told, key=lambda item: str(item["lastTimestamp"])):
        match = _TELLING.search(event["message"])
        if match and _is_recent(event, seen.now):
            words = " ".join(match["why"].split())[:_LONGEST].rstrip(".")
            trouble = Trouble(MemberTrouble.POD_REFUSED, f"its pod is refused: {words}")
            found[match["pod"]] = found[str(dig(event, "involvedObject", "name"))] = trouble
    return found


def _is_recent(event: Json, now: datetime) -> bool:
    try:
        return now - datetime.fromisoformat(event["lastTimestamp"]).astimezone(UTC) <= _LONGEST_PAUSE
    except ValueError:
        return False
