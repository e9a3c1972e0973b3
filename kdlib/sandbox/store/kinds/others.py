"""Namespaces, Secrets, ConfigMaps, events, RBAC and webhook configurations: defaults and mistakes.

Layer: pure.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError, forbidden_field, invalid_value, required

__all__ = [
    "config_map_errors",
    "data_update_errors",
    "default_endpoints",
    "default_namespace",
    "default_role_binding",
    "default_secret",
    "default_webhooks",
    "lease_errors",
    "prepare_namespace",
    "secret_errors",
    "webhook_errors",
]

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',"
    "  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_MOST_BYTES = 1024 * 1024


def default_namespace(namespace: Json) -> None:
    """Give a namespace the label that bears its name."""
    metadata = namespace["metadata"]
    if metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    namespace.setdefault("status", {}).setdefault("phase", "Active")


def prepare_namespace(namespace: Json) -> None:
    """Give a new namespace its finalizer and its status."""
    metadata = namespace["metadata"]
    metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    finalizers = (namespace.get("spec") or {}).get("finalizers") or []
    namespace["spec"] = {"finalizers": [*finalizers, *({"kubernetes"} - set(finalizers))]}
    namespace["status"] = {"phase": "Active"}


def default_secret(secret: Json) -> None:
    """Give a Secret its type, and put its `stringData` where data belongs."""
    secret.setdefault("type", "Opaque")
    clear = secret.pop("stringData", None)
    if clear:
        coded = {key: b64encode(value.encode()).decode() for key, value in clear.items()}
        secret["data"] = {**(secret.get("data") or {}), **coded}


def secret_errors(secret: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a Secret."""
    data = secret.get("data") or {}
    yield from _key_errors(data)
    size = sum(len(b64decode(value)) for value in data.values())
    if size > _MOST_BYTES:
        yield FieldError("data", "FieldValueTooLong", f"may not be more than {_MOST_BYTES} bytes")
    for key in _NEEDED.get(secret.get("type", ""), ()):
        if key not in data:
            yield required(f"data[{key}]")


_NEEDED = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def lease_errors(lease: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a Lease."""
    spec = lease.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        yield invalid_value("spec.leaseDurationSeconds", duration, "must be greater than 0")
    if transitions is not None and transitions < 0:
        yield invalid_value("spec.leaseTransitions", transitions, "must be greater than or equal to 0")


def config_map_errors(config_map: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a ConfigMap."""
    data, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}
    yield from _key_errors(data)
    for key in sorted(data.keys() & binary.keys()):
        yield invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData")
    size = sum(len(value.encode()) for value in data.values()) + sum(len(b64decode(one)) for one in binary.values())
    if size > _MOST_BYTES:
        yield FieldError("[]", "FieldValueTooLong", f"may not be more than {_MOST_BYTES} bytes")


def _key_errors(data: Json) -> Iterator[FieldError]:
    for key in sorted(data):
        if not _KEY.fullmatch(key):
            yield invalid_value(f"data[{key}]", key, _KEY_RULE)
        elif len(key) > 253:
            yield invalid_value(f"data[{key}]", key, "must be no more than 253 bytes")


def data_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update of a Secret or ConfigMap may not change."""
    yield from (secret_errors if new["kind"] == "Secret" else config_map_errors)(new)
    if new["kind"] == "Secret" and new.get("type") != old.get("type"):
        yield invalid_value("type", new.get("type", ""), "field is immutable")
    if old.get("immutable"):
        if not new.get("immutable"):
            yield forbidden_field("immutable", "field is immutable when `immutable` is set")
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                yield forbidden_field(field, "field is immutable when `immutable` is set")


def default_endpoints(endpoints: Json) -> None:
    """Name the protocol of ports that name none."""
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")
    for port in endpoints.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


_RBAC = "rbac.authorization.k8s.io"


def default_role_binding(binding: Json) -> None:
    """Name the API groups that follow from the kinds."""
    binding.setdefault("roleRef", {}).setdefault("apiGroup", _RBAC)
    if not binding["roleRef"]["apiGroup"]:
        binding["roleRef"]["apiGroup"] = _RBAC
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"} and not subject.get("apiGroup"):
            subject["apiGroup"] = _RBAC


def default_webhooks(configuration: Json) -> None:
    """Fill in what every webhook shows."""
    for webhook in configuration.get("webhooks") or ():
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        if configuration["kind"] == "MutatingWebhookConfiguration":
            webhook.setdefault("reinvocationPolicy", "Never")
        for rule in webhook.get("rules") or ():
            rule.setdefault("scope", "*")
        service = (webhook.get("clientConfig") or {}).get("service")
        if service is not None:
            service.setdefault("port", 443)


def webhook_errors(configuration: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a webhook configuration."""
    names: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        where, name = f"webhooks[{index}]", webhook.get("name", "")
        if name.count(".") < 2:
            what = "should be a domain with at least three segments separated by dots"
            yield invalid_value(f"{where}.name", name, what)
        if name in names:
            yield FieldError(f"{where}.name", "FieldValueDuplicate", "", name)
        names.add(name)
        yield from _call_errors(webhook, where)


def _call_errors(webhook: Json, where: str) -> Iterator[FieldError]:
    if not webhook.get("sideEffects"):
        what = "must specify one of None, NoneOnDryRun"
        yield required(f"{where}.sideEffects", what)
    versions = webhook.get("admissionReviewVersions") or []
    if not versions:
        what = "must specify one of v1, v1beta1"
        yield required(f"{where}.admissionReviewVersions", what)
    client = webhook.get("clientConfig") or {}
    if (client.get("url") is None) == (client.get("service") is None):
        what = "exactly one of url or service is required"
        yield required(f"{where}.clientConfig", what)
    if not 1 <= webhook.get("timeoutSeconds", 10) <= 30:
        what = "the timeout value must be between 1 and 30 seconds"
        yield invalid_value(f"{where}.timeoutSeconds", webhook["timeoutSeconds"], what)
