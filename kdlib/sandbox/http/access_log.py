"""The access log: who asked for what, kept in memory, newest last.

It is how a test proves that a settled cluster costs no request.

Layer: shell.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Access", "AccessLog"]


@dataclass(frozen=True, slots=True)
class Access:
    """One request as it was answered; a watch is noted when it opens, with its code and no duration."""

    at: datetime
    method: str
    path: str
    """Path with its query, as it was asked for."""
    user: str
    user_agent: str
    code: int
    seconds: float = 0.0
    is_watch: bool = False

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S.%f} {self.method} {self.path} {self.code} {self.user} {self.user_agent}"


class AccessLog:
    """A ring of the last accesses; older ones fall out, and `total` still counts them."""

    def __init__(self, *, size: int = 50_000) -> None:
        self._ring: deque[Access] = deque(maxlen=size)
        self._listeners: list[Callable[[Access], None]] = []
        self.total = 0

    def note(self, access: Access) -> None:
        """Add one access."""
        self._ring.append(access)
        self.total += 1
        for listener in tuple(self._listeners):
            listener(access)

    def subscribe(self, listener: Callable[[Access], None]) -> Callable[[], None]:
        """Call the listener with each access from now on; return how to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def __iter__(self) -> Iterator[Access]:
        return iter(tuple(self._ring))

    def __len__(self) -> int:
        return len(self._ring)

    def clear(self) -> None:
        """Forget all accesses; `total` goes on counting."""
        self._ring.clear()

    def matching(
        self,
        *,
        since: datetime | None = None,
        user_agent: str = "",
        wanted: Callable[[Access], bool] | None = None,
        watches: bool = False,
    ) -> tuple[Access, ...]:
        """Return the accesses at or after a time, by agents whose name begins so; watches only where asked for."""
        since = since or datetime.min.replace(tzinfo=UTC)
        return tuple(
            each
            for each in self
            if each.at >= since
            and each.user_agent.startswith(user_agent)
            and (watches or not each.is_watch)
            and (wanted is None or wanted(each))
        )
