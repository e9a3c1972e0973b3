"""The version of a cluster's connections, mirrored into an annotation for those who looked for it there (1.6).

Layer: shell.
"""

from kdlib.frozen import Json, dig
from kdlib.kube import Api
from kdlib.names import ANNOTATION_CONNECTION_VERSION
from kdlib.wire import Ref

__all__ = ["is_mirrored", "mirror_version"]


def is_mirrored(root: Json) -> bool:
    """Tell whether the annotation says what the status says; before the first change both say nothing."""
    version = dig(root, "status", "connectionVersion", default=0)
    return not version or dig(root, "metadata", "annotations", ANNOTATION_CONNECTION_VERSION) == str(version)


async def mirror_version(api: Api, ref: Ref, root: Json) -> Json:
    """Write the stored version into the annotation of the very state of the root that was seen; return the new state.

    Raises ConflictError where the root has changed meanwhile.
    """
    metadata = root["metadata"]
    annotations = {ANNOTATION_CONNECTION_VERSION: str(dig(root, "status", "connectionVersion"))}
    patch = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "annotations": annotations}
    return await api.merge_patch(ref, {"metadata": patch})
