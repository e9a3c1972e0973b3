"""Patch: the four kinds of patch, each ending in the draft of an update, or of a create where apply finds nothing.

Layer: shell.
"""

from typing import Any

from kdlib.errors import ApiError, api_error
from kdlib.frozen import Json
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.creating import check_namespace, wipe_system_fields
from kdlib.sandbox.store.draft import Draft
from kdlib.sandbox.store.faults import bad_request, conflict, not_found, patch_refused, unsupported_media
from kdlib.sandbox.store.intake import check_place, go_text, read_patched
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.parts import owned_nowhere
from kdlib.sandbox.store.resources import Resource
from kdlib.sandbox.store.target import Patch, Target
from kdlib.sandbox.store.updating import drafted
from kdlib.wire import (
    APPLY,
    JSON_PATCH,
    KUBECTL,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    ApplyConflictError,
    PatchError,
    ShapeError,
    Writer,
    applied,
    applied_by_kubectl,
    json_patch,
    merge_patch,
    strategic_merge_patch,
)

__all__ = ["begin_patch", "patched_json"]

_NO_OBJECT = "json: cannot unmarshal array into Go value of type map[string]interface {}"
_TAKEN = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY)


def begin_patch(core: Core, target: Target, patch: Patch, options: WriteOptions) -> Draft:
    """Read a patch of the object at the key; raises ApiError."""
    if patch.content_type == APPLY:
        return _begin_apply(core, target, patch.body, options)
    resource, key, content_type = target.resource, target.key, patch.content_type
    live = core.live(resource, *key)
    if content_type not in _TAKEN or (content_type == STRATEGIC_MERGE_PATCH and resource.is_custom):
        raise unsupported_media(_TAKEN if not resource.is_custom else (JSON_PATCH, MERGE_PATCH, APPLY))
    if live is None:
        raise not_found(resource.kind, key[1])
    patched = patched_json(resource, live, patch)
    reading = core.reading(live)
    shown = go_text(patch.body) if content_type == STRATEGIC_MERGE_PATCH else ""
    obj, warnings = read_patched(resource, patched, reading, options, shown=shown)
    try:
        check_place(resource, obj, *key)
        draft = drafted(core, target, (obj, live), options)
    except ApiError as error:
        error.warnings = tuple(warnings)
        raise
    draft.warnings.extend(warnings)
    return draft


def patched_json(resource: Resource, live: Json, patch: Patch) -> Json:
    """Return the live object with a patch applied, as JSON that nobody has read yet; raises ApiError."""
    body, content_type = patch.body, patch.content_type
    try:
        if content_type == JSON_PATCH:
            return json_patch(live, body)
        if not isinstance(body, dict):
            raise bad_request(f"error decoding patch: {_NO_OBJECT}")
        if content_type == MERGE_PATCH:
            return dict(merge_patch(live, body))
        return strategic_merge_patch(live, body, resource.schema)
    except PatchError as error:
        if error.is_malformed:
            raise bad_request(str(error)) from error
        if content_type == JSON_PATCH:
            raise patch_refused() from error
        raise bad_request(str(error)) from error


def _begin_apply(core: Core, target: Target, body: Any, options: WriteOptions) -> Draft:
    resource, key, subresource = target.resource, target.key, target.subresource
    live = core.live(resource, *key)
    intent = _intent(resource, body)
    if live is None and subresource:
        raise not_found(resource.kind, key[1])
    api_version = resource.kind.api_version
    resets = owned_nowhere(resource, subresource)
    writer = Writer(options.manager, api_version, core.stamp(), subresource, resets)
    try:
        apply = applied_by_kubectl if options.manager == KUBECTL else applied
        merged, entries = apply(resource.schema, live, intent, writer, force=options.force)
    except ShapeError as error:
        raise _misshapen(resource, intent, str(error)) from error
    except ApplyConflictError as error:
        raise _owned_by_others(error) from error
    obj, warnings = read_patched(resource, merged, core.reading(live), options)
    check_place(resource, obj, *key)
    if live is not None:
        draft = drafted(core, target, (obj, live), options, entries=entries)
        draft.warnings.extend(warnings)
        return draft
    obj["metadata"]["managedFields"] = entries
    draft = _first_apply(core, target, obj, options)
    draft.warnings.extend(warnings)
    return draft


def _first_apply(core: Core, target: Target, obj: Json, options: WriteOptions) -> Draft:
    metadata = obj["metadata"]
    if metadata.get("uid"):
        what = f"uid mismatch: the provided object specified uid {metadata['uid']}, and no existing object was found"
        raise conflict(target.resource.kind, target.name, what)
    wipe_system_fields(obj)
    metadata.pop("resourceVersion", None)
    check_namespace(core, target.resource, obj)
    return Draft(target.resource, target.namespace, target.name, obj, None, options)


def _intent(resource: Resource, body: Any) -> Json:
    if not isinstance(body, dict):
        raise bad_request(f"error decoding YAML: {_NO_OBJECT}")
    api_version = resource.kind.api_version
    if body.get("apiVersion") != api_version or body.get("kind") != resource.kind.name:
        raise bad_request(f"invalid object type: {_kind_text(body.get('apiVersion', ''), body.get('kind', ''))}")
    if (body.get("metadata") or {}).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    return body


def _kind_text(api_version: str, kind: str) -> str:
    """Return a kind as messages show it: `/v1, Kind=Pod`."""
    return f"{api_version if '/' in api_version else '/' + api_version}, Kind={kind}"


def _misshapen(resource: Resource, intent: Json, what: str) -> ApiError:
    kind, metadata = resource.kind, intent.get("metadata") or {}
    named = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {_kind_text(kind.api_version, kind.name)}"
    return api_error(500, "", f"failed to create typed patch object ({named}): {what}")


def _owned_by_others(error: ApplyConflictError) -> ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {conflict.owner}", "field": conflict.field}
        for conflict in error.conflicts
    ]
    return api_error(409, "Conflict", str(error), details={"causes": causes})
