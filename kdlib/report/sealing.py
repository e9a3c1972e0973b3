"""Sealing a status: its `generationUID`, which is the same wherever the status is.

Layer: pure.
"""

from uuid import UUID

from kdlib.frozen import Json, digest

__all__ = ["sealed"]


def sealed(made: Json) -> Json:
    """Return the status with its `generationUID`, which clients of the original watch for changes.

    Derived from all else in the status, times of conditions apart: the same status has the same one everywhere.
    """
    content = {key: value for key, value in made.items() if key != "generationUID"}
    timeless = [
        {key: value for key, value in item.items() if key != "lastTransitionTime"}
        for item in content.get("conditions") or ()
    ]
    number = int(digest({**content, "conditions": timeless})[:32], 16)
    return {**content, "generationUID": str(UUID(int=number))}
