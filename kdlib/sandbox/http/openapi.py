"""OpenAPI documents of what is served: version 3 by group version, and version 2 in one.

They carry what clients act upon: schemas with list keys and patch strategies, and paths with their parameters;
prose and answers are left out. kubectl finds there whether the server checks fields, and how to patch a kind.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition.

Layer: pure.
"""

import re
from collections.abc import Iterable
from typing import Any

from kdlib.frozen import Json, short_digest
from kdlib.sandbox.http.served import Resource, Served, Subresource

__all__ = ["document_v2", "document_v3", "index_v3"]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_LIST = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_DELETE = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_PARAMETERS = {
    "list": _LIST,
    "deletecollection": {*_LIST, *_DELETE},
    "create": _WRITE,
    "update": _WRITE,
    "patch": (*_WRITE, "force"),
    "delete": _DELETE,
}
_PARAMETER_TYPES = {
    "allowWatchBookmarks": "boolean",
    "force": "boolean",
    "gracePeriodSeconds": "integer",
    "limit": "integer",
    "orphanDependents": "boolean",
    "sendInitialEvents": "boolean",
    "timeoutSeconds": "integer",
    "watch": "boolean",
}
_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_VERBS = {"get": "read", "put": "replace", "post": "create", "patch": "patch", "delete": "delete"}


def index_v3(served: Served) -> Json:
    """Return the document of `/openapi/v3`: where each group version's document is, with a digest of its content."""
    paths = {}
    for root, resources in served.versions.items():
        hashed = short_digest([repr(resource) for resource in resources], length=32)
        paths[root] = {"serverRelativeURL": f"/openapi/v3/{root}?hash={hashed}"}
    return {"paths": paths}


def document_v3(served: Served, builtin: Json, root: str) -> Json | None:
    """Return the OpenAPI v3 document of a group version, by its path; None where it is not served."""
    resources = served.versions.get(root)
    if resources is None:
        return None
    schemas = _schemas(resources, builtin)
    paths: Json = {f"/{root}/": {"get": {"tags": [_tag(resources[0])]}}}
    for resource in resources:
        paths |= _paths(resource)
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    renamed: Json = _renamed(document, "#/components/schemas/")
    return renamed


def document_v2(served: Served, builtin: Json) -> Json:
    """Return the OpenAPI v2 document of everything."""
    definitions = _schemas(served.resources, builtin)
    paths: Json = {}
    for resource in served.resources:
        paths |= {path: _flattened(item) for path, item in _paths(resource).items()}
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths,
        "definitions": definitions,
    }


def _tag(resource: Resource) -> str:
    return f"{resource.group.partition('.')[0] or 'core'}_{resource.version}"


def schema_name(resource: Resource) -> str:
    """Return the name of a resource's schema: the table's, or the reversed group, version and kind."""
    if isinstance(resource.schema, str):
        return resource.schema
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def _reference(name: str) -> Json:
    return {"$ref": f"#/definitions/{name}"}


def _schemas(resources: Iterable[Resource], builtin: Json) -> Json:
    found: Json = {}
    for resource in resources:
        name = schema_name(resource)
        own = dict(builtin["definitions"][name]) if isinstance(resource.schema, str) else _custom_schema(resource)
        found[name] = own | {"x-kubernetes-group-version-kind": [resource.gvk]}
        if "list" in resource.verbs:
            found[f"{name}List"] = _list_schema(resource, name)
    besides = ("v1/Status", "meta.k8s.io/v1/DeleteOptions", "autoscaling/v1/Scale")
    names = {builtin["kinds"][each] for each in besides} | {f"{_META}.ListMeta"}
    names |= {name for schema in found.values() for name in _references(schema)}
    while names:
        name = names.pop()
        if name not in found:
            found[name] = builtin["definitions"][name]
            names |= _references(found[name])
    found[f"{_META}.Patch"] = {"type": "object"}
    return found


def _custom_schema(resource: Resource) -> Json:
    schema = dict(resource.schema) if isinstance(resource.schema, dict) else {}
    schema.setdefault("type", "object")
    schema["properties"] = {
        **(schema.get("properties") or {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": _reference(f"{_META}.ObjectMeta"),
    }
    return schema


def _list_schema(resource: Resource, name: str) -> Json:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": _reference(f"{_META}.ListMeta"),
            "items": {"type": "array", "items": _reference(name)},
        },
        "x-kubernetes-group-version-kind": [resource.gvk | {"kind": resource.list_kind}],
    }


