"""Ages as kubectl's users read them: two or three figures, `5m30s` or `3d4h`.

Layer: pure.
"""

from datetime import datetime

__all__ = ["age", "human_duration", "parsed_time"]

_MINUTE = 60
_HOUR = 3600
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY


def parsed_time(text: str) -> datetime | None:
    """Read an RFC 3339 time; None where the text is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def age(text: str | None, now: datetime) -> str:
    """Return how long ago a time was; `<unknown>` for no time, `<invalid>` for what is none."""
    if not text:
        return "<unknown>"
    moment = parsed_time(text)
    if moment is None:
        return "<invalid>"
    return human_duration((now - moment).total_seconds())


def human_duration(seconds: float) -> str:
    """Return a duration in two or three figures; two seconds into the future still count as now."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    if whole < 3 * _HOUR:
        return _pair(whole, _MINUTE, "m", "s", precise_below=10)
    if whole < 2 * _DAY:
        return _pair(whole, _HOUR, "h", "m", precise_below=8)
    if whole < 2 * _YEAR:
        return _pair(whole, _DAY, "d", "h", precise_below=8)
    return _pair(whole, _YEAR, "y", "d", precise_below=8)


def _pair(seconds: int, unit: int, large: str, small: str, *, precise_below: int) -> str:
    # The smaller unit is told only while the larger one has few of its own.
    smaller = {"s": 1, "m": _MINUTE, "h": _HOUR, "d": _DAY}[small]
    count, rest = divmod(seconds, unit)
    rest //= smaller
    return f"{count}{large}{rest}{small}" if rest and count < precise_below else f"{count}{large}"
