"""The way from kubectl's client-side apply to server-side apply, without conflicts with one's own past.

`kubectl apply` on the client's side notes what it applied in an annotation. A server-side apply by `kubectl` may take
over fields that the annotation says were applied and that nobody changed since, and keeps the annotation up to date.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply.

Layer: pure.
"""

from typing import Any

import orjson

from kdlib.frozen import Json
from kdlib.wire.elements import ShapeError
from kdlib.wire.fieldset import FieldSet, difference, is_member
from kdlib.wire.ownership import ApplyConflictError, Writer, applied
from kdlib.wire.schema import Schema
from kdlib.wire.typed import compare, field_set

__all__ = ["KUBECTL", "applied_by_kubectl"]

KUBECTL = "kubectl"
"""The field manager that is treated so."""

_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def applied_by_kubectl(
    schema: Schema, live: Json | None, intent: Json, writer: Writer, *, force: bool
) -> tuple[Json, list[Json]]:
    """Apply as `applied` does, with conflicts with kubectl's own earlier client-side applies let pass.

    Raises ShapeError and ApplyConflictError.
    """
    try:
        new, entries = applied(schema, live, intent, writer, force=force)
    except ApplyConflictError as error:
        allowed = _allowed(schema, live or {})
        rest = [conflict for conflict in error.conflicts if not _has(allowed, conflict.path)]
        if rest:
            raise ApplyConflictError(rest) from error
        new, entries = applied(schema, live, intent, writer, force=True)
    return _noted(new, intent), entries


def _annotations(obj: Json) -> Json:
    return (obj.get("metadata") or {}).get("annotations") or {}


def _allowed(schema: Schema, live: Json) -> FieldSet:
    """Return the fields that the annotation says were applied, and that still have the values it says."""
    text = _annotations(live).get(_ANNOTATION)
    if not text:
        return {}
    try:
        last: Any = orjson.loads(text)
        if not isinstance(last, dict) or last.get("apiVersion") != live.get("apiVersion"):
            return {}
        found = compare(schema, last, live)
        fields = field_set(schema, last)
    except (orjson.JSONDecodeError, ShapeError):
        return {}
    for changed in (found.modified, found.added, found.removed):
        fields = difference(fields, changed)
    return fields


def _has(fields: FieldSet, path: tuple[str, ...]) -> bool:
    node = fields
    for step in path:
        if step not in node:
            return False
        node = node[step]
    return is_member(node)


def _noted(new: Json, intent: Json) -> Json:
    """Return the object with its annotation brought up to date, where it has one."""
    if not _annotations(new).get(_ANNOTATION):
        return new
    metadata = intent.get("metadata") or {}
    annotations = {key: value for key, value in _annotations(intent).items() if key != _ANNOTATION}
    said = {**metadata, "annotations": annotations} if annotations else dict(metadata)
    if not annotations:
        said.pop("annotations", None)
    text = orjson.dumps({**intent, "metadata": said}, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    return {**new, "metadata": {**new["metadata"], "annotations": {**_annotations(new), _ANNOTATION: text}}}
