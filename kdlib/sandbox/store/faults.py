"""Failure Statuses as an API server words them.

See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/.

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kdlib.errors import ApiError, api_error, from_status
from kdlib.frozen import Json
from kdlib.wire import Kind

__all__ = [
    "FieldError",
    "already_exists",
    "bad_request",
    "conflict",
    "expired",
    "forbidden",
    "forbidden_field",
    "internal",
    "invalid",
    "invalid_options",
    "invalid_value",
    "method_not_allowed",
    "not_found",
    "nothing_here",
    "patch_invalid",
    "patch_refused",
    "required",
    "too_large_version",
    "unmet",
    "unsupported",
    "unsupported_media",
    "version_missing",
]

_OMITTED = object()
_EXPONENT_FROM = 1e21


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: `type` is the cause's reason, `value` what stood there, where that is shown."""

    path: str
    type: str
    detail: str
    value: Any = _OMITTED
    is_tolerated: bool = False
    """True where it was so before: it is warned of, not refused."""

    @property
    def body(self) -> str:
        """Return the message without the field's path."""
        words = _WORDS[self.type]
        shown = words if self.value is _OMITTED else f"{words}: {_shown(self.value)}"
        return f"{shown}: {self.detail}" if self.detail else shown

    def __str__(self) -> str:
        return f"{self.path}: {self.body}"


_WORDS: Mapping[str, str] = {
    "FieldValueRequired": "Required value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueTypeInvalid": "Invalid value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueNotFound": "Not found",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
    "InternalError": "Internal error",
}


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return orjson.dumps(value).decode()
        case float() if value.is_integer() and abs(value) < _EXPONENT_FROM:
            return str(int(value))
        case int() | float():
            return str(value)
        case None:
            return "null"
        case _:
            text = orjson.dumps(value).decode()
            return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def invalid_value(path: str, value: Any, detail: str) -> FieldError:
    """Say that a field's value is wrong."""
    return FieldError(path, "FieldValueInvalid", detail, value)


def required(path: str, detail: str = "") -> FieldError:
    """Say that a field is missing."""
    return FieldError(path, "FieldValueRequired", detail)


def forbidden_field(path: str, detail: str) -> FieldError:
    """Say that a field may not be set, or not be changed."""
    return FieldError(path, "FieldValueForbidden", detail)


def unsupported(path: str, value: Any, allowed: Iterable[str]) -> FieldError:
    """Say that a field's value is none of those that it may have."""
    return FieldError(
        path, "FieldValueNotSupported", "supported values: " + ", ".join(f'"{item}"' for item in allowed), value
    )


def _details(kind: Kind | None, name: str, **more: Any) -> Json:
    details: Json = {}
    if name:
        details["name"] = name
    if kind is not None and kind.group:
        details["group"] = kind.group
    if kind is not None:
        details["kind"] = kind.plural
    return {**details, **{key: value for key, value in more.items() if value}}


