"""AdmissionReview: what a webhook is sent, and what its answer means.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response.

Layer: pure.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any

import orjson

from kdlib.errors import ApiError, from_status
from kdlib.frozen import Json
from kdlib.sandbox.store.webhooks.attributes import Attributes
from kdlib.sandbox.store.webhooks.matching import Hook
from kdlib.wire import Kind

__all__ = ["Verdict", "WebhookError", "admission_review", "verdict_of"]

_VERSION = "admission.k8s.io/v1"
_SCALE = Kind("autoscaling/v1", "Scale")


class WebhookError(Exception):
    """A webhook could not be asked, or gave no answer that makes sense."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a webhook says: a refusal or none, the patch that it wants, warnings."""

    refusal: ApiError | None = None
    patch: list[Json] | None = None
    warnings: tuple[str, ...] = ()


def admission_review(hook: Hook, asked: Attributes, uid: str) -> Json:
    """Return the review that a webhook is sent, the objects in the version that it asks for."""
    target = asked.target
    resource = hook.resource or target.resource
    request: Json = {
        "uid": uid,
        "kind": _kind(_SCALE if target.subresource == "scale" else resource.kind),
        "resource": _resource(resource.kind),
        "requestKind": _kind(_SCALE if target.subresource == "scale" else target.resource.kind),
        "requestResource": _resource(target.resource.kind),
    }
    if target.subresource:
        request.update(subResource=target.subresource, requestSubResource=target.subresource)
    if target.name:
        request["name"] = target.name
    if target.namespace:
        request["namespace"] = target.namespace
    request.update(
        operation=asked.operation,
        userInfo={"username": asked.caller.name, "groups": list(asked.caller.groups)},
        object=_shown(hook, asked, asked.new),
        oldObject=_shown(hook, asked, asked.old),
        dryRun=asked.dry_run,
        options=asked.options or None,
    )
    return {"kind": "AdmissionReview", "apiVersion": _VERSION, "request": request}


def _kind(kind: Kind) -> Json:
    return {"group": kind.group, "version": kind.version, "kind": kind.name}


def _resource(kind: Kind) -> Json:
    return {"group": kind.group, "version": kind.version, "resource": kind.plural}


def _shown(hook: Hook, asked: Attributes, obj: Json | None) -> Json | None:
    own, wanted = asked.target.resource, hook.resource
    if obj is None or wanted is None or wanted is own:
        return obj
    return wanted.shown(own.stored(obj))


def verdict_of(hook: Hook, review: Any, uid: str, *, mutating: bool) -> Verdict:
    """Return what an answer means; raises WebhookError for one that makes no sense."""
    response = review.get("response") if isinstance(review, dict) else None
    if not isinstance(response, dict):
        raise WebhookError("webhook response was absent")
    if response.get("uid") != uid:
        raise WebhookError(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
    if review.get("apiVersion") != _VERSION or review.get("kind") != "AdmissionReview":
        found = f"{review.get('apiVersion', '')}, Kind={review.get('kind', '')}"
        raise WebhookError(f"expected webhook response of {_VERSION}, Kind=AdmissionReview, got {found}")
    warnings = tuple(map(str, response.get("warnings") or ()))
    if not response.get("allowed"):
        return Verdict(_refusal(hook.name, response.get("status") or {}), warnings=warnings)
    return Verdict(patch=_patch(response, mutating=mutating), warnings=warnings)


def _patch(response: Json, *, mutating: bool) -> list[Json] | None:
    coded, kind = response.get("patch"), response.get("patchType")
    if not mutating:
        if coded or kind is not None:
            raise WebhookError("validating webhook may not return response.patch")
        return None
    if bool(coded) != (kind is not None):
        have, miss = ("patch", "patchType") if coded else ("patchType", "patch")
        raise WebhookError(f"webhook returned response.{have} but not response.{miss}")
    if not coded:
        return None
    if kind != "JSONPatch":
        raise WebhookError(f'unsupported patch type "{kind}"')
    try:
        found = orjson.loads(b64decode(coded))
    except (Base64Error, ValueError) as error:
        raise WebhookError(f"cannot read response.patch: {error}") from error
    return found if isinstance(found, list) else [found]


def _refusal(name: str, status: Json) -> ApiError:
    """Make the error of a webhook that said no; without a code it is a 400, without a reason it has none."""
    denied = f'admission webhook "{name}" denied the request'
    said = status.get("message") or status.get("reason")
    code = int(status.get("code") or 0)
    return from_status(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            **status,
            "status": "Failure",
            "message": f"{denied}: {said}" if said else f"{denied} without explanation",
            "code": code if code >= 400 else 400,
        }
    )
