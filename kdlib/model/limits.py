"""How long a start script may run, by the event that it is called for.

Layer: pure.
"""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field

from kdlib.model.part import SpecPart
from kdlib.model.scalars import integral

__all__ = ["MOST_SECONDS", "TimeLimits"]

MOST_SECONDS = 7 * 24 * 3600
"""The longest limit that can be set."""

_Seconds: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=MOST_SECONDS), BeforeValidator(integral)]


class TimeLimits(SpecPart):
    """Seconds that one run of the start script may take, by event; an event that is absent has the default."""

    configure: _Seconds | None = Field(
        None, description="Seconds for `--configure`, once its package is there.", examples=[3600]
    )
    addnodes: _Seconds | None = Field(None, description="Seconds for `--addnodes`.", examples=[300])
    delnodes: _Seconds | None = Field(None, description="Seconds for `--delnodes`.", examples=[300])
    reconnect: _Seconds | None = Field(None, description="Seconds for `--reconnect`.", examples=[300])
    decommission: _Seconds | None = Field(None, description="Seconds for `--decommission`.", examples=[7200])

    def seconds(self, event: str) -> int | None:
        """Return the limit of an event, None where it has none of its own."""
        found: int | None = getattr(self, event, None)
        return found
