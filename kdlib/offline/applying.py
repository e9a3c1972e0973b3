"""applied(): what client-side `kubectl apply` of a manifest would store, computed without asking anybody.

See https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#how-apply-calculates-differences-and-merges-changes.

Layer: pure.
"""

from collections.abc import Mapping

import orjson

from kdlib.frozen import Json, dig

__all__ = ["LAST_APPLIED", "applied"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation in which client-side kubectl keeps the manifest that it applied last."""


def applied(written: Json, live: Json | None) -> Json:
    """Return the object as it would be stored if the manifest were applied to what is there.

    Lists are taken whole, as for every custom kind. A field that the manifest does not say stays as it is, unless the
    manifest that was applied last said it.
    """
    if live is None:
        return {**written, "metadata": {**(written.get("metadata") or {}), "generation": 1}}
    last, stored = _last(live), live["metadata"]
    spec = _merged(last.get("spec"), written.get("spec"), live.get("spec"))
    said = {key: dig(written, "metadata", key) or {} for key in ("labels", "annotations")}
    maps = {key: _merged(dig(last, "metadata", key), value, stored.get(key) or {}) for key, value in said.items()}
    generation = int(stored.get("generation") or 0) + (live.get("spec") != spec)
    metadata = {**stored, **{key: value for key, value in maps.items() if value}, "generation": generation}
    return {**live, "metadata": metadata, "spec": spec}


def _last(live: Json) -> Json:
    """Return the manifest that was applied last; nothing where nobody noted it."""
    try:
        found = orjson.loads(dig(live, "metadata", "annotations", LAST_APPLIED, default="{}"))
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _merged(last: object, written: object, live: object) -> object:
    if not (isinstance(written, Mapping) and isinstance(live, Mapping)):
        return written
    before: Mapping[str, object] = last if isinstance(last, Mapping) else {}
    kept = {key: value for key, value in live.items() if key not in before or key in written}
    said = {key: _merged(before.get(key), value, live.get(key)) for key, value in written.items()}
    return {key: value for key, value in {**kept, **said}.items() if value is not None}
