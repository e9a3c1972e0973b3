"""Making an operator's own objects findable: each carries the root's label and has the root as its owner.

Layer: shell.
"""

from collections.abc import Collection
from dataclasses import replace

from kdlib.errors import KubeDirectorError
from kdlib.frozen import Json, dig
from kdlib.graph import ObjectGraph, controller_of, owner_reference, ref_of
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import Kind

__all__ = ["made_ours"]


def made_ours(wanted: ObjectGraph, root: Json, followed: Collection[Kind]) -> ObjectGraph:
    """Return the graph with label and owner on every object that has none; the same graph where all have.

    Raises KubeDirectorError where an object is of a kind that is not followed: no pass would ever see it, and each
    would apply it anew.
    """
    strange = sorted({str(ref.kind) for ref in wanted.by_ref if ref.kind not in followed})
    if strange:
        raise KubeDirectorError(f"objects of kinds that are not followed: {', '.join(strange)}; name them as children")
    name = root["metadata"]["name"]
    if all(_is_ours(obj, name) for obj in wanted):
        return wanted
    objects = tuple(obj if _is_ours(obj, name) else _taken(obj, root) for obj in wanted)
    return replace(wanted, objects=objects)


def _is_ours(obj: Json, name: str) -> bool:
    # A claim belongs to its StatefulSet's labels, and is given nothing but its owner.
    return controller_of(obj) is not None and (
        dig(obj, "metadata", "labels", LABEL_CLUSTER) == name or ref_of(obj).kind.name == "PersistentVolumeClaim"
    )


def _taken(obj: Json, root: Json) -> Json:
    metadata = dict(obj["metadata"])
    metadata["labels"] = {**(metadata.get("labels") or {}), LABEL_CLUSTER: root["metadata"]["name"]}
    metadata.setdefault("ownerReferences", [owner_reference(root)])
    return {**obj, "metadata": metadata}
