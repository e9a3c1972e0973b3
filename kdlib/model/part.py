"""The base of everything that users write: frozen, in the API's field names, strict about JSON types.

A null in a field that is not nullable counts as absent, as it does for an API server, which prunes it.
See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable.

Layer: pure.
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from kdlib.frozen import Json

__all__ = ["NOTE", "LoosePart", "Nullable", "Part", "Shaped", "SpecPart", "keyed_by", "pruned", "told", "without_nulls"]

T = TypeVar("T")

NOTE = "x-kubedirector-note"
"""What a generated schema knows for the documentation alone: `default` in words, and `rules` by their ids."""


def keyed_by(*keys: str) -> dict[str, Any]:
    """Return the schema extension of a list whose items have different values of these fields, and merge by them."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def told(*rules: str, default: str = "") -> dict[str, Any]:
    """Return what the documentation says besides a field's description: its rules, and its default in words."""
    return {NOTE: {"default": default, "rules": list(rules)}}


class _NullableMark:
    """Marks a field whose explicit null the API keeps, and says so in the schema."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {**handler(schema), "nullable": True}


class Shaped:
    """Says that a JSON object has the fields of a TypedDict; it stays JSON."""

    def __init__(self, shape: type, pruned_fields: Iterable[str] = ()) -> None:
        self._shape = shape
        self._pruned_fields = frozenset(pruned_fields)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler.generate_schema(self._shape)
        return core_schema.no_info_before_validator_function(lambda value: pruned(value, self._pruned_fields), inner)


Nullable: TypeAlias = Annotated[T | None, _NullableMark()]
"""A value that may be an explicit null in the API, which differs from its absence (`model_fields_set` tells)."""


def without_nulls(part: type[BaseModel]) -> frozenset[str]:
    """Return the names of a model's fields, in Python and in the API, that have no null."""
    plain = (
        (name, field.alias or name)
        for name, field in part.model_fields.items()
        if not any(isinstance(mark, _NullableMark) for mark in field.metadata)
    )
    return frozenset(name for names in plain for name in names)


def pruned(value: Any, fields: frozenset[str]) -> Any:
    """Return an object without the nulls in these fields; whatever is no object stays as it is."""
    if not isinstance(value, dict) or None not in value.values():
        return value
    return {key: item for key, item in value.items() if item is not None or key not in fields}


class Part(BaseModel):
    """A frozen part of an object, in the API's field names."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    pruned_fields: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields that have no null; the fields that a model does not know keep theirs."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.pruned_fields = without_nulls(cls)

    @model_validator(mode="before")
    @classmethod
    def _nulls_pruned(cls, value: Any) -> Any:
        """Drop nulls where the API has no null, as an API server does."""
        return pruned(value, cls.pruned_fields)


class SpecPart(Part):
    """A frozen part of a spec; fields that the API does not know are dropped, as the API server does."""

    model_config = ConfigDict(extra="ignore")

    def dumped(self) -> Json:
        """Return the API form: exactly the fields that were given."""
        return self.model_dump(by_alias=True, exclude_unset=True, mode="json")

    def changed(self, **values: Any) -> Self:
        """Return a copy with the values changed; the values are not checked."""
        return self.model_copy(update=values)

    def without(self, *names: str) -> Self:
        """Return a copy in which the optional fields of these Python names are absent."""
        defaults = {name: type(self).model_fields[name].get_default(call_default_factory=True) for name in names}
        copy = self.model_copy(update=defaults)
        copy.model_fields_set.difference_update(names)
        return copy


class LoosePart(SpecPart):
    """A frozen part of a spec in which unknown fields are kept, as the API server does there."""

    model_config = ConfigDict(extra="allow")
