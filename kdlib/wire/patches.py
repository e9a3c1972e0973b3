"""JSON merge patch (RFC 7386) and JSON Patch (RFC 6902), as an API server applies them.

Layer: pure.
"""

from dataclasses import dataclass
from typing import Any

import jsonpatch
import jsonpointer

from kdlib.frozen import Json, copied

__all__ = ["Difference", "PatchError", "differences", "json_patch", "merge_patch"]

_MOST_OPERATIONS = 10_000


class PatchError(ValueError):
    """The patch cannot be applied; `is_malformed` tells a patch that is none from one that does not fit the object."""

    def __init__(self, message: str, *, is_malformed: bool = False) -> None:
        self.is_malformed = is_malformed
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs: its path, as `spec.roles[0].env`, and what stood and stands there, None for nothing."""

    path: str
    old: Any
    new: Any


def differences(old: Json, new: Json) -> tuple[Difference, ...]:
    """Return the fields in which two objects differ, as few as make one of the other, sorted by path."""
    found = (
        Difference(_field_path(step["path"]), _at(old, step["path"]), step.get("value"))
        for step in jsonpatch.JsonPatch.from_diff(old, new)
        if step["op"] in ("add", "remove", "replace")
    )
    return tuple(sorted(found, key=lambda item: item.path))


def _at(value: Json, pointer: str) -> Any:
    return jsonpointer.resolve_pointer(value, pointer, None)


def _field_path(pointer: str) -> str:
    """Write a JSON Pointer as paths of the API are written; keys with dots or slashes stand in brackets."""
    path = ""
    for part in jsonpointer.JsonPointer(pointer).parts:
        is_plain = part.replace("-", "").replace("_", "").isalnum() and not part.isdecimal()
        path += f".{part}" if is_plain else f"[{part}]"
    return path.removeprefix(".")


def merge_patch(target: Any, patch: Any) -> Any:
    """Return the target with the patch merged in; null removes a field. Shares parts with both."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge_patch(out.get(name), value)
    return out


def json_patch(target: Json, operations: Any) -> Json:
    """Return the target with the operations applied in turn.

    Raises PatchError; a `test` that fails, or a path that is not there, does not fit the object.
    """
    if not isinstance(operations, list):
        what = "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        raise PatchError(what, is_malformed=True)
    if len(operations) > _MOST_OPERATIONS:
        limit = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(operations)}"
        raise PatchError(limit, is_malformed=True)
    result: Any = copied(target)
    for operation in operations:
        result = _applied(result, operation)
    if not isinstance(result, dict):
        raise PatchError("the patched object is no object")
    return result


def _applied(target: Any, operation: Any) -> Any:
    if not isinstance(operation, dict):
        raise PatchError("json: cannot unmarshal into Go value of type jsonpatch.Operation", is_malformed=True)
    name, path = str(operation.get("op")), str(operation.get("path"))
    if name not in {"add", "remove", "replace", "move", "copy", "test"}:
        raise PatchError(f"Unexpected kind: {name}")
    if name == "replace" and isinstance(_parent(target, path), dict):
        # The reference server replaces what is not there, too, as long as its object is.
        operation = {**operation, "op": "add"}
    try:
        return jsonpatch.JsonPatch([operation]).apply(target, in_place=True)
    except jsonpatch.JsonPatchTestFailed as error:
        raise PatchError(f"testing value {path} failed: test failed") from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise PatchError(_reason(name, path, target)) from error


def _reason(name: str, path: str, target: Any) -> str:
    match name:
        case "remove":
            missing = "key" if _parent(target, path) is not None else "path"
            return f"remove operation does not apply: doc is missing {missing}: {path}: missing value"
        case "test":
            return f"error in test for path: '{path}': missing value"
        case _:
            return f'{name} operation does not apply: doc is missing path: "{path}": missing value'


def _parent(target: Any, path: str) -> Any:
    try:
        return jsonpointer.JsonPointer(path.rpartition("/")[0]).resolve(target)
    except jsonpointer.JsonPointerException:
        return None
