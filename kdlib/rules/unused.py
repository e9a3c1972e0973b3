"""Fields that are accepted and not acted upon yet, and what nobody holds where there is no webhook.

The tables below are the one list of such fields: whoever makes a field work takes it from here.

Layer: pure.
"""

from collections.abc import Iterator, Mapping

from kdlib.model import AppSpec, ClusterSpec, Config, ConfigSpec, SpecPart

__all__ = [
    "UNUSED_APP_FIELDS",
    "UNUSED_CONFIG_FIELDS",
    "UNUSED_ROLE_FIELDS",
    "UNUSED_SPEC_FIELDS",
    "unheld",
    "unused_fields",
]

UNUSED_SPEC_FIELDS: Mapping[str, str] = {}
"""Fields of a cluster's spec, by their names in Python and in the API."""

UNUSED_ROLE_FIELDS: Mapping[str, str] = {}
"""Fields of a role of a cluster's spec."""

UNUSED_APP_FIELDS: Mapping[str, str] = {}
"""Fields of an app's spec."""

UNUSED_CONFIG_FIELDS: Mapping[str, str] = {}
"""Fields of the global config."""


def unused_fields(spec: ClusterSpec, app: AppSpec, config: Config | None) -> tuple[str, ...]:
    """Return the paths of the fields that say something and change nothing yet.

    Those of the app start with `app: `, those of the global config with `config: `.
    """
    settings = (config and config.spec) or ConfigSpec()
    return (
        *_saying(spec, UNUSED_SPEC_FIELDS, "spec."),
        *(
            path
            for index, role in enumerate(spec.roles)
            for path in _saying(role, UNUSED_ROLE_FIELDS, f"spec.roles[{index}].")
        ),
        *_saying(app, UNUSED_APP_FIELDS, "app: spec."),
        *_saying(settings, UNUSED_CONFIG_FIELDS, "config: spec."),
    )


def _saying(part: SpecPart, fields: Mapping[str, str], prefix: str) -> Iterator[str]:
    """Yield the paths of the fields that hold something: not absent, not false, not empty inside."""
    for name, label in fields.items():
        value = getattr(part, name)
        inside = value.dumped() if isinstance(value, SpecPart) else {"": value}
        if any(inside.values()):
            yield f"{prefix}{label}"


def unheld(spec: ClusterSpec) -> tuple[str, ...]:
    """Return what admission alone could have held, in words: the rights of the cluster's author."""
    return tuple(_unheld(spec))


def _unheld(spec: ClusterSpec) -> Iterator[str]:
    for field in ("clusters", "configmaps", "secrets"):
        connected = ", ".join(getattr(spec.connections, field))
        if connected:
            yield f"spec.connections.{field}: nobody checked whether the cluster's author may read {connected!r}"
    for index, role in enumerate(spec.roles):
        path = f"spec.roles[{index}]"
        named = {
            "serviceAccountName": role.service_account_name,
            "imagePullSecrets": ", ".join(item.name for item in role.image_pull_secrets) or None,
            "secret": role.secret.name if role.secret else None,
            "volumeProjections": ", ".join(item.pvc_name for item in role.volume_projections) or None,
        }
        for field, name in named.items():
            if name:
                yield f"{path}.{field}: nobody checked whether the cluster's author may use {name!r}"
