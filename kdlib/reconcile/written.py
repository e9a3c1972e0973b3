"""What a pass wrote: the caches have to show it before the next one.

Layer: shell.
"""

from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.wire import Ref

__all__ = ["Ended", "Written", "written"]


@dataclass(frozen=True, slots=True)
class Written:
    """The object of this UID was written; this is the resource version that came of it."""

    ref: Ref
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The object of this UID was deleted; it may still be there for a while, on its way out."""

    ref: Ref
    uid: str


def written(ref: Ref, answer: Json) -> Written:
    """Tell what the API server's answer to a write says of the object."""
    return Written(
        ref, str(dig(answer, "metadata", "uid", default="")), str(dig(answer, "metadata", "resourceVersion"))
    )
