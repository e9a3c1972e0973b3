"""Times as the Kubernetes API writes them.

Layer: pure.
"""

from datetime import UTC, datetime

__all__ = ["moment", "timestamp"]


def timestamp(when: datetime) -> str:
    """Write a time to the second, in UTC."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Read a time."""
    return datetime.fromisoformat(text)
