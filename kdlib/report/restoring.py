"""The status of a cluster that is being restored, and of one whose backup is refused (3.18, OP-01).

Layer: pure.
"""

from kdlib.frozen import Json, dig
from kdlib.model import Seen
from kdlib.report.conditions import FALSE, TRUE, Claim, condition
from kdlib.report.events import event_of
from kdlib.report.reasons import EventReason, Reason
from kdlib.report.status import unmoved, with_claim
from kdlib.report.tally import first_few
from kdlib.rules import RESTORING_LABEL, Restore

__all__ = ["as_backed_up_before", "not_backed_up", "restored_events", "restoring", "resumed_event"]


def restoring(seen: Seen, found: Restore) -> Json:
    """Return the status of a cluster that is being restored: what it had, and what it waits for."""
    error = found.progress.error
    waits = f"is being restored; waits for {first_few(list(found.awaited))}" if found.awaited else "is being restored"
    words = f"{waits}: {error}" if error else f"{waits}; {_on_or_on_without(seen)}" if found.awaited else waits
    claims = [
        Claim("Ready", FALSE, Reason.RESTORING, words),
        Claim("Reconciling", FALSE if error else TRUE, Reason.RESTORING, words),
        Claim("Stalled", TRUE, Reason.RESTORE_REFUSED, f"{error}; {_remedy(seen)}")
        if error
        else Claim("Stalled", FALSE, Reason.NOT_STALLED, "nothing waits for a person"),
    ]
    return unmoved(seen, claims, found.status, restore_progress=found.progress.dumped())


def _remedy(seen: Seen) -> str:
    return f"it is tried again; to go on with what is there: {_command(seen)}"


def _on_or_on_without(seen: Seen) -> str:
    return f"it goes on by itself when they are brought back; to go on with what is there: {_command(seen)}"


def _command(seen: Seen) -> str:
    name, namespace = (dig(seen.root, "metadata", key, default="") for key in ("name", "namespace"))
    return f"kubectl label kdcluster {name} {RESTORING_LABEL}- -n {namespace}"


def not_backed_up(seen: Seen, status: Json, words: str) -> Json:
    """Return the status with the condition that there is no backup of it, and why."""
    remedy = "the cluster goes on without; mend what is wrong, or set backupClusterStatus of the configuration to false"
    claim = Claim("BackedUp", FALSE, Reason.BACKUP_REFUSED, f"{words}; {remedy}")
    return with_claim(seen, status, claim)


def as_backed_up_before(seen: Seen, status: Json) -> Json:
    """Return the status as it will be if its backup fares as that of the stored one did."""
    was = condition(seen.root.get("status"), "BackedUp")
    if not was:
        return status
    return with_claim(seen, status, Claim("BackedUp", FALSE, Reason.BACKUP_REFUSED, was["message"]))


def restored_events(seen: Seen, before: Json | None, after: Json) -> tuple[Json, ...]:
    """Return the Event that tells what a restore waits for, where that is news."""
    was, now = (str(condition(item, "Ready").get("message", "")) for item in (before, after))
    return (event_of(seen, EventReason.CLUSTER_RESTORING, now),) if now != was else ()


def resumed_event(seen: Seen) -> Json:
    """Return the Event that a restored cluster goes on."""
    return event_of(seen, EventReason.CLUSTER_RESUMED, "all is there again; the cluster goes on from its backup")
