"""Pulse: when each of those who follow one API server last did anything, so that one that is stuck is noticed.

Layer: shell.
"""

import asyncio
from collections.abc import Hashable

__all__ = ["Pulse"]


class Pulse:
    """Signs of life. A watch that is told nothing gives up by itself, so silence that lasts longer is a defect."""

    def __init__(self) -> None:
        self._beats: dict[Hashable, tuple[str, float]] = {}

    def beat(self, subject: Hashable, name: str) -> None:
        """Take it that the subject is alive; `name` is what people call it."""
        self._beats[subject] = name, asyncio.get_running_loop().time()

    def forget(self, subject: Hashable) -> None:
        """Take it that the subject ended."""
        self._beats.pop(subject, None)

    def stuck(self, limit_seconds: float) -> tuple[str, ...]:
        """Return who gave no sign of life for so long, sorted."""
        now = asyncio.get_running_loop().time()
        return tuple(sorted({name for name, at in self._beats.values() if now - at > limit_seconds}))
