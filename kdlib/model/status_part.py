"""What every part of a status has in common.

Layer: pure.
"""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from kdlib.frozen import Json
from kdlib.model.part import pruned, without_nulls

__all__ = ["StatusPart"]


class StatusPart(BaseModel):
    """A frozen part of a status, written in the API's field names; unknown fields are kept."""

    # Fields of other operators' roots stay in memory; the API server prunes what the schema does not know.
    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        populate_by_name=True,
        json_schema_extra={"additionalProperties": False},
    )

    pruned_fields: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields that have no null: all of them."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.pruned_fields = without_nulls(cls)

    @model_validator(mode="before")
    @classmethod
    def _nulls_pruned(cls, value: Any) -> Any:
        """Drop nulls, as an API server does."""
        return pruned(value, cls.pruned_fields)

    def dumped(self) -> Json:
        """Return the API form, without fields that are unset or None."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")

    def changed(self, **values: Any) -> "Any":
        """Return a copy with the values changed."""
        return self.model_copy(update=values)
