"""Objects without their secret values, for reports and messages (law 7).

Layer: pure.
"""

from typing import Any

from kdlib.frozen import Json
from kdlib.names import ANNOTATION_PREFIX

__all__ = ["without_secrets"]

WITHHELD = "(withheld)"

_FIELDS = frozenset(
    {
        "authToken",
        "formerEncryptionKeys",
        "masterEncryptionKey",
        f"{ANNOTATION_PREFIX}kd-auth-token",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
"""Fields and annotations that hold a secret, wherever they stand."""


def without_secrets(value: Any) -> Any:
    """Return a JSON value in which keys, tokens, clear values and the data of Secrets are withheld."""
    match value:
        case dict():
            return _object(value)
        case list() | tuple():
            return [without_secrets(item) for item in value]
        case _:
            return value


def _object(value: Json) -> Json:
    found = {key: WITHHELD if key in _FIELDS else without_secrets(item) for key, item in value.items()}
    if isinstance(value.get("secretKeys"), list):
        found["secretKeys"] = [_named(item) for item in value["secretKeys"]]
    if value.get("kind") == "Secret":
        found |= {key: WITHHELD for key in ("data", "stringData") if key in value}
    return found


def _named(item: Any) -> Any:
    """Withhold the clear value of a secret key; its ciphertext is no secret."""
    return {**item, "value": WITHHELD} if isinstance(item, dict) and "value" in item else item
