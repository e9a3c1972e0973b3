"""What every part of a status has in common.

Layer: pure.
"""

from typing import Any

from pydantic import ConfigDict

from kdlib.frozen import Json
from kdlib.model.part import Part

__all__ = ["StatusPart"]


class StatusPart(Part):
    """A frozen part of a status; unknown fields are kept."""

    # Fields of other operators' roots stay in memory; the API server prunes what the schema does not know.
    model_config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})

    def dumped(self) -> Json:
        """Return the API form, without fields that are unset or None."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")

    def changed(self, **values: Any) -> "Any":
        """Return a copy with the values changed."""
        return self.model_copy(update=values)
