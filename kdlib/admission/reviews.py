"""AdmissionReview as bytes: what is asked, and the answer.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response.

Layer: pure.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from kdlib.admission.endpoints import Endpoint
from kdlib.errors import Problem
from kdlib.frozen import Json
from kdlib.rules import Operation, Request, User, Verdict

__all__ = ["Answer", "Asked", "MalformedError", "allowance", "asked", "encoded", "refusal", "verdict_answer"]

VERSION = "admission.k8s.io/v1"
DEPTH_LIMIT = 64
_SHOWN_PROBLEMS = 100
_WORDS = 500
_WARNING = 240


class MalformedError(Exception):
    """What was sent is no AdmissionReview that could be answered; `uid` is empty where not even that was readable."""

    def __init__(self, what: str, uid: str = "") -> None:
        super().__init__(what)
        self.uid = uid


@dataclass(frozen=True, slots=True)
class Asked:
    """One review to be answered: its uid, and what the rules are asked."""

    uid: str
    request: Request


@dataclass(frozen=True, slots=True)
class Answer:
    """The `response` of an AdmissionReview, but for its uid."""

    allowed: bool
    status: Json | None = None
    patch: tuple[Json, ...] = ()
    warnings: tuple[str, ...] = ()


def asked(body: bytes, endpoint: Endpoint) -> Asked:
    """Decode a review for an endpoint; raises MalformedError."""
    review = _decoded(body)
    uid = _uid(review)
    if review.get("kind") != "AdmissionReview" or review.get("apiVersion") != VERSION:
        found = f"{_short(review.get('apiVersion'))} {_short(review.get('kind'))}"
        raise MalformedError(f"the body is {found}, and only {VERSION} AdmissionReview is answered here", uid)
    if not uid:
        raise MalformedError("the review has no request.uid")
    return Asked(uid, _request(review["request"], uid, endpoint))


def _decoded(body: bytes) -> Json:
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"the body is no JSON: {error}") from error
    if not isinstance(review, dict):
        raise MalformedError(f"the body is {_short(review)}, and no AdmissionReview")
    if _is_deeper(review, DEPTH_LIMIT):
        raise MalformedError(f"the body is nested deeper than {DEPTH_LIMIT} levels", _uid(review))
    twice = _duplicate(review, body)
    if twice is not None:
        raise MalformedError(f"the field {_short(twice)} stands twice in the same object", _uid(review))
    return review


def _uid(review: Json) -> str:
    match review.get("request"):
        case {"uid": str() as uid}:
            return uid
        case _:
            return ""


def _is_deeper(value: Any, limit: int) -> bool:
    """Tell whether a value is nested deeper, without a function calling itself."""
    level: list[Any] = [value]
    for _ in range(limit):
        below: list[Any] = []
        for item in level:
            below.extend(item.values() if isinstance(item, dict) else item)
        level = [item for item in below if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _duplicate(value: Json, body: bytes) -> str | None:
    """Return the name of a field that stands twice in one object, or None."""
    # A field that was dropped is missing where the value is written again, and what strings hold is counted on both
    # sides alike. This spares nearly every body the slow second look.
    if orjson.dumps(value).count(b'":') == body.count(b'":'):
        return None
    found: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(items)
        if len(fields) != len(items):
            names = [name for name, _ in items]
            found.extend(name for name in fields if names.count(name) > 1)
        return fields

    json.loads(body, object_pairs_hook=pairs)
    return found[0] if found else None


def _request(request: Json, uid: str, endpoint: Endpoint) -> Request:
    kind = endpoint.kind
    match request.get("kind"):
        case {"group": kind.group, "version": kind.version, "kind": kind.name}:
            pass
        case found:
            shown = found.get("kind") if isinstance(found, dict) else found
            what = f"{kind} of version {kind.version} is reviewed here, not {_short(shown)}"
            raise MalformedError(what, uid)
    operation = _operation(request, uid)
    if (request.get("subResource") or "") != endpoint.subresource:
        raise MalformedError(f"the subresource {_short(request.get('subResource'))} is not reviewed here", uid)
    return Request(
        operation=operation,
        kind=kind,
        namespace=_text(request, "namespace", uid),
        name=_text(request, "name", uid),
        user=_user(request.get("userInfo"), uid),
        new=_object(request, "object", uid, needed=operation != "DELETE"),
        old=_object(request, "oldObject", uid, needed=operation != "CREATE"),
        subresource=endpoint.subresource,
        dry_run=request.get("dryRun") is True,
    )


def _operation(request: Json, uid: str) -> Operation:
    match request.get("operation"):
        case "CREATE":
            return "CREATE"
        case "UPDATE":
            return "UPDATE"
        case "DELETE":
            return "DELETE"
        case found:
            raise MalformedError(f"the operation {_short(found)} is not reviewed here", uid)


def _text(request: Json, key: str, uid: str) -> str:
    match request.get(key):
        case None:
            return ""
        case str() as text:
            return text
        case found:
            raise MalformedError(f"request.{key} is {_short(found)}, and no text", uid)


def _object(request: Json, key: str, uid: str, *, needed: bool) -> Json | None:
    """Return an object without its managed fields, which no rule reads; None where there is to be none."""
    match request.get(key):
        case dict() as found if needed:
            metadata = found.get("metadata")
            if not isinstance(metadata, dict):
                raise MalformedError(f"request.{key} has no metadata", uid)
            kept = {name: value for name, value in metadata.items() if name != "managedFields"}
            return {**found, "metadata": kept}
        case found if needed:
            raise MalformedError(f"request.{key} is {_short(found)}, and no object", uid)
        case _:
            return None


def _user(found: Any, uid: str) -> User:
    if not isinstance(found, dict):
        raise MalformedError("the review has no request.userInfo", uid)
    extra = found.get("extra")
    return User(
        username=_text(found, "username", uid),
        uid=_text(found, "uid", uid),
        groups=_texts(found.get("groups")),
        extra={name: _texts(values) for name, values in extra.items()} if isinstance(extra, dict) else {},
    )


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def verdict_answer(request: Request, verdict: Verdict) -> Answer:
    """Return the answer for a verdict of the rules: problems refuse (WH-06), else the patch is sent (WH-07)."""
    warnings = tuple(_cut(warning, _WARNING) for warning in verdict.warnings)
    if verdict.problems:
        return Answer(allowed=False, status=_refused(request, verdict.problems), warnings=warnings)
    return Answer(allowed=True, patch=verdict.patch, warnings=warnings)


def refusal(code: int, reason: str, message: str, *, retry_after_seconds: int = 0) -> Answer:
    """Return a refusal that is not about the object itself."""
    status: Json = {"code": code, "reason": reason, "message": message}
    if retry_after_seconds:
        status["details"] = {"retryAfterSeconds": retry_after_seconds}
    return Answer(allowed=False, status=status)


def allowance(warning: str) -> Answer:
    """Return the answer that lets something through unreviewed, and says so."""
    return Answer(allowed=True, warnings=(_cut(warning, _WARNING),))


def encoded(answer: Answer, uid: str) -> bytes:
    """Encode the whole AdmissionReview."""
    response: Json = {"uid": uid, "allowed": answer.allowed}
    if answer.status is not None:
        response["status"] = {"metadata": {}, "status": "Failure", **answer.status}
    if answer.warnings:
        response["warnings"] = list(answer.warnings)
    if answer.allowed and answer.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = b64encode(orjson.dumps(answer.patch)).decode()
    return orjson.dumps({"apiVersion": VERSION, "kind": "AdmissionReview", "response": response})


def _refused(request: Request, problems: tuple[Problem, ...]) -> Json:
    shown = problems[:_SHOWN_PROBLEMS]
    lines = [_cut(str(problem), _WORDS) for problem in shown]
    if len(problems) > len(shown):
        lines.append(f"and {len(problems) - len(shown)} more problems")
    status: Json = {"message": "\n" + "\n".join(lines)}
    if request.operation == "DELETE":
        return {"code": 403, "reason": "Forbidden", **status}
    details = {"name": request.name, "group": request.kind.group, "kind": request.kind.name}
    return {"code": 422, "reason": "Invalid", **status, "details": {**details, "causes": list(_causes(shown))}}


def _causes(problems: Iterable[Problem]) -> Iterable[Json]:
    for problem in problems:
        words = f"{problem.what}; {problem.remedy}" if problem.remedy else problem.what
        yield {"reason": "FieldValueInvalid", "field": problem.path, "message": _cut(words, _WORDS)}


def _cut(text: str, limit: int) -> str:
    """Return one line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _short(value: Any) -> str:
    """Show a value of any size and kind in a few characters."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return _cut(json.dumps(value), 60)
