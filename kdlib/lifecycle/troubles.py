"""Troubles of a member's pod that do not pass by themselves: its image, its container, its node, its claims.

See https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/.

Layer: pure.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from kdlib.frozen import Json, dig
from kdlib.lifecycle.lost import overdue_since
from kdlib.model import MemberTrouble

__all__ = ["SCHEDULING_SECONDS", "Trouble", "trouble_of"]

SCHEDULING_SECONDS = 15.0
"""How long a pod may be without a node before that is a trouble: claims are bound and nodes are added meanwhile."""

_IMAGE = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_NOT_MADE = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_CLAIM = re.compile("persistent ?volume", re.IGNORECASE)
_WRAPPING = re.compile(r'^Back-off pulling image "[^"]*"(: )?(ErrImagePull: )?')
_LONGEST = 300


class Trouble(NamedTuple):
    """What keeps a pod from running, in one word for programs and in words; it is one from `since` on."""

    kind: MemberTrouble
    words: str
    since: datetime | None = None

    def lasts_seconds(self, now: datetime) -> float:
        """Return for how long it has to last yet before it counts; 0 where it counts already."""
        return 0.0 if self.since is None else max(0.0, SCHEDULING_SECONDS - (now - self.since).total_seconds())


def trouble_of(pod: Json) -> Trouble | None:
    """Return the trouble of a pod, or None where it runs, or is on its way."""
    if dig(pod, "metadata", "deletionTimestamp") is not None:
        return _of_node(pod)
    status = dig(pod, "status", default={})
    return next((found for found in (*_of_containers(status), _of_scheduling(status)) if found), None)


def _of_node(pod: Json) -> Trouble | None:
    since = overdue_since(pod)
    words = f"its node {dig(pod, 'spec', 'nodeName', default='')!r} does not answer, and its pod does not end"
    return Trouble(MemberTrouble.NODE_LOST, words, since) if since else None


def _of_containers(status: Json) -> Iterator[Trouble | None]:
    for part, noun in (("initContainerStatuses", "init container"), ("containerStatuses", "container")):
        for container in status.get(part) or ():
            yield _of_container(container, noun)


def _of_container(container: Json, noun: str) -> Trouble | None:
    waiting = dig(container, "state", "waiting", default={})
    reason, message = str(waiting.get("reason") or ""), _plain(str(waiting.get("message") or ""))
    if reason in _IMAGE:
        image = f"image {container['image']!r}" if container.get("image") else "its image"
        return Trouble(MemberTrouble.IMAGE_NOT_PULLED, _joined(f"{image} cannot be pulled", _WRAPPING.sub("", message)))
    if reason in _NOT_MADE:
        return Trouble(MemberTrouble.CONTAINER_NOT_MADE, _joined(f"its {noun} cannot be made", message))
    if reason == "CrashLoopBackOff":
        last = dig(container, "lastState", "terminated", default={})
        code = f"last with exit status {last['exitCode']}" if "exitCode" in last else ""
        words = ", ".join(filter(None, (f"its {noun} ends again and again", code)))
        return Trouble(MemberTrouble.CONTAINER_ENDS, words)
    return None


def _of_scheduling(status: Json) -> Trouble | None:
    scheduled: Json = next((item for item in status.get("conditions") or () if item.get("type") == "PodScheduled"), {})
    if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
        return None
    message = _plain(str(scheduled.get("message") or "no node takes it"))
    kind = MemberTrouble.CLAIM_UNBOUND if _CLAIM.search(message) else MemberTrouble.UNSCHEDULABLE
    return Trouble(kind, f"its pod cannot be scheduled: {message}", _time(scheduled.get("lastTransitionTime")))


def _joined(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what


def _plain(message: str) -> str:
    return " ".join(message.split())[:_LONGEST].rstrip(".")


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None
