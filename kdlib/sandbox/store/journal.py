"""The store's state on disk: a snapshot, and every change since, so that a cluster outlives its process.

A change is on disk before it is in memory: what a client was told of is there after the process was killed. It is not
forced through the machine's caches, so the last moments before a power cut may be missing.

Layer: shell.
"""

import fcntl
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import orjson

from kdlib.errors import Problem, RefusedError
from kdlib.frozen import Json
from kdlib.sandbox.store.faults import internal
from kdlib.sandbox.store.history import Change, Key

__all__ = ["Journal"]

_FORMAT = 1
_EMPTY = orjson.dumps({"format": _FORMAT, "version": 0, "objects": {}})
_MOST_BYTES = 64 * 1024 * 1024
_SUBJECT = "the sandbox's data"

Objects = dict[str, dict[Key, Json]]


class Journal:
    """One folder that holds the state of one store, for one process at a time.

    `version` and `objects` are what it held when it was opened.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self.version = 0
        self.objects: Objects = {}
        with ExitStack() as on_failure:
            self._lock = _locked(folder)
            on_failure.callback(os.close, self._lock)
            self._load()
            self._file = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            on_failure.callback(os.close, self._file)
            self._snapshot(self.version, self.objects)
            on_failure.pop_all()

    @classmethod
    def open(cls, folder: Path, *, most_bytes: int = _MOST_BYTES) -> Self:
        """Read what a folder holds, an empty or new one too; a journal of so many bytes is replaced by a snapshot.

        Raises RefusedError where that cannot be: another process has it, or it is damaged or of another version.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(folder, most_bytes)
        except OSError as error:
            raise _refused(folder, f"cannot be used: {error.strerror or error}", "name another folder") from error

    @property
    def is_full(self) -> bool:
        """Tell whether it is time for a snapshot."""
        return self._bytes > self._most_bytes

    def record(self, change: Change) -> None:
        """Write a change down; raises ApiError 500 where that cannot be, with nothing written."""
        line = orjson.dumps([change.version, change.storage, *change.key, change.new]) + b"\n"
        try:
            os.ftruncate(self._file, self._bytes)
            _write(self._file, line)
        except OSError as error:
            raise internal(f"the change cannot be stored: {error.strerror or error}") from error
        self._bytes += len(line)

    def compact(self, version: int, objects: Mapping[str, Mapping[Key, Json]]) -> None:
        """Write a snapshot, whole or not at all, and begin the journal anew; raises ApiError 500."""
        try:
            self._snapshot(version, objects)
        except OSError as error:
            raise internal(f"the state cannot be stored: {error.strerror or error}") from error

    def _snapshot(self, version: int, objects: Mapping[str, Mapping[Key, Json]]) -> None:
        shelves = {storage: list(shelf.values()) for storage, shelf in objects.items() if shelf}
        part = self._folder / "state.part"
        with open(part, "wb", opener=_private) as file:
            file.write(orjson.dumps({"format": _FORMAT, "version": version, "objects": shelves}))
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / "state.json")
        # Whatever the journal still holds if this is not reached is older than the snapshot, and skipped.
        os.ftruncate(self._file, 0)
        self._bytes = 0

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._file)
        os.close(self._lock)

    def _load(self) -> None:
        state = self._decoded("state.json", _read(self._folder / "state.json") or _EMPTY)
        if not isinstance(state, dict) or state.get("format") != _FORMAT:
            raise _refused(self._folder, "is of another version", "start it with the version that wrote it")
        self.version = state["version"]
        for storage, objects in state["objects"].items():
            self.objects[storage] = {_key(obj): obj for obj in objects}
        # What follows the last newline was cut off when the process was killed, and nobody was told of it.
        *lines, _ = _read(self._folder / "journal").split(b"\n")
        for line in lines:
            self._redo(self._decoded("journal", line))

    def _redo(self, line: tuple[int, str, str, str, Json | None]) -> None:
        version, storage, namespace, name, new = line
        if version <= self.version:
            return
        self.version = version
        shelf = self.objects.setdefault(storage, {})
        if new is None:
            shelf.pop((namespace, name), None)
        else:
            shelf[namespace, name] = new

    def _decoded(self, name: str, text: bytes) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            what = f"is damaged: {error}"
            raise _refused(self._folder / name, what, "put a copy in its place, or name another folder") from error


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise _refused(folder, "is in use by another sandbox", "end that one, or name another folder") from error
    return descriptor


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _key(obj: Json) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _refused(path: Path, what: str, remedy: str) -> RefusedError:
    return RefusedError(_SUBJECT, [Problem(str(path), what, remedy)])
