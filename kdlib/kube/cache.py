"""Cache: the objects of one selection as the API server last told them, with indexes and subscribers.

Objects are kept encoded: decoded, they take five times the memory, spread over so many small values that what a burst
of work left between them is never given back. A read decodes anew, which takes some 10 µs for each KB.

Layer: shell.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

import orjson

from kdlib.frozen import Json, dig
from kdlib.wire import Ref

__all__ = ["Cache", "Change", "Identity", "Index", "Subscriber", "identity", "pruned", "version_reached"]

Identity: TypeAlias = tuple[str, str]
"""Namespace (empty for a kind without any) and name: what tells objects of one kind apart."""

Index: TypeAlias = Callable[[Json], Iterable[str]]
"""Gives the terms under which an object is found."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after; None where it was not there, or is there no more."""

    before: Json | None
    after: Json | None


Subscriber: TypeAlias = Callable[[Change], None]


def identity(obj: Json) -> Identity | None:
    """Return namespace and name of an object; None where it has no name, so that nothing can be done with it."""
    name, namespace = dig(obj, "metadata", "name"), dig(obj, "metadata", "namespace", default="")
    return (namespace, name) if isinstance(name, str) and isinstance(namespace, str) else None


def pruned(obj: Json) -> Json:
    """Return the object without what no pass reads: who manages which field, and what kubectl applied last."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    return {**obj, "metadata": metadata}


def version_reached(seen: str, wanted: str) -> bool:
    """Tell whether a resource version is the wanted one or a later one; versions of one kind can be compared.

    See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions.
    """
    if seen.isdigit() and wanted.isdigit():
        return int(seen) >= int(wanted)
    return seen == wanted


@dataclass(frozen=True, slots=True)
class _Kept:
    """One object as it is kept: encoded, with what is asked of it without decoding."""

    text: bytes
    uid: object
    version: object
    ends: bool

    @classmethod
    def of(cls, obj: Json) -> Self:
        """Encode an object."""
        metadata = obj["metadata"]
        ends = bool(metadata.get("deletionTimestamp"))
        return cls(orjson.dumps(obj), metadata.get("uid"), metadata.get("resourceVersion"), ends)

    def decoded(self) -> Json:
        """Return the object, as a value of the reader's own."""
        found: Json = orjson.loads(self.text)
        return found

    def is_state_of(self, other: "_Kept") -> bool:
        """Tell whether both are the same state of the same object."""
        return (self.uid, self.version) == (other.uid, other.version)


class Cache:
    """What is known of the objects of one selection.

    Guarantees: a relist swaps the whole content in one step; subscribers are called once for each object that changed,
    after the content did; what is read is the reader's own.
    Assumes: one event loop; subscribers neither block nor raise.
    """

    def __init__(
        self, *, transform: Callable[[Json], Json] = pruned, indexes: Mapping[str, Index] | None = None
    ) -> None:
        self.synced = asyncio.Event()
        self.resource_version = ""
        self._transform = transform
        self._indexes = dict(indexes or {})
        self._objects: dict[Identity, _Kept] = {}
        self._found: dict[str, dict[str, dict[Identity, None]]] = {name: {} for name in self._indexes}
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with each change from now on."""
        self._subscribers.append(subscriber)

    def get(self, namespace: str, name: str) -> Json | None:
        """Return the object, or None."""
        return _decoded(self._objects.get((namespace, name)))

    def find(self, index: str, term: str) -> tuple[Json, ...]:
        """Return the objects that an index files under a term, in no particular order."""
        return tuple(self._objects[key].decoded() for key in self._found[index].get(term, ()))

    def __iter__(self) -> Iterator[Json]:
        return map(_Kept.decoded, tuple(self._objects.values()))

    def __len__(self) -> int:
        return len(self._objects)

    def replace(self, objects: Iterable[Json], resource_version: str) -> int:
        """Swap the whole content for a fresh list; return how many objects could not be read."""
        fresh: dict[Identity, _Kept] = {}
        unreadable = 0
        for obj in objects:
            key = identity(obj)
            if key is None:
                unreadable += 1
            else:
                fresh[key] = _Kept.of(self._transform(obj))
        stale, self._objects = self._objects, fresh
        self.resource_version = resource_version
        self._found = {name: {} for name in self._indexes}
        for key, kept in fresh.items():
            self._file(key, kept)
        self.synced.set()
        for key in {**stale, **fresh}:
            self._tell(stale.get(key), fresh.get(key))
        return unreadable

    def put(self, obj: Json) -> bool:
        """Take an added or modified object; False where it cannot be read."""
        key = identity(obj)
        if key is None:
            return False
        before, after = self._objects.get(key), _Kept.of(self._transform(obj))
        if before is not None:
            self._unfile(key, before)
        self._objects[key] = after
        self._file(key, after)
        self._advance(obj)
        self._tell(before, after)
        return True

    def drop(self, obj: Json) -> bool:
        """Take the deletion of an object; False where it cannot be read."""
        key = identity(obj)
        if key is None:
            return False
        before = self._objects.pop(key, None)
        if before is not None:
            self._unfile(key, before)
        self._advance(obj)
        self._tell(before, None)
        return True

    def advance(self, bookmark: Json) -> None:
        """Take a bookmark: everything up to its resource version has been seen."""
        self._advance(bookmark)

    def has_seen(self, ref: Ref, uid: str, resource_version: str) -> bool:
        """Tell whether this state of an object, a later one, or its end is known here."""
        known = self._objects.get((ref.namespace, ref.name))
        if known is not None and known.uid == uid:
            return version_reached(str(known.version or ""), resource_version)
        return version_reached(self.resource_version, resource_version)

    def has_seen_end(self, ref: Ref, uid: str) -> bool:
        """Tell whether it is known here that the object is gone, or going."""
        known = self._objects.get((ref.namespace, ref.name))
        return known is None or known.uid != uid or known.ends

    def _advance(self, obj: Json) -> None:
        self.resource_version = str(dig(obj, "metadata", "resourceVersion", default=self.resource_version))

    def _file(self, key: Identity, kept: _Kept) -> None:
        for name, terms in self._terms(kept):
            for term in terms:
                self._found[name].setdefault(term, {})[key] = None

    def _unfile(self, key: Identity, kept: _Kept) -> None:
        for name, terms in self._terms(kept):
            for term in terms:
                filed = self._found[name].get(term, {})
                filed.pop(key, None)
                if not filed:
                    self._found[name].pop(term, None)

    def _terms(self, kept: _Kept) -> Iterator[tuple[str, Iterable[str]]]:
        """Yield each index with the terms that it gives for the object."""
        if self._indexes:
            obj = kept.decoded()
            yield from ((name, index(obj)) for name, index in self._indexes.items())

    def _tell(self, before: _Kept | None, after: _Kept | None) -> None:
        if not self._subscribers or (before is None and after is None):
            return
        if before is not None and after is not None and before.is_state_of(after):
            return
        change = Change(_decoded(before), _decoded(after))
        for subscriber in self._subscribers:
            subscriber(change)


def _decoded(kept: _Kept | None) -> Json | None:
    return None if kept is None else kept.decoded()