def _plural(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def not_found(kind: Kind, name: str) -> ApiError:
    """Make the 404 for an object that is not there."""
    return api_error(404, "NotFound", f'{_plural(kind)} "{name}" not found', details=_details(kind, name))


def already_exists(kind: Kind, name: str, *, generated: bool = False, leaving: bool = False) -> ApiError:
    """Make the 409 for a name that is taken, perhaps by an object on its way out."""
    message = f'{_plural(kind)} "{name}" already exists'
    if leaving:
        message = f"object is being deleted: {message}"
    if generated:
        message += ", the server was not able to generate a unique name for the object"
    details = _details(kind, name, retryAfterSeconds=int(generated))
    return api_error(409, "AlreadyExists", message, details=details)


def unmet(kind: Kind, name: str, what: str) -> ApiError:
    """Make the 409 for a precondition that does not hold; it names the kind, not the resource."""
    subject = f"{kind.name}.{kind.group}" if kind.group else kind.name
    details = {**_details(kind, name), "kind": kind.name}
    return api_error(409, "Conflict", f'Operation cannot be fulfilled on {subject} "{name}": {what}', details=details)


def conflict(kind: Kind, name: str, what: str) -> ApiError:
    """Make the 409 for a write that met another object than it was made for."""
    message = f'Operation cannot be fulfilled on {_plural(kind)} "{name}": {what}'
    return api_error(409, "Conflict", message, details=_details(kind, name))


def invalid(kind: Kind, name: str, errors: Iterable[FieldError]) -> ApiError:
    """Make the 422 that lists every field that is wrong."""
    found = list(errors)
    subject = f"{kind.name}.{kind.group}" if kind.group else kind.name
    texts = list(dict.fromkeys(map(str, found)))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": error.type, "message": error.body, "field": error.path} for error in found]
    details: Json = {"name": name} if name else {}
    if kind.group:
        details["group"] = kind.group
    details.update(kind=kind.name, causes=causes)
    return api_error(422, "Invalid", f'{subject} "{name}" is invalid: {text}', details=details)


def patch_invalid(shown: str, what: str) -> ApiError:
    """Make the 422 for a patch that makes no valid object; it names no kind."""
    error = invalid_value("patch", shown, what)
    causes = [{"reason": error.type, "message": error.body, "field": error.path}]
    return api_error(422, "Invalid", f' "" is invalid: {error}', details={"causes": causes})


def patch_refused() -> ApiError:
    """Make the 422 for a JSON patch that does not fit the object; the reference server does not say why."""
    message = "the server rejected our request due to an error in our request"
    return _without_details(422, "Invalid", message)


def unsupported_media(taken: Iterable[str]) -> ApiError:
    """Make the 415 for a body of a type that the endpoint does not take."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(taken)
    return api_error(415, "UnsupportedMediaType", message)


def version_missing(kind: Kind, name: str) -> ApiError:
    """Make the 422 for an update that must name the version that it replaces; it names the resource, not the kind."""
    error = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
    causes = [{"reason": error.type, "message": error.body, "field": error.path}]
    message = f'{_plural(kind)} "{name}" is invalid: {error}'
    return api_error(422, "Invalid", message, details=_details(kind, name, causes=causes))


def bad_request(message: str) -> ApiError:
    """Make the 400 for a request that makes no sense."""
    return api_error(400, "BadRequest", message)


def forbidden(kind: Kind, name: str, what: str, causes: Iterable[Json] = ()) -> ApiError:
    """Make the 403 for something that admission refuses."""
    message = f'{_plural(kind)} "{name}" is forbidden: {what}'
    return api_error(403, "Forbidden", message, details=_details(kind, name, causes=list(causes)))


def internal(message: str) -> ApiError:
    """Make the 500 for what the server cannot do."""
    text = f"Internal error occurred: {message}"
    return api_error(500, "InternalError", text, details={"causes": [{"message": message}]})


def expired(message: str) -> ApiError:
    """Make the 410 for a version that is no longer known."""
    return api_error(410, "Expired", message)


def too_large_version(asked: int, current: int) -> ApiError:
    """Make the 504 for a version that has not come yet."""
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    return api_error(504, "Timeout", message, details={"causes": causes, "retryAfterSeconds": 1})


def invalid_options(kind: str, errors: Iterable[FieldError]) -> ApiError:
    """Make the 422 for the options of a request (`PatchOptions`, `ListOptions` and so on)."""
    found = list(errors)
    texts = list(map(str, found))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": error.type, "message": error.body, "field": error.path} for error in found]
    details = {"group": "meta.k8s.io", "kind": kind, "causes": causes}
    return api_error(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {text}', details=details)


def method_not_allowed() -> ApiError:
    """Make the 405 for a verb that a resource does not know."""
    message = "the server does not allow this method on the requested resource"
    return _without_details(405, "MethodNotAllowed", message)


def nothing_here() -> ApiError:
    """Make the 404 for a path where nothing is served."""
    return _without_details(404, "NotFound", "the server could not find the requested resource")


def _without_details(code: int, reason: str, message: str) -> ApiError:
    """Make an error whose Status has details that say nothing."""
    return from_status({**api_error(code, reason, message).status, "details": {}, "code": code})
