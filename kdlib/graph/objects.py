"""ObjectGraph: every object that one root asks for, each stamped with the digest of what is intended.

Layer: pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from kdlib.frozen import Json, digest
from kdlib.graph.references import ref_of
from kdlib.names import ANNOTATION_PREFIX
from kdlib.wire import Kind, Ref

__all__ = ["INTENT", "ObjectGraph", "intent_digest", "stamped"]

INTENT = f"{ANNOTATION_PREFIX}intent"
"""Annotation with the digest of the object as it was intended when it was applied last."""


def intent_digest(obj: Json) -> str:
    """Return the digest of an intended object, its own intent annotation left out."""
    metadata = dict(obj["metadata"])
    annotations = {key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != INTENT}
    if annotations:
        metadata["annotations"] = annotations
    return digest({**obj, "metadata": metadata})


def stamped(obj: Json) -> Json:
    """Return the object with the annotation that holds its intent's digest; stamping twice changes nothing."""
    metadata = obj["metadata"]
    annotations = {**(metadata.get("annotations") or {}), INTENT: intent_digest(obj)}
    return {**obj, "metadata": {**metadata, "annotations": annotations}}


@dataclass(frozen=True)
class ObjectGraph:
    """The intended objects of one root: sorted by name, no two of one name, each stamped.

    `first` names objects that the others rest on: they are applied before any other.
    `kept` names objects that stay as they are: neither applied nor deleted.
    `renewed` names objects that are to be deleted, so that their own controller makes them anew.
    `forced` names objects whose deletion is under way and ends no more by itself: they are deleted without grace.
    `released` names objects that stay, and stay without the root: it owns them no more.
    Raises ValueError where two objects have one name, or `first` names an object that is not there.
    """

    objects: tuple[Json, ...] = ()
    first: tuple[Ref, ...] = ()
    kept: tuple[Ref, ...] = ()
    renewed: tuple[Ref, ...] = ()
    forced: tuple[Ref, ...] = ()
    released: tuple[Ref, ...] = ()

    def __post_init__(self) -> None:
        found: dict[Ref, Json] = {}
        for obj in self.objects:
            ref = ref_of(obj)
            if ref in found:
                raise ValueError(f"two objects are named {ref}")
            found[ref] = stamped(obj)
        missing = sorted(set(self.first) - set(found))
        if missing:
            raise ValueError(f"not in the graph: {', '.join(map(str, missing))}")
        object.__setattr__(self, "objects", tuple(found[ref] for ref in sorted(found)))
        object.__setattr__(self, "first", tuple(sorted(set(self.first))))
        object.__setattr__(self, "kept", tuple(sorted(set(self.kept) - set(found))))
        object.__setattr__(self, "renewed", tuple(sorted(set(self.renewed) - set(found))))
        object.__setattr__(self, "forced", tuple(sorted(set(self.forced) - set(found))))
        object.__setattr__(self, "released", tuple(sorted(set(self.released) - set(found))))

    @cached_property
    def by_ref(self) -> dict[Ref, Json]:
        """Return the objects by name, in order; not to be changed."""
        return {ref_of(obj): obj for obj in self.objects}

    def get(self, ref: Ref) -> Json | None:
        """Return the object of this name, or None."""
        return self.by_ref.get(ref)

    def of_kind(self, kind: Kind) -> tuple[Json, ...]:
        """Return the objects of one kind, sorted by name."""
        return tuple(obj for ref, obj in self.by_ref.items() if ref.kind == kind)

    def joined(self, *objects: Json) -> "ObjectGraph":
        """Return the graph with further objects; this is how an operator adds its own to those of the members."""
        return replace(self, objects=(*self.objects, *objects))

    def __iter__(self) -> Iterator[Json]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    def __contains__(self, ref: Any) -> bool:
        return ref in self.by_ref
