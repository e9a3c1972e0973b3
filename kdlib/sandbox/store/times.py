"""Times as the reference server reads and writes them: to the second, or to the microsecond.

Layer: pure.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["TimeError", "read_micro_time", "read_time"]


class TimeError(ValueError):
    """The text is no time; the message is the decoder's."""


_PARTS = (
    (r"\d{4}", "2006"),
    (r"-", "-"),
    (r"\d\d", "01"),
    (r"-", "-"),
    (r"\d\d", "02"),
    (r"T", "T"),
    (r"\d\d", "15"),
    (r":", ":"),
    (r"\d\d", "04"),
    (r":", ":"),
    (r"\d\d", "05"),
)
_FRACTION = (r"\.\d{6}", ".000000")
_ZONE = (r"Z|[+-]\d\d:\d\d", "Z07:00")


# An object carries the same few times through all its writes.
@lru_cache(maxsize=1024)
def read_time(text: str) -> str:
    """Return a time in UTC, to the second; raises TimeError."""
    shown = "2006-01-02T15:04:05Z07:00"
    place = _read_parts(text, shown, _PARTS, 0)
    fraction = re.compile(r"[.,]\d+").match(text, place)
    place = fraction.end() if fraction else place
    return _moment(text, _read_parts(text, shown, (_ZONE,), place)).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1024)
def read_micro_time(text: str) -> str:
    """Return a time in UTC, to the microsecond; one without all six digits is none. Raises TimeError."""
    shown = "2006-01-02T15:04:05.000000Z07:00"
    place = _read_parts(text, shown, (*_PARTS, _FRACTION, _ZONE), 0)
    return _moment(text, place).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read_parts(text: str, shown: str, parts: tuple[tuple[str, str], ...], place: int) -> int:
    for pattern, name in parts:
        found = re.compile(pattern).match(text, place)
        if found is None:
            raise TimeError(f'parsing time "{text}" as "{shown}": cannot parse "{text[place:]}" as "{name}"')
        place = found.end()
    return place


def _moment(text: str, end: int) -> datetime:
    if end < len(text):
        raise TimeError(f'parsing time "{text}": extra text: "{text[end:]}"')
    for low, part in ((5, "month"), (8, "day"), (11, "hour"), (14, "minute"), (17, "second")):
        value, limit = int(text[low : low + 2]), {"month": 12, "day": 31, "hour": 23}.get(part, 59)
        if value > limit or (value == 0 and part in {"month", "day"}):
            raise TimeError(f'parsing time "{text}": {part} out of range')
    try:
        return datetime.fromisoformat(text.replace(",", ".")).astimezone(UTC)
    except ValueError as error:
        raise TimeError(f'parsing time "{text}": day out of range') from error
