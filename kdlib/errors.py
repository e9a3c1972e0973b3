"""The error tree: who must act decides the class.

A user's mistake is never retried and carries every problem at once; what the world does (an API server, a
network, a container) is retried with back-off; anything else is ours and loud.

Layer: pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "AlreadyExistsError",
    "ApiError",
    "ConflictError",
    "ExpiredError",
    "KubeDirectorError",
    "NotFoundError",
    "Problem",
    "RefusedError",
    "UnreachableError",
    "WorldError",
    "api_error",
    "from_status",
]


class KubeDirectorError(Exception):
    """Every error that this library raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with what a user wrote.

    `path` names the field (`spec.roles[worker].members`), `what` says what is wrong with it, lowercase and
    without a full stop, `remedy` what to do about it, and `rule` the id of the rule that found it. Of several problems
    those of the lowest `rank` are told first: what others may come from.
    """

    path: str
    what: str
    remedy: str = ""
    rule: str = ""
    rank: int = 0

    def __str__(self) -> str:
        text = f"{self.path}: {self.what}"
        return f"{text}; {self.remedy}" if self.remedy else text


class RefusedError(KubeDirectorError):
    """What a user wrote cannot be done; `problems` lists everything wrong with it, by rank and path."""

    def __init__(self, subject: str, problems: Iterable[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.rank, problem)))
        super().__init__(f"{subject}: " + "; ".join(map(str, self.problems)))


class WorldError(KubeDirectorError):
    """The world did not do what was asked this time; the same request may succeed later."""


class UnreachableError(WorldError):
    """No answer came: connection refused or cut, name not found, certificate refused, or time ran out.

    `cause` says so without what was asked for, so that it is the same for all requests; empty where nobody knows.
    """

    def __init__(self, message: str, *, cause: str = "") -> None:
        self.cause = cause
        super().__init__(message)


class ApiError(WorldError):
    """A Kubernetes API server answered with a Status that is not a success.

    `status` is the decoded `metav1.Status`, as it goes over the wire.
    See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/.
    """

    warnings: tuple[str, ...] = ()
    """What the embedded server warns of besides; others leave it empty."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self.status = dict(status)
        super().__init__(str(self.status.get("message") or self.status.get("reason") or self.code))

    @property
    def code(self) -> int:
        """Return the HTTP status code."""
        return int(self.status.get("code") or 500)

    @property
    def reason(self) -> str:
        """Return the machine readable reason, such as `NotFound`; empty when the server gave none."""
        return str(self.status.get("reason") or "")

    @property
    def retry_after_seconds(self) -> int:
        """Return how long the server asks to wait before a further try; 0 when it does not say."""
        return int((self.status.get("details") or {}).get("retryAfterSeconds") or 0)


class NotFoundError(ApiError):
    """404: the object, or the kind, is not there."""


class ConflictError(ApiError):
    """409 `Conflict`: somebody else wrote first, or owns the fields that were applied."""


class AlreadyExistsError(ApiError):
    """409 `AlreadyExists`: an object of this name is there."""


class ExpiredError(ApiError):
    """410: the resource version asked for is too old; list anew."""


def api_error(
    code: int,
    reason: str,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
) -> ApiError:
    """Make the error for a failure Status, of the class that callers catch."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    status["message"] = message
    if reason:
        status["reason"] = reason
    if details:
        status["details"] = dict(details)
    status["code"] = code
    return from_status(status)


def from_status(status: Mapping[str, Any]) -> ApiError:
    """Make the error that carries this Status."""
    code, reason = int(status.get("code") or 500), status.get("reason")
    match code, reason:
        case 404, _:
            return NotFoundError(status)
        case 409, "AlreadyExists":
            return AlreadyExistsError(status)
        case 409, _:
            return ConflictError(status)
        case 410, _:
            return ExpiredError(status)
        case _:
            return ApiError(status)
