"""Is what was intended contained in what is there? What the server added of itself is no difference.

Compares as the API server would: quantities by amount, list maps by their keys, empty values as absent. Which lists
are maps is told by field names, since the same names mean the same all over the Kubernetes API; other lists are
compared item by item. See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy.

Layer: pure.
"""

from typing import Any

from kdlib.wire import Quantity, QuantityError

__all__ = ["contained"]

_KEYS: dict[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port", "protocol"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_KEY_DEFAULTS = {"protocol": "TCP"}
_SETS = frozenset({"finalizers"})
_QUANTITY_MAPS = frozenset({"capacity", "hard", "limits", "requests"})
_QUANTITIES = frozenset({"sizeLimit"})


def contained(intent: Any, live: Any, field: str = "") -> bool:
    """Tell whether all that is intended is there. `field` is the name of the field that holds both.

    An intended None says nothing; a value that is empty, zero or False equals one that is absent, since servers
    drop such values.
    """
    match intent, live:
        case None, _:
            return True
        case dict(), dict() | None:
            return _map_contained(intent, live or {}, field)
        case list() | tuple(), list() | tuple():
            return _list_contained(list(intent), list(live), field)
        case _, None:
            return not intent
        case _:
            return intent == live or (field in _QUANTITIES and _amount(intent) == _amount(live) is not None)


def _map_contained(intent: dict[str, Any], live: dict[str, Any], field: str) -> bool:
    if field in _QUANTITY_MAPS:
        return all(contained(value, live.get(key), "sizeLimit") for key, value in intent.items())
    return all(value == (there := live.get(key)) or contained(value, there, key) for key, value in intent.items())


def _list_contained(intent: list[Any], live: list[Any], field: str) -> bool:
    if field in _SETS:
        return all(item in live for item in intent)
    keys = _KEYS.get(field)
    if keys and all(isinstance(item, dict) for item in [*intent, *live]):
        return _keyed_contained(intent, live, keys)
    if not intent:
        return True
    return len(intent) == len(live) and all(contained(*pair) for pair in zip(intent, live, strict=True))


def _keyed_contained(intent: list[Any], live: list[Any], keys: tuple[str, ...]) -> bool:
    found = {_key(item, keys): item for item in live}
    return all(contained(item, found.get(_key(item, keys), {})) for item in intent)


def _key(item: dict[str, Any], keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key, _KEY_DEFAULTS.get(key)) for key in keys)


def _amount(text: Any) -> Quantity | None:
    try:
        return Quantity.parse(text)
    except QuantityError:
        return None
