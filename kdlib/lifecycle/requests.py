"""Requests that people make by annotations on a cluster: each new value is one request, and what was handled is noted.

Layer: pure.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

__all__ = ["news", "noted"]


def noted(annotations: Mapping[str, str], keys: tuple[str, ...], before: str | None) -> str | None:
    """Return what to record as handled of these annotations: the values of now, or those of before where gone."""
    values = (now or old for _, now, old in _compared(annotations, keys, before))
    return "|".join(values).rstrip("|") or None


def news(annotations: Mapping[str, str], keys: tuple[str, ...], before: str | None) -> tuple[str, ...]:
    """Return the annotations that hold a request which was not handled yet."""
    return tuple(key for key, now, old in _compared(annotations, keys, before) if now and now != old)


def _compared(
    annotations: Mapping[str, str], keys: tuple[str, ...], before: str | None
) -> Iterator[tuple[str, str, str]]:
    recorded = (before or "").split("|")[: len(keys)]
    for key, old in zip_longest(keys, recorded, fillvalue=""):
        yield key, (annotations.get(key) or "").replace("|", "_"), old
