"""What names an object, and who owns it.

Layer: pure.
"""

from collections.abc import Iterable

from kdlib.frozen import Json, dig
from kdlib.wire import Kind, Ref

__all__ = ["Ownership", "controller_of", "owned", "owner_reference", "ref_of"]


def ref_of(obj: Json) -> Ref:
    """Return the name of an object; its resource name is guessed from its kind, as kubectl does.

    Raises ValueError where the object has no apiVersion, kind or name.
    """
    version, name = obj.get("apiVersion"), obj.get("kind")
    own, namespace = dig(obj, "metadata", "name"), dig(obj, "metadata", "namespace", default="")
    if not (isinstance(version, str) and isinstance(name, str) and isinstance(own, str) and version and name and own):
        raise ValueError(f"object without apiVersion, kind or name: {version!r}, {name!r}, {own!r}")
    return Ref(Kind(version, name, _plural(name), namespaced=bool(namespace)), namespace, own)


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
    references = dig(obj, "metadata", "ownerReferences", default=[])
    return next((reference for reference in references if reference.get("controller")), None)


class Ownership:
    """Tells whose an object is, seen from one root."""

    def __init__(self, root: Json) -> None:
        self._own = owner_reference(root)

    def holds(self, obj: Json) -> bool:
        """Tell whether the root controls the object."""
        controller = controller_of(obj)
        return controller is not None and controller.get("uid") == self._own["uid"]

    def held_by_former_self(self, obj: Json) -> bool:
        """Tell whether a root of the same name controls the object that is gone: the cluster was restored (RC-41)."""
        controller = controller_of(obj)
        return (
            controller is not None and not self.holds(obj) and self._identity(controller) == self._identity(self._own)
        )

    def is_foreign(self, obj: Json) -> bool:
        """Tell whether somebody else controls the object, so that it must not be touched."""
        return controller_of(obj) is not None and not self.holds(obj) and not self.held_by_former_self(obj)

    @staticmethod
    def _identity(reference: Json) -> tuple[str, str, str]:
        group = str(reference.get("apiVersion", "")).rpartition("/")[0]
        return group, str(reference.get("kind")), str(reference.get("name"))
