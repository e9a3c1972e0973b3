"""The finalizer: a root goes only after this operator has let go of it.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/. Children go by their owner
references, in the background.

Layer: shell.
"""

from collections.abc import Mapping

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


async def add_finalizer(
    api: Api, ref: Ref, root: Json, name: str = CLEANUP, *, annotations: Mapping[str, str] | None = None
) -> Json:
    """Add the finalizer, and annotations, to the very state of the root that was seen (RC-08); return the new state.

    Raises ConflictError where the root has changed meanwhile.
    """
    told = {"annotations": dict(annotations)} if annotations else {}
    finalizers = [*dig(root, "metadata", "finalizers", default=[]), name]
    return await _patched(api, ref, root, {"finalizers": finalizers, **told})


async def remove_finalizer(api: Api, ref: Ref, root: Json, name: str = CLEANUP) -> Json | None:
    """Let go of a root that is to be deleted (RC-07); None where it is gone already."""
    rest = [other for other in dig(root, "metadata", "finalizers", default=[]) if other != name]
    try:
        return await _patched(api, ref, root, {"finalizers": rest})
    except NotFoundError:
        return None


async def _patched(api: Api, ref: Ref, root: Json, metadata: Json) -> Json:
    names = {key: root["metadata"][key] for key in ("uid", "resourceVersion")}
    return await api.merge_patch(ref, {"metadata": {**names, **metadata}})
