"""What names an object, and who owns it.

Layer: pure.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from kdlib.frozen import Json, dig
from kdlib.wire import Kind, Ref

__all__ = ["Hold", "Ownership", "controller_of", "owned", "owner_reference", "ref_of"]


def ref_of(obj: Json) -> Ref:
    """Return the name of an object; its resource name is guessed from its kind, as kubectl does.

    Raises ValueError where the object has no apiVersion, kind or name.
    """
    version, kind, metadata = obj.get("apiVersion"), obj.get("kind"), obj.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace") or ""
    if not (isinstance(version, str) and isinstance(kind, str) and isinstance(name, str) and version and kind and name):
        raise ValueError(f"object without apiVersion, kind or name: {version!r}, {kind!r}, {name!r}")
    return Ref(_kind(version, kind, namespaced=bool(namespace)), namespace, name)


@lru_cache(maxsize=256)
def _kind(version: str, kind: str, *, namespaced: bool) -> Kind:
    return Kind(version, kind, _plural(kind), namespaced=namespaced)


def _plural(kind: str) -> str:
    """Guess the resource name of a kind: Ingress gives ingresses, NetworkPolicy networkpolicies."""
    word = kind.lower()
    if word == "endpoints":
        return word
    if word.endswith("s"):
        return word + "es"
    return word[:-1] + "ies" if word.endswith("y") and word[-2:-1] not in tuple("aeiou") else word + "s"


def owner_reference(root: Json) -> Json:
    """Return the reference by which a root owns its objects: it controls them, and they do not hold it back (1.6)."""
    return {
        "apiVersion": root["apiVersion"],
        "kind": root["kind"],
        "name": root["metadata"]["name"],
        "uid": dig(root, "metadata", "uid", default=""),
        "controller": True,
        "blockOwnerDeletion": False,
    }


def owned(objects: Iterable[Json], root: Json) -> tuple[Json, ...]:
    """Return the objects with the root as their only owner."""
    reference = owner_reference(root)
    return tuple({**obj, "metadata": {**obj["metadata"], "ownerReferences": [reference]}} for obj in objects)


def controller_of(obj: Json) -> Json | None:
    """Return the owner reference that controls the object, or None."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


class Hold(StrEnum):
    """Who controls an object, seen from one root."""

    OWN = "own"
    """The root itself."""
    FORMER = "former"
    """A root of the same name with another UID, so one that is gone: the root was restored (RC-41)."""
    FOREIGN = "foreign"
    """Somebody else: the object must not be touched."""
    FREE = "free"
    """Nobody."""


class Ownership:
    """Tells whose an object is, seen from one root."""

    def __init__(self, root: Json) -> None:
        self._own = owner_reference(root)
        self._identity = _identity(self._own)

    def hold(self, obj: Json) -> Hold:
        """Tell who controls the object."""
        controller = controller_of(obj)
        if controller is None:
            return Hold.FREE
        if controller.get("uid") == self._own["uid"]:
            return Hold.OWN
        return Hold.FORMER if _identity(controller) == self._identity else Hold.FOREIGN

    def holds(self, obj: Json) -> bool:
        """Tell whether the root controls the object."""
        return self.hold(obj) is Hold.OWN


def _identity(reference: Json) -> tuple[str, str, str]:
    group = str(reference.get("apiVersion", "")).rpartition("/")[0]
    return group, str(reference.get("kind")), str(reference.get("name"))
