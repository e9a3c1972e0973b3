"""The copy of a manifest that `kubectl apply` leaves in an annotation: no secret value stays in it.

Layer: pure.
"""

import json
from collections.abc import Iterator
from typing import Any

from kdlib.frozen import Json, dig

__all__ = ["copy_without_secrets"]

_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
_PATH = "/metadata/annotations/" + _ANNOTATION.replace("/", "~1")


def copy_without_secrets(new: Json) -> Iterator[Json]:
    """CL-M-09: take the clear values of secret keys out of the copy that client-side apply keeps of the manifest.

    kubectl compares lists of custom kinds as a whole, so it finds the same changes without them.
    """
    text = dig(new, "metadata", "annotations", _ANNOTATION)
    if not isinstance(text, str) or '"secretKeys"' not in text:
        return
    try:
        copied = json.loads(text)
        taken = [item.pop("value", None) for item in _secret_keys(copied)]
        if any(value is not None for value in taken):
            safe = json.dumps(copied, ensure_ascii=False, separators=(",", ":")) + "\n"
            yield {"op": "replace", "path": _PATH, "value": safe}
    except (ValueError, RecursionError):
        # kubectl wrote no such text, and could not read it either.
        return


def _secret_keys(copied: Any) -> Iterator[dict[str, Any]]:
    for role in _items(_field(_field(copied, "spec"), "roles")):
        yield from (item for item in _items(_field(role, "secretKeys")) if isinstance(item, dict))


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
