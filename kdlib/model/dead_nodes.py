"""What becomes of members on nodes that do not answer any more.

Layer: pure.
"""

from typing import Literal

from pydantic import Field

from kdlib.model.part import SpecPart, told
from kdlib.model.scalars import SmallCount

__all__ = ["DeadNodes"]


class DeadNodes(SpecPart):
    """What becomes of members on nodes that do not answer any more."""

    action: Literal["Wait", "Replace"] = Field(
        "Wait",
        description="Wait: for the node, or for a person. Replace: end the pod by force, so that it is made elsewhere.",
        examples=["Replace"],
        json_schema_extra=told(default="Wait"),
    )
    after_seconds: SmallCount = Field(
        300,
        description="How long after its grace period an evicted pod has not ended before it is replaced.",
        examples=[600],
        json_schema_extra=told(default="300"),
    )
