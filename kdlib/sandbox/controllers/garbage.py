"""The garbage collector: what no living owner holds goes, in the background, in the foreground, or is let go.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/.

Layer: shell.
"""

from collections.abc import Iterable, Iterator

from kdlib.errors import NotFoundError
from kdlib.frozen import Json
from kdlib.sandbox.controllers.desk import Desk
from kdlib.sandbox.controllers.pods import is_terminating

__all__ = ["GarbageCollector"]

_FOREGROUND = "foregroundDeletion"
_ORPHAN = "orphan"


class GarbageCollector:
    """Follows every object of every kind; works on UIDs."""

    name = "garbage"
    watches = None

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def keys(self, event: str, obj: Json, old: Json | None) -> Iterator[str]:
        """Yield the UIDs of what a commit may have left without an owner, or let go."""
        metadata = obj["metadata"]
        uid, references = metadata["uid"], metadata.get("ownerReferences")
        if event == "DELETED":
            yield from (each["metadata"]["uid"] for each in self._desk.index.all_dependents(uid))
            yield from _uids(references)
            return
        former = None if old is None else old["metadata"].get("ownerReferences")
        if references != former:
            if references:
                yield uid
            yield from _uids(former)
        if metadata.get("deletionTimestamp") and _awaited(obj):
            yield uid

    def sync(self, key: str) -> int:
        """Look at one object."""
        obj = self._desk.index.by_uid(key)
        if obj is None:
            return 0
        try:
            if is_terminating(obj):
                return self._finish(obj)
            self._judge(obj)
        except NotFoundError:
            return 0
        return 1

    def _judge(self, obj: Json) -> None:
        """Delete the object when all its owners are gone or go before it; drop references to some that are gone."""
        references = obj["metadata"].get("ownerReferences") or []
        if not references:
            return
        alive = [each for each in references if self._is_alive(obj, each)]
        solid = [each for each in alive if not self._waits_for_dependents(each)]
        if len(solid) == len(references):
            return
        if solid:
            self._desk.update_metadata(obj, ownerReferences=solid)
            return
        self._desk.delete(obj, propagation=self._propagation(obj, is_awaited=bool(alive)))

    def _propagation(self, obj: Json, *, is_awaited: bool) -> str:
        """Choose how the object's own dependents go; an object that an owner awaits goes after them."""
        finalizers = obj["metadata"].get("finalizers") or ()
        if _ORPHAN in finalizers:
            return "Orphan"
        if _FOREGROUND in finalizers or (is_awaited and self._desk.index.all_dependents(obj["metadata"]["uid"])):
            return "Foreground"
        return "Background"

    def _is_alive(self, obj: Json, reference: Json) -> bool:
        """Tell whether the owner is there: of this UID, and in the same namespace or in none.

        Where the object is in no namespace and its owner's kind is in one, nobody can tell: it counts as there.
        """
        if not obj["metadata"].get("namespace") and self._is_namespaced(reference):
            return True
        owner = self._desk.index.by_uid(reference["uid"])
        if owner is None or owner["kind"] != reference["kind"] or owner["metadata"]["name"] != reference["name"]:
            return False
        place = owner["metadata"].get("namespace")
        return place in (None, "", obj["metadata"].get("namespace"))

    def _is_namespaced(self, reference: Json) -> bool:
        resource = self._desk.registry.resources.of(reference["apiVersion"], reference["kind"])
        return resource is not None and resource.kind.namespaced

    def _waits_for_dependents(self, reference: Json) -> bool:
        owner = self._desk.index.by_uid(reference["uid"])
        return (
            owner is not None and is_terminating(owner) and _FOREGROUND in (owner["metadata"].get("finalizers") or ())
        )

    def _finish(self, obj: Json) -> int:
        """Do what an owner on its way out waits for; returns how many dependents it has."""
        finalizers = obj["metadata"].get("finalizers") or ()
        dependents = self._desk.index.all_dependents(obj["metadata"]["uid"])
        if _ORPHAN in finalizers:
            for each in dependents:
                self._let_go(each, obj["metadata"]["uid"])
            self._lift(obj, _ORPHAN)
        elif _FOREGROUND in finalizers:
            for each in dependents:
                if not is_terminating(each):
                    self._judge(each)
            if not any(_blocks(each, obj["metadata"]["uid"]) for each in self._live_dependents(obj)):
                self._lift(obj, _FOREGROUND)
        return len(dependents)

    def _live_dependents(self, obj: Json) -> list[Json]:
        return self._desk.index.all_dependents(obj["metadata"]["uid"])

    def _let_go(self, dependent: Json, owner_uid: str) -> None:
        references = [each for each in dependent["metadata"]["ownerReferences"] if each["uid"] != owner_uid]
        try:
            self._desk.update_metadata(dependent, ownerReferences=references or None)
        except NotFoundError:
            return

    def _lift(self, obj: Json, finalizer: str) -> None:
        finalizers = [each for each in obj["metadata"].get("finalizers") or () if each != finalizer]
        self._desk.update_metadata(obj, finalizers=finalizers)


def _uids(references: Iterable[Json] | None) -> list[str]:
    return [each["uid"] for each in references or ()]


def _awaited(obj: Json) -> bool:
    finalizers = obj["metadata"].get("finalizers") or ()
    return _FOREGROUND in finalizers or _ORPHAN in finalizers


def _blocks(dependent: Json, owner_uid: str) -> bool:
    references = dependent["metadata"].get("ownerReferences") or ()
    return any(each["uid"] == owner_uid and each.get("blockOwnerDeletion") for each in references)
