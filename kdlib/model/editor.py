"""JSON Schemas of the four kinds for editors and offline checkers, made from the same models as the CRDs.

They follow draft 7, which the YAML language servers of editors know best. An editor marks a field that the API server
would drop silently; it knows neither list keys nor CEL rules.
See https://json-schema.org/draft-07 and https://github.com/redhat-developer/yaml-language-server.

Layer: pure.
"""

import json

from kdlib.frozen import Json
from kdlib.model.crd import KINDS, described
from kdlib.model.part import NOTE

__all__ = ["editor_schema", "editor_schemas"]

_COPIED = (
    "type",
    "pattern",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "required",
    "default",
    "examples",
)


def editor_schema(kind: str) -> Json:
    """Return the JSON Schema of a kind, such as `KubeDirectorCluster`; raises KeyError for others."""
    of = next(item for item in KINDS if item.name == kind)
    found = _readable(described(kind))
    found["properties"]["apiVersion"]["enum"] = [of.api_version]
    found["properties"]["kind"]["enum"] = [kind]
    found["properties"]["metadata"] |= {"description": "Standard object metadata.", "additionalProperties": True}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": kind, **found}


def editor_schemas() -> dict[str, str]:
    """Return the text of each generated file by its name, such as `json/kubedirectorapp_v1beta1.json`."""
    return {
        f"json/{kind.name.lower()}_{kind.version}.json": json.dumps(editor_schema(kind.name), indent=2) + "\n"
        for kind in KINDS
    }


def _readable(schema: Json) -> Json:
    found: Json = {"description": _words(schema)} if "description" in schema else {}
    found |= {key: schema[key] for key in _COPIED if key in schema}
    if schema.get("nullable"):
        found["type"] = [schema["type"], "null"]
    if schema.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    return found | _inner(schema)


def _inner(schema: Json) -> Json:
    """Return what the schema says of items and fields."""
    match schema:
        case {"items": items}:
            unique = {"uniqueItems": True} if schema.get("x-kubernetes-list-type") == "set" else {}
            return {"items": _readable(items), **unique}
        case {"properties": properties}:
            kept = {} if schema.get("x-kubernetes-preserve-unknown-fields") else {"additionalProperties": False}
            return {"properties": {name: _readable(item) for name, item in properties.items()}, **kept}
        case {"additionalProperties": dict() as values}:
            return {"additionalProperties": _readable(values)}
    return {}


def _words(schema: Json) -> str:
    default = schema.get(NOTE, {}).get("default")
    return f"{schema['description']} Default: {default}." if default else str(schema["description"])
