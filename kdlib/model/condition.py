"""A standard condition: checked like any part of a status, and kept as JSON.

See https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#condition-v1-meta.

Layer: pure.
"""

from typing import Annotated, Any, Literal, NotRequired, TypeAlias

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from kdlib.frozen import Json
from kdlib.model.part import Shaped
from kdlib.model.scalars import Count, Text, TimeText

__all__ = ["Condition", "with_standard_conditions"]


@with_config(ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False}))
class _Condition(TypedDict):
    """A standard condition."""

    type: Annotated[Text, Field(description="What the condition is about.", examples=["Ready"])]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Whether it holds.", examples=["True"])]
    observedGeneration: NotRequired[
        Annotated[Count, Field(description="Generation of the spec that it is about.", examples=[2])]
    ]
    lastTransitionTime: Annotated[
        TimeText, Field(description="When its status changed last.", examples=["2030-01-01T00:00:00Z"])
    ]
    reason: Annotated[Text, Field(description="Why, in one word for programs.", examples=["AllMembersReady"])]
    message: Annotated[Text, Field(description="Why, in words for people.", examples=["4 of 4 members are ready"])]


Condition: TypeAlias = Annotated[Json, Shaped(_Condition, _Condition.__annotations__)]
"""A condition as JSON; see `metav1.Condition`. Nulls are dropped, as an API server does."""

_ADAPTER: TypeAdapter[Json] = TypeAdapter(Condition)


def with_standard_conditions(status: Any) -> Any:
    """Return a status without conditions that other writers put there in a form of their own."""
    found = status.get("conditions") if isinstance(status, dict) else None
    if not isinstance(found, list):
        return status
    return {**status, "conditions": [item for item in found if _is_standard(item)]}


def _is_standard(item: Any) -> bool:
    try:
        _ADAPTER.validate_python(item)
    except ValidationError:
        return False
    return True
