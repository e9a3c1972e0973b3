"""The registration as documents: which requests the API server asks about, and where.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-configuration.

Layer: pure.
"""

import json
from base64 import b64encode
from collections.abc import Iterable

from kdlib.admission.endpoints import ENDPOINTS, Endpoint
from kdlib.admission.settings import Place, Registration
from kdlib.frozen import Json
from kdlib.wire import Kind

__all__ = ["MUTATING", "VALIDATING", "configurations", "is_registered", "replaced"]

MUTATING = Kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", namespaced=False)
VALIDATING = Kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", namespaced=False)


def configurations(place: Place, authorities: str, registration: Registration, operator: str = "") -> tuple[Json, Json]:
    """Return both configurations; without `authorities` the caBundle is left to somebody else (WH-08).

    Writes to a status are asked about but for those of `operator`, our own username; where that is unknown, not at all.
    No rule has a side effect, so `sideEffects: None` holds for real writes and dry runs alike.
    """

    def client(endpoint: Endpoint) -> Json:
        bundle = {"caBundle": b64encode(authorities.encode()).decode()} if authorities else {}
        return {**place.client(endpoint.path), **bundle}

    mutating = [
        # Asked a second time, the rules would refuse the ciphertexts that they made the first time (CL-V-36).
        {**_webhook(endpoint, endpoint.mutated, client(endpoint), registration), "reinvocationPolicy": "Never"}
        for endpoint in ENDPOINTS
        if endpoint.mutated
    ]
    validating = [
        {**_webhook(endpoint, endpoint.validated, client(endpoint), registration), **_exempt(endpoint, operator)}
        for endpoint in ENDPOINTS
        if endpoint.validated and (operator or not endpoint.subresource)
    ]
    return _configuration(MUTATING, registration, mutating), _configuration(VALIDATING, registration, validating)


def _exempt(endpoint: Endpoint, operator: str) -> Json:
    """Return the condition that spares the operator's own writes to a status: there are many of them."""
    if not endpoint.subresource:
        return {}
    expression = f"request.userInfo.username != {json.dumps(operator)}"
    return {"matchConditions": [{"name": "others-than-the-operator", "expression": expression}]}


def _configuration(kind: Kind, registration: Registration, webhooks: list[Json]) -> Json:
    metadata = {"name": registration.name, "labels": {"app.kubernetes.io/managed-by": "kubedirector"}}
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "webhooks": webhooks}


def _webhook(endpoint: Endpoint, operations: Iterable[str], client: Json, registration: Registration) -> Json:
    kind = endpoint.kind
    rule = {
        "apiGroups": [kind.group],
        "apiVersions": [kind.version],
        "resources": [f"{kind.plural}/{endpoint.subresource}" if endpoint.subresource else kind.plural],
        "operations": list(operations),
        "scope": "Namespaced",
    }
    labelled = [{"key": endpoint.labelled, "operator": "Exists"}] if endpoint.labelled else []
    return {
        "name": endpoint.webhook_name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": client,
        "rules": [rule],
        "failurePolicy": endpoint.failure_policy,
        "matchPolicy": "Equivalent",
        "namespaceSelector": dict(registration.namespaces),
        "objectSelector": {"matchExpressions": labelled} if labelled else {},
        "sideEffects": "None",
        "timeoutSeconds": registration.timeout_seconds,
    }


def is_registered(wanted: Json, found: Json | None) -> bool:
    """Tell whether a configuration that was read says what is wanted, and nothing that narrows or widens it."""
    if found is None:
        return False
    webhooks = {str(webhook.get("name")): webhook for webhook in found.get("webhooks") or ()}
    names = {webhook["name"] for webhook in wanted["webhooks"]}
    labels = found["metadata"].get("labels") or {}
    return (
        webhooks.keys() == names
        and wanted["metadata"]["labels"].items() <= labels.items()
        and all(_says(webhook, webhooks[webhook["name"]]) for webhook in wanted["webhooks"])
    )


def replaced(wanted: Json, found: Json) -> list[Json]:
    """Return the webhooks of a configuration as they are to be written whole; a caBundle of somebody else is kept."""
    kept = {
        str(item.get("name")): (item.get("clientConfig") or {}).get("caBundle") for item in found.get("webhooks") or ()
    }
    webhooks = []
    for webhook in wanted["webhooks"]:
        bundle = kept.get(webhook["name"])
        client = {**({"caBundle": bundle} if bundle else {}), **webhook["clientConfig"]}
        webhooks.append({**webhook, "clientConfig": client})
    return webhooks


def _says(wanted: Json, found: Json) -> bool:
    """Tell whether a webhook is exactly as wanted, but for a caBundle that is left to somebody else."""
    client = dict(found.get("clientConfig") or {})
    if "caBundle" not in wanted["clientConfig"]:
        client.pop("caBundle", None)
    return {**found, "clientConfig": client} == wanted
