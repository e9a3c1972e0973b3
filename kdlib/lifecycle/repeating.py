"""Further tries of a change that a start script refused, made by themselves: when, and how often.

Layer: pure.
"""

from datetime import UTC, datetime, timedelta

from kdlib.model import AppRole, PendingNotify

__all__ = ["is_due", "next_try", "seconds_until", "written"]

FIRST_SECONDS = 10
LONGEST_SECONDS = 600


def next_try(entry: PendingNotify, role: AppRole, now: datetime) -> str | None:
    """Return when a change that failed now is tried again by itself, None where a person has to ask."""
    done = entry.retries or 0
    if done >= (role.notify_retries or 0):
        return None
    return written(now + timedelta(seconds=min(FIRST_SECONDS * 2**done, LONGEST_SECONDS)))


def is_due(entry: PendingNotify, now: datetime) -> bool:
    """Tell whether it is time for a further try."""
    return entry.next_try is not None and seconds_until(entry.next_try, now) <= 0


def seconds_until(time: str, now: datetime) -> float:
    """Return the seconds from now to a recorded time."""
    return (datetime.fromisoformat(time).astimezone(UTC) - now).total_seconds()


def written(now: datetime) -> str:
    """Write a time as the API does: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
