"""The finalizer: a root goes only after this operator has let go of it.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/. Children go by their owner
references, in the background.

Layer: shell.
"""

from kdlib.errors import NotFoundError
from kdlib.frozen import Json, dig
from kdlib.kube import Api
from kdlib.names import ANNOTATION_PREFIX
from kdlib.wire import Ref

__all__ = ["CLEANUP", "add_finalizer", "has_finalizer", "is_going", "remove_finalizer"]

CLEANUP = f"{ANNOTATION_PREFIX}cleanup"
"""The finalizer's name (1.6)."""


def has_finalizer(root: Json, name: str = CLEANUP) -> bool:
    """Tell whether the root waits for us before it goes."""
    return name in dig(root, "metadata", "finalizers", default=[])


def is_going(root: Json) -> bool:
    """Tell whether somebody asked for the root's deletion."""
    return dig(root, "metadata", "deletionTimestamp") is not None


async def add_finalizer(api: Api, ref: Ref, root: Json, name: str = CLEANUP) -> Json:
    """Add the finalizer to the very state of the root that was seen (RC-08); return the new state.

    Raises ConflictError where the root has changed meanwhile.
    """
    return await _set(api, ref, root, [*dig(root, "metadata", "finalizers", default=[]), name])


async def remove_finalizer(api: Api, ref: Ref, root: Json, name: str = CLEANUP) -> Json | None:
    """Let go of a root that is to be deleted (RC-07); None where it is gone already."""
    rest = [other for other in dig(root, "metadata", "finalizers", default=[]) if other != name]
    try:
        return await _set(api, ref, root, rest)
    except NotFoundError:
        return None


async def _set(api: Api, ref: Ref, root: Json, finalizers: list[str]) -> Json:
    metadata = root["metadata"]
    patch = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "finalizers": finalizers}
    return await api.merge_patch(ref, {"metadata": patch})
