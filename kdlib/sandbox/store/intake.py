"""From a body to an object of a kind: the right kind, known fields, right types, defaults.

Layer: pure.
"""

from dataclasses import replace
from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.sandbox.store.decode import MisfitError, Reading, read_object
from kdlib.sandbox.store.faults import bad_request, invalid, invalid_value, patch_invalid
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.resources import Resource
from kdlib.wire import Kind

__all__ = ["check_builtin_kind", "check_kind", "check_place", "go_text", "read_body", "read_patched"]


def read_body(resource: Resource, body: Any, reading: Reading, options: WriteOptions) -> tuple[Json, list[str]]:
    """Return what a create or update sent as a new object with defaults, and the warnings that it earned.

    Raises ApiError 400 for another kind, wrong types, and with strict validation for unknown or duplicate fields.
    """
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is no object")
    check_kind(resource, body)
    kind = resource.kind
    prefix = _cannot_handle(kind.name, kind.version, kind)
    try:
        obj = _read(resource, body, reading)
    except MisfitError as error:
        raise bad_request(prefix + str(error)) from error
    problems = _noticed(reading, options)
    if problems and options.validation == "Strict":
        raise bad_request(f"{prefix}strict decoding error: {', '.join(problems)}")
    return obj, problems if options.validation == "Warn" else []


def read_patched(
    resource: Resource, patched: Any, reading: Reading, options: WriteOptions, *, shown: str = ""
) -> tuple[Json, list[str]]:
    """Return what a patch made as a new object with defaults, and warnings.

    Raises ApiError 422 for what is none; `shown` stands in its message for the patched object.
    """
    try:
        obj = _read(resource, patched, reading)
    except MisfitError as error:
        what = f"unrecognized type: {error.go_type}" if shown and error.go_type else str(error)
        raise patch_invalid(shown or _ordered_text(resource, patched), what) from error
    problems = _noticed(reading, options)
    if problems and options.validation == "Strict":
        what = f"strict decoding error: {', '.join(problems)}"
        raise patch_invalid(shown or _ordered_text(resource, patched), what)
    return obj, problems if options.validation == "Warn" else []


_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


def _ordered_text(resource: Resource, patched: Any) -> str:
    """Return a patched object as the reference server prints it: custom ones sorted, others by their metadata."""
    if resource.is_custom or not isinstance(patched, dict):
        return orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode()
    metadata = patched.get("metadata") or {}
    known = {name: metadata[name] for name in _METADATA_ORDER if name in metadata}
    ordered = {name: patched[name] for name in sorted(patched)}
    return orjson.dumps({**ordered, "metadata": {**known, **metadata}}).decode()


def go_text(value: Any) -> str:
    """Return a JSON value as the reference server prints a map of its own: `map[a:1 b:[x y]]`."""
    match value:
        case dict():
            return "map[" + " ".join(f"{key}:{go_text(item)}" for key, item in sorted(value.items())) + "]"
        case list():
            return "[" + " ".join(map(go_text, value)) + "]"
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _noticed(reading: Reading, options: WriteOptions) -> list[str]:
    if options.validation == "Ignore":
        return []
    unknown = [f'unknown field "{path}"' for path in reading.unknown]
    return [*(f'duplicate field "{path}"' for path in options.duplicates), *unknown]


def _read(resource: Resource, body: Json, reading: Reading) -> Json:
    if resource.custom is not None:
        obj: Json = resource.custom.read(body, reading)
    else:
        obj = read_object(resource.schema, body, reading)
    obj["apiVersion"], obj["kind"] = resource.kind.api_version, resource.kind.name
    obj.setdefault("metadata", {})
    behaviour = resource.behaviour
    spec = obj.get("spec")
    if behaviour.default_status is not None and spec is not None and spec is reading.stored.get("spec"):
        behaviour.default_status(obj)
    else:
        behaviour.default(obj)
    return obj


def check_kind(resource: Resource, body: Json) -> None:
    """Raise a 400 where a body is of another kind or version than the path."""
    if resource.custom is not None:
        _check_custom_kind(resource.kind, body)
    else:
        check_builtin_kind(resource.kind, body)


def check_builtin_kind(kind: Kind, body: Json) -> None:
    """Raise a 400 where a body is of another kind or version than this one, which is built in."""
    version, name = body.get("apiVersion") or kind.api_version, body.get("kind") or kind.name
    if name != kind.name:
        found = f"{version.rpartition('/')[2]}.{name}"
        what = f"converting ({found}) to ({kind.group.partition('.')[0] or 'core'}.{kind.name}): unknown conversion"
        raise bad_request(_cannot_handle(name, version, kind) + what)
    if version != kind.api_version:
        what = f'no kind "{name}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
        raise bad_request(_cannot_handle(name, version, kind) + what)


def _check_custom_kind(kind: Kind, body: Json) -> None:
    version, name = body.get("apiVersion") or "", body.get("kind") or ""
    if not name:
        raise bad_request(f"Object 'Kind' is missing in '{orjson.dumps(body).decode()}'")
    if version != kind.api_version:
        what = f"does not match the expected API version ({kind.api_version})"
        raise bad_request(f"the API version in the data ({version}) {what}")
    if name != kind.name:
        found = replace(kind, name=name)
        error = invalid_value("kind", name, f"must be {kind.name}")
        raise invalid(found, str((body.get("metadata") or {}).get("name", "")), [error])


def _cannot_handle(name: str, version: str, kind: Kind) -> str:
    return f'{name} in version "{version.rpartition("/")[2]}" cannot be handled as a {kind.name}: '


def check_place(resource: Resource, obj: Json, namespace: str, name: str = "") -> None:
    """Put the path's namespace into the object; raise a 400 where namespace or name say something else."""
    metadata = obj["metadata"]
    if not resource.kind.namespaced:
        if metadata.pop("namespace", ""):
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    elif metadata.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        metadata["namespace"] = namespace
    if name and not metadata.get("name"):
        what = f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        raise bad_request(what)
    if name and metadata["name"] != name:
        raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")
