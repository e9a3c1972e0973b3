"""The version of a cluster's connections, mirrored into an annotation for those who looked for it there (1.6).

Layer: shell.
"""

from collections.abc import Mapping

from kdlib.frozen import Json, dig
from kdlib.names import ANNOTATION_CONNECTION_VERSION

__all__ = ["version_told"]


def version_told(root: Json) -> Mapping[str, str]:
    """Return what the annotations are to say: what the status says; before the first change both say nothing."""
    version = dig(root, "status", "connectionVersion", default=0)
    return {ANNOTATION_CONNECTION_VERSION: str(version)} if version else {}
