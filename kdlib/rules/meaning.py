"""What an app or a role means, so that two ways to write the same thing are no change (W-10).

Layer: pure.
"""

from typing import Any

from kdlib.frozen import Json, without_nulls
from kdlib.model import AppSpec, ClusterRole, ClusterSpec
from kdlib.rules.quantities import amount

__all__ = ["app_meaning", "role_meaning", "spec_meaning"]

_AMOUNTS = frozenset({"limits", "requests", "minResources"})
_SIZES = frozenset({"size", "sharedMemory"})
_TEXTS = frozenset(
    {
        "affinity",
        "configMeta",
        "env",
        "label",
        "nodeSelector",
        "podAnnotations",
        "podLabels",
        "secretKeys",
        "serviceAnnotations",
        "serviceLabels",
        "topologySpreadConstraints",
    }
)
"""Fields inside of which a text is a text, whatever it looks like."""


def app_meaning(app: AppSpec) -> Json:
    """Return what an app means, its defaults filled in; a copy that was applied has lost its nulls."""
    return _meaning(app.model_dump(by_alias=True, exclude_defaults=True, mode="json"))


def role_meaning(role: ClusterRole) -> Json:
    """Return what a role of a cluster means, by field of the API."""
    return _meaning(role.model_dump(by_alias=True, exclude_defaults=True, mode="json"))


def spec_meaning(spec: ClusterSpec) -> Json:
    """Return what a cluster's spec means, by field of the API."""
    return _meaning(spec.model_dump(by_alias=True, exclude_defaults=True, mode="json"))


def _meaning(value: Json) -> Json:
    fields = {key: _field(key, item) for key, item in value.items()}
    return {key: item for key, item in fields.items() if item not in (None, {})}


def _field(key: str, value: Any) -> Any:
    if key in _TEXTS:
        return without_nulls(value)
    if key in _AMOUNTS and isinstance(value, dict):
        return {name: _amount(text) for name, text in value.items()}
    if key in _SIZES:
        return _amount(value)
    match value:
        case dict():
            return _meaning(value)
        case list():
            return [_meaning(item) if isinstance(item, dict) else item for item in value]
        case _:
            return value


def _amount(text: Any) -> Any:
    value = amount(text) if isinstance(text, str) else None
    return text if value is None else str(value)