def _references(value: Any) -> set[str]:
    match value:
        case {"$ref": str(text)}:
            return {text.removeprefix("#/definitions/")}
        case dict():
            return {name for item in value.values() for name in _references(item)}
        case list():
            return {name for item in value for name in _references(item)}
        case _:
            return set()


def _renamed(value: Any, prefix: str) -> Any:
    match value:
        case {"$ref": str(text), **others}:
            return {**others, "$ref": prefix + text.removeprefix("#/definitions/")}
        case dict():
            return {key: _renamed(item, prefix) for key, item in value.items()}
        case list():
            return [_renamed(item, prefix) for item in value]
        case _:
            return value


def _paths(resource: Resource) -> Json:
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"/{resource.root}{scope}/{resource.plural}"
    names = ["namespace"] if resource.namespaced else []
    paths: Json = {collection: _item(resource, names, {"get": "list", "post": "create", "delete": "deletecollection"})}
    if resource.namespaced:
        everywhere = _item(resource, [], {"get": "list"})
        paths[f"/{resource.root}/{resource.plural}"] = everywhere
    one = {"get": "get", "put": "update", "patch": "patch", "delete": "delete"}
    paths[f"{collection}/{{name}}"] = _item(resource, ["name", *names], one)
    for subresource in resource.subresources:
        path = f"{collection}/{{name}}/{subresource.name}"
        paths[path] = _item(resource, ["name", *names], one | {"post": "create"}, subresource)
    return {path: item for path, item in paths.items() if len(item) > 1}


def _item(resource: Resource, names: list[str], methods: Json, subresource: Subresource | None = None) -> Json:
    verbs = subresource.verbs if subresource else resource.verbs
    item: Json = {
        method: _operation(resource, method, verb, subresource) for method, verb in methods.items() if verb in verbs
    }
    item["parameters"] = [
        *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names),
        _parameter("pretty"),
    ]
    return item


def _parameter(name: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": _PARAMETER_TYPES.get(name, "string"), "uniqueItems": True}}


def _operation(resource: Resource, method: str, verb: str, subresource: Subresource | None) -> Json:
    schema = _reference(schema_name(resource))
    word = {"list": "list", "deletecollection": "deleteCollection"}.get(verb, _VERBS[method])
    suffix = re.sub(r"\W", "", subresource.name.title()) if subresource else ""
    operation: Json = {
        "tags": [_tag(resource)],
        "operationId": f"{word}{_tag(resource).title().replace('_', '')}{resource.kind}{suffix}",
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}},
        "x-kubernetes-action": {"create": "post", "update": "put"}.get(verb, verb),
        "x-kubernetes-group-version-kind": _kind_of(resource, subresource),
    }
    if verb in _PARAMETERS:
        operation["parameters"] = [_parameter(name) for name in sorted(_PARAMETERS[verb])]
    content = _request_content(resource, verb)
    if content:
        operation["requestBody"] = {"content": content}
    return operation


def _request_content(resource: Resource, verb: str) -> Json:
    """Return the schemas of the body by its content types, empty for a verb that takes none."""
    match verb:
        case "patch":
            kinds = [each for each in _PATCH_TYPES if not (resource.is_custom and "strategic" in each)]
            return {each: {"schema": _reference(f"{_META}.Patch")} for each in kinds}
        case "create" | "update":
            return {"*/*": {"schema": _reference(schema_name(resource))}}
        case _:
            return {}


def _kind_of(resource: Resource, subresource: Subresource | None) -> Json:
    if subresource is None:
        return resource.gvk
    group = subresource.group or resource.group
    return {"group": group, "version": subresource.version or resource.version, "kind": subresource.kind}


def _flattened(item: Json) -> Json:
    """Turn a version 3 path item into version 2: parameters carry their type, bodies are parameters."""
    result: Json = {"parameters": [_flat_parameter(each) for each in item["parameters"]]}
    for method, operation in item.items():
        if method == "parameters":
            continue
        flat = {key: value for key, value in operation.items() if key not in ("requestBody", "responses")}
        flat["parameters"] = [_flat_parameter(each) for each in operation.get("parameters", ())]
        content = operation.get("requestBody", {}).get("content")
        if content:
            schema = next(iter(content.values()))["schema"]
            flat["parameters"].append({"name": "body", "in": "body", "required": True, "schema": schema})
            flat["consumes"] = list(content)
        answer = operation["responses"]["200"]
        flat["responses"] = {"200": {"description": "OK", "schema": answer["content"]["application/json"]["schema"]}}
        result[method] = flat
    return result


def _flat_parameter(parameter: Json) -> Json:
    schema: Json = parameter["schema"]
    return {key: value for key, value in parameter.items() if key != "schema"} | schema
