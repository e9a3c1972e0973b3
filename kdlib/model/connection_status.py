"""What a status records of one connection.

Layer: pure.
"""

from pydantic import Field

from kdlib.model.scalars import Text
from kdlib.model.status_part import StatusPart

__all__ = ["ConnectionStatus"]


class ConnectionStatus(StatusPart):
    """One object that the cluster is connected to, as members were told of it last."""

    kind: Text = Field(
        description="KubeDirectorCluster, ConfigMap or Secret.",
        examples=["Secret"],
    )
    name: Text = Field(description="Name of the object.", examples=["warehouse-login"])
    version: Text | None = Field(
        None,
        description="Resource version of the object, or digest of what a cluster says; absent: it was not there.",
        examples=["4711"],
    )
