"""The objects themselves, in memory and where wanted on disk, under one running version; no kind's rules.

Layer: shell.
"""

from collections import deque
from collections.abc import Callable, Iterable

from kdlib.frozen import Json
from kdlib.sandbox.store.history import Change, History, Key
from kdlib.sandbox.store.journal import Journal

__all__ = ["Shelves"]


class Shelves:
    """Objects by storage, namespace and name. Stored objects are never changed; a write puts a new one in place."""

    def __init__(self, history_limit: int, journal: Journal | None = None) -> None:
        self._journal = journal
        self._objects: dict[str, dict[Key, Json]] = dict(journal.objects) if journal is not None else {}
        self._histories: dict[str, History] = {}
        self._history_limit = history_limit
        self._listeners: list[Callable[[Change], None]] = []
        self._untold: deque[Change] = deque()
        self.version = max(1, journal.version) if journal is not None else 1
        self._first_version = self.version if journal is not None else 0

    def get(self, storage: str, key: Key) -> Json | None:
        """Return an object; None where there is none."""
        return self._objects.get(storage, {}).get(key)

    def objects(self, storage: str) -> dict[Key, Json]:
        """Return all objects of a storage; to be read only."""
        return self._objects.get(storage, {})

    def history(self, storage: str) -> History:
        """Return the log of a storage."""
        found = self._histories.get(storage)
        if found is None:
            found = self._histories[storage] = History(self._history_limit, self._first_version)
        return found

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call a listener after each commit; the answer ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def put(self, storage: str, key: Key, obj: Json) -> Json:
        """Store an object under the next version; return it as stored, with `metadata.resourceVersion`."""
        version = self.version + 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
        change = Change(version, storage, key, self.get(storage, key), stored)
        self._record(change)
        self._objects.setdefault(storage, {})[key] = stored
        self._tell(change)
        return stored

    def take(self, storage: str, key: Key, last: Json | None = None) -> Json:
        """Remove an object; return its last state, under the version of its deletion."""
        old = self._objects[storage][key]
        version = self.version + 1
        state = last if last is not None else old
        gone = {**state, "metadata": {**state["metadata"], "resourceVersion": str(version)}}
        change = Change(version, storage, key, old, None, gone)
        self._record(change)
        del self._objects[storage][key]
        self._tell(change)
        return gone

    def forget_history(self, storages: Iterable[str] | None = None) -> None:
        """Forget all changes so far, as a compaction does: older watches and lists end with 410."""
        for storage in list(self._histories) if storages is None else storages:
            self.history(storage).forget(self.version)

    def _record(self, change: Change) -> None:
        """Have the change written down, where that is wanted, before it holds; its version is the newest from here."""
        if self._journal is not None:
            if self._journal.is_full:
                self._journal.compact(self.version, self._objects)
            self._journal.record(change)
        self.version = change.version

    def _tell(self, change: Change) -> None:
        """Tell all listeners; one that writes in turn is told of that after the others have heard of this."""
        self.history(change.storage).add(change)
        self._untold.append(change)
        if len(self._untold) > 1:
            return
        while self._untold:
            for listener in tuple(self._listeners):
                listener(self._untold[0])
            self._untold.popleft()
