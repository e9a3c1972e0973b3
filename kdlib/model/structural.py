"""A structural schema of a model: what pydantic makes, without references, titles and choices.

A bound that the models do not know stands in `json_schema_extra` of its field.
See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema.

Layer: pure.
"""

from pydantic import BaseModel

from kdlib.frozen import Json
from kdlib.model.part import NOTE

__all__ = ["FOR_READERS", "structural"]

FOR_READERS = frozenset({"default", "examples", NOTE})
"""What stands in the schema for the documentation alone."""

_KEPT = (
    "type",
    "format",
    "pattern",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "nullable",
    "required",
    "examples",
)
"""What goes from a model's JSON schema into the structural one as it is; extensions with `x-` go too."""


def structural(model: type[BaseModel]) -> Json:
    """Return the schema of a model and of all its parts, in one piece."""
    whole = model.model_json_schema(by_alias=True)
    return _structural(whole, whole.get("$defs", {}))


def _structural(schema: Json, definitions: Json) -> Json:
    """Turn a JSON schema of pydantic's into a structural one."""
    flat = _flat(schema, definitions)
    result: Json = {}
    if "description" in flat:
        result["description"] = str(flat["description"]).split("\n\n")[0]
    result |= {key: flat[key] for key in _KEPT if key in flat}
    if result.get("type") == "integer":
        result["format"] = "int64"
    if result.get("type") == "boolean" and flat.get("default") is False:
        result["default"] = False
    if "properties" in flat:
        result["properties"] = {key: _structural(item, definitions) for key, item in flat["properties"].items()}
    if "items" in flat:
        result["items"] = _structural(flat["items"], definitions)
    match flat.get("additionalProperties"):
        case True:
            result["x-kubernetes-preserve-unknown-fields"] = True
        case dict() as values:
            result["additionalProperties"] = _structural(values, definitions)
    return result | {key: value for key, value in flat.items() if key.startswith("x-")}


def _flat(schema: Json, definitions: Json) -> Json:
    """Resolve a reference or a choice between something and null; what stands beside it wins."""
    beside = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}
    if "$ref" in schema:
        return {**_flat(definitions[schema["$ref"].rpartition("/")[2]], definitions), **beside}
    if "anyOf" in schema:
        chosen = next(item for item in schema["anyOf"] if item.get("type") != "null")
        return {**_flat(chosen, definitions), **beside}
    return beside
