"""Fields that are accepted and not acted upon yet, and what nobody holds where there is no webhook.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.model import AppSpec, ClusterSpec

__all__ = ["UNUSED_ROLE_FIELDS", "unheld", "unused_fields"]

UNUSED_SPEC_FIELDS = {"connections": "connections"}
"""Fields of a cluster's spec, by Python and API name; each goes from here when something uses it."""

UNUSED_ROLE_FIELDS = {"file_injections": "fileInjections", "secret_keys": "secretKeys"}
"""The same for a role of a cluster's spec."""

UNUSED_APP_FIELDS = {"systemd_required": "systemdRequired"}
"""The same for an app's spec; their paths start with `app:`."""


def unused_fields(spec: ClusterSpec, app: AppSpec) -> tuple[str, ...]:
    """Return the paths of the fields that were given and change nothing yet."""
    return tuple(_unused(spec, app))


def _unused(spec: ClusterSpec, app: AppSpec) -> Iterator[str]:
    connected = spec.connections.clusters or spec.connections.configmaps or spec.connections.secrets
    if connected:
        yield "spec.connections"
    for index, role in enumerate(spec.roles):
        for name, label in UNUSED_ROLE_FIELDS.items():
            if getattr(role, name):
                yield f"spec.roles[{index}].{label}"
    for name, label in UNUSED_APP_FIELDS.items():
        if getattr(app, name):
            yield f"app: spec.{label}"


def unheld(spec: ClusterSpec) -> tuple[str, ...]:
    """Return what admission alone could have held, in words: rights of the cluster's author, encryption."""
    return tuple(_unheld(spec))


def _unheld(spec: ClusterSpec) -> Iterator[str]:
    for index, role in enumerate(spec.roles):
        path = f"spec.roles[{index}]"
        named = {
            "serviceAccountName": role.service_account_name,
            "secret": role.secret.name if role.secret else None,
            "volumeProjections": ", ".join(item.pvc_name for item in role.volume_projections) or None,
        }
        for field, name in named.items():
            if name:
                yield f"{path}.{field}: nobody checked whether the cluster's author may use {name!r}"
        if any(key.value for key in role.secret_keys):
            yield f"{path}.secretKeys: values are stored in clear"
