"""Small things that all controllers say of objects: of which kind, since when, whose.

Layer: pure.
"""

from datetime import datetime

from kdlib.frozen import Json
from kdlib.wire import Kind

__all__ = ["controller_reference", "kind_of", "timestamp"]


def kind_of(obj: Json) -> Kind:
    """Return the kind of an object as the store's own verbs want it: its plural is not looked at."""
    return Kind(obj["apiVersion"], obj["kind"])


def timestamp(moment: datetime) -> str:
    """Write a moment as Kubernetes writes `metav1.Time`: whole seconds, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def controller_reference(owner: Json) -> Json:
    """Return the owner reference of a controller to what it made."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
