"""What an HTTP answer means: JSON, or the error that callers catch.

Layer: shell.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from kdlib.errors import ApiError, UnreachableError, api_error, from_status
from kdlib.frozen import Json

__all__ = ["FOREIGN", "decoded", "failure", "with_exec_right"]

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_SHOWN_CHARACTERS = 300
_FORBIDDEN = 403
_CANNOT = " cannot "
_LOOK = "look whether address and port are the API server's, and for a proxy before it"
FOREIGN = "UnexpectedServerResponse"
"""Reason of the cause in an answer that is no Status; its message is what was answered."""


def decoded(payload: bytes, subject: str, host: str = "") -> Json:
    """Decode the JSON object of a good answer; {} for an empty one.

    Raises UnreachableError where it is none: something else than an API server answered at `host`.
    """
    if not payload:
        return {}
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _foreign(f"is not JSON: {_shown(payload)!r}", subject, host) from error
    if not isinstance(value, dict):
        raise _foreign(f"is not a JSON object: {_shown(payload)!r}", subject, host)
    return value


def _foreign(words: str, subject: str, host: str) -> UnreachableError:
    cause = f'no API server answers at "{host}": the answer {words}; {_LOOK}'
    return UnreachableError(f"{subject}: the answer {words}", cause=cause)


def failure(code: int, payload: bytes, headers: Mapping[str, str], subject: str) -> ApiError:
    """Make the error of an answer that is not a success, also where a proxy wrote it.

    A `Retry-After` header in seconds becomes `retry_after_seconds`.
    """
    status: Any = None
    try:
        status = orjson.loads(payload)
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status":
        words = _shown(payload) or "no message"
        # As client-go does it: whoever asks can tell that no API server said so.
        causes = {"causes": [{"reason": FOREIGN, "message": words}]}
        message = f"{subject}: HTTP {code}: {words}"
        status = dict(api_error(code, _REASONS.get(code, ""), message, details=causes).status)
    status.setdefault("code", code)
    wait = headers.get("Retry-After", "")
    details = status.get("details") or {}
    if wait.isdigit() and not details.get("retryAfterSeconds"):
        status["details"] = {**details, "retryAfterSeconds": int(wait)}
    return from_status(status)


def with_exec_right(error: ApiError, namespace: str) -> ApiError:
    """Return the refusal of an exec with the right that is missing; others than those of an authorizer as they are.

    An authorizer that gives no reason leaves the words to end with a colon; a webhook that refuses says why.
    """
    words = str(error).rstrip(" :")
    if error.code != _FORBIDDEN or not (words.endswith("forbidden") or _CANNOT in words):
        return error
    remedy = f"give our account the verb create on pods/exec in namespace {namespace!r}"
    return from_status({**error.status, "message": f"{words}; {remedy}"})


def _shown(payload: bytes) -> str:
    return " ".join(payload[:_SHOWN_CHARACTERS].decode("utf-8", "replace").split())
