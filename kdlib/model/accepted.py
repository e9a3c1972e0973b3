"""What a status records of a role as it was accepted: kept as JSON, with the few fields that CEL rules read.

Layer: pure.
"""

from typing import Annotated, NotRequired, TypeAlias

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from kdlib.frozen import Json
from kdlib.model.part import Nullable, Shaped

__all__ = ["Accepted"]


@with_config(ConfigDict(extra="allow"))
class _AcceptedRole(TypedDict):
    """The role as it was accepted last; all its fields are kept."""

    storage: NotRequired[Annotated[Nullable[Json], Field(description="Its storage.", examples=[{"size": "20Gi"}])]]
    blockStorage: NotRequired[
        Annotated[
            Nullable[Json],
            Field(
                description="Its block storage.",
                examples=[{"storageClassName": "block", "pathPrefix": "/dev/disk", "numDevices": 2}],
            ),
        ]
    ]


@with_config(ConfigDict(extra="allow"))
class _Accepted(TypedDict):
    """What was accepted last."""

    role: NotRequired[
        Annotated[Nullable[_AcceptedRole], Field(description="The role, all but its members and clear secrets.")]
    ]
    defaultSecret: NotRequired[
        Annotated[
            Nullable[Json],
            Field(
                description="The cluster's default secret, where the role uses it.",
                examples=[{"name": "spark-keys", "mountPath": "/etc/keys"}],
            ),
        ]
    ]


Accepted: TypeAlias = Annotated[Json, Shaped(_Accepted)]
"""A role as it was accepted, as JSON with `role` and `defaultSecret`."""
