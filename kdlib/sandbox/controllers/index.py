"""What the controllers know: every object of the store, found by name, owner, namespace or label without a search.

The store tells each commit synchronously, so the index is never behind it. Objects are the store's own values, which
nobody changes; the index holds references, no copies.

Layer: pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kdlib.frozen import Json
from kdlib.sandbox.controllers.kinds import REPLICA_SET
from kdlib.wire import CONTROLLER_REVISION, POD, Kind

__all__ = ["Index"]

_CLAIMED = frozenset((kind.api_version, kind.name) for kind in (POD, CONTROLLER_REVISION, REPLICA_SET))
"""Kinds that a controller may adopt; those without a controller are listed apart."""

_Set = dict[str, None]
"""A set of UIDs that keeps its order, so that the same events give the same work."""


class Index:
    """All objects, by UID and along their references."""

    def __init__(self) -> None:
        self._objects: dict[str, Json] = {}
        self._names: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
        self._dependents: dict[str, dict[tuple[str, str], _Set]] = {}
        self._orphans: dict[tuple[tuple[str, str], str], _Set] = {}
        self._labelled: dict[tuple[str, str, str], _Set] = {}
        self._namespaces: dict[str, _Set] = {}

    def record(self, event: str, obj: Json) -> Json | None:
        """Take in one commit; returns the object as it was before, None for a new one."""
        uid = obj["metadata"]["uid"]
        old = self._objects.get(uid)
        if event == "DELETED":
            if old is not None:
                self._unlink(old)
                self._forget(old)
            return old
        self._objects[uid] = obj
        if old is None:
            self._enter(obj)
            self._link(obj)
        elif not _same_references(old, obj):
            self._unlink(old)
            self._link(obj)
        return old

    def by_uid(self, uid: str) -> Json | None:
        """Return the object of this UID, None where there is none."""
        return self._objects.get(uid)

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """Return the object of this name, None where there is none."""
        uid = self._names.get((kind.api_version, kind.name), {}).get(namespace, {}).get(name)
        return None if uid is None else self._objects[uid]

    def all(self, kind: Kind, namespace: str = "") -> list[Json]:
        """Return the objects of a kind in one namespace; of all namespaces for an empty one."""
        places = self._names.get((kind.api_version, kind.name), {})
        chosen: Iterable[dict[str, str]] = [places.get(namespace, {})] if namespace else places.values()
        return [self._objects[uid] for names in chosen for uid in names.values()]

    def dependents(self, uid: str, kind: Kind) -> list[Json]:
        """Return the objects of a kind that name this UID as an owner."""
        found = self._dependents.get(uid, {}).get((kind.api_version, kind.name), ())
        return [self._objects[each] for each in found]

    def all_dependents(self, uid: str) -> list[Json]:
        """Return the objects of every kind that name this UID as an owner."""
        return [self._objects[each] for found in self._dependents.get(uid, {}).values() for each in found]

    def owns(self, uid: str, kind: Kind) -> bool:
        """Tell whether any object of a kind names this UID as an owner."""
        return (kind.api_version, kind.name) in self._dependents.get(uid, {})

    def orphans(self, kind: Kind, namespace: str) -> list[Json]:
        """Return the pods, revisions or replica sets of a namespace that no controller owns."""
        return [self._objects[uid] for uid in self._orphans.get(((kind.api_version, kind.name), namespace), ())]

    def selected_pods(self, namespace: str, labels: Mapping[str, str]) -> list[Json]:
        """Return the pods that carry all these labels; none for no labels at all."""
        if not labels:
            return []
        buckets = [self._labelled.get((namespace, key, value), {}) for key, value in labels.items()]
        smallest = min(buckets, key=len)
        return [self._objects[uid] for uid in smallest if all(uid in bucket for bucket in buckets)]

    def in_namespace(self, namespace: str) -> Iterator[Json]:
        """Yield every object in a namespace; it must not change meanwhile."""
        for uid in self._namespaces.get(namespace, ()):
            yield self._objects[uid]

    def namespace_size(self, namespace: str) -> int:
        """Return how many objects a namespace holds."""
        return len(self._namespaces.get(namespace, ()))

    def _enter(self, obj: Json) -> None:
        metadata = obj["metadata"]
        namespace = metadata.get("namespace", "")
        places = self._names.setdefault(_kind(obj), {})
        places.setdefault(namespace, {})[metadata["name"]] = metadata["uid"]
        if namespace:
            self._namespaces.setdefault(namespace, {})[metadata["uid"]] = None

    def _forget(self, obj: Json) -> None:
        metadata = obj["metadata"]
        uid, namespace = metadata["uid"], metadata.get("namespace", "")
        del self._objects[uid]
        places = self._names[_kind(obj)]
        places[namespace].pop(metadata["name"], None)
        if not places[namespace]:
            del places[namespace]
        if namespace:
            self._namespaces[namespace].pop(uid, None)
            if not self._namespaces[namespace]:
                del self._namespaces[namespace]

    def _link(self, obj: Json) -> None:
        metadata, kind = obj["metadata"], _kind(obj)
        uid, namespace = metadata["uid"], metadata.get("namespace", "")
        controlled = False
        for reference in metadata.get("ownerReferences") or ():
            self._dependents.setdefault(reference["uid"], {}).setdefault(kind, {})[uid] = None
            controlled = controlled or bool(reference.get("controller"))
        if kind in _CLAIMED and not controlled:
            self._orphans.setdefault((kind, namespace), {})[uid] = None
        if kind == ("v1", "Pod"):
            for key, value in (metadata.get("labels") or {}).items():
                self._labelled.setdefault((namespace, key, value), {})[uid] = None

    def _unlink(self, obj: Json) -> None:
        metadata, kind = obj["metadata"], _kind(obj)
        uid, namespace = metadata["uid"], metadata.get("namespace", "")
        for reference in metadata.get("ownerReferences") or ():
            kinds = self._dependents.get(reference["uid"], {})
            _discard(kinds, kind, uid)
            if not kinds:
                self._dependents.pop(reference["uid"], None)
        if kind in _CLAIMED:
            _discard(self._orphans, (kind, namespace), uid)
        if kind == ("v1", "Pod"):
            for key, value in (metadata.get("labels") or {}).items():
                _discard(self._labelled, (namespace, key, value), uid)


def _kind(obj: Json) -> tuple[str, str]:
    return obj["apiVersion"], obj["kind"]


def _same_references(old: Json, new: Json) -> bool:
    before, after = old["metadata"], new["metadata"]
    return bool(
        before.get("ownerReferences") == after.get("ownerReferences") and before.get("labels") == after.get("labels")
    )


def _discard(buckets: dict[Any, _Set], key: object, uid: str) -> None:
    bucket = buckets.get(key)
    if bucket is None:
        return
    bucket.pop(uid, None)
    if not bucket:
        del buckets[key]
