"""Create: metadata that the server gives, the name that it makes, the namespace that must be there.

Layer: shell.
"""

from typing import Any

from kdlib.errors import api_error
from kdlib.frozen import Json, copied, short_digest
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.draft import Draft
from kdlib.sandbox.store.faults import already_exists, forbidden, invalid, not_found
from kdlib.sandbox.store.intake import check_place, read_body
from kdlib.sandbox.store.metadata import finalizer_warnings, metadata_errors
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.resources import Resource
from kdlib.sandbox.store.target import Target
from kdlib.wire import Writer, updated

__all__ = ["begin_create", "check_namespace", "commit_create", "settle_create", "wipe_system_fields"]

_SYSTEM_FIELDS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
_LONGEST_BASE = 58


def begin_create(core: Core, target: Target, body: Any, options: WriteOptions) -> Draft:
    """Read what is to be created, and record who owns its fields."""
    resource, namespace = target.resource, target.namespace
    obj, warnings = read_body(resource, body, core.reading(), options)
    check_place(resource, obj, namespace)
    wipe_system_fields(obj)
    writer = Writer(options.manager or "unknown", resource.kind.api_version, core.stamp(), ignored=_ignored(resource))
    # A time that is shown as null was not written by anybody.
    written = {name: value for name, value in obj.items() if value is not None}
    entries = updated(resource.schema, None, written, writer)
    if entries:
        obj["metadata"]["managedFields"] = entries
    check_namespace(core, resource, obj)
    name = obj["metadata"].get("name", "")
    return Draft(resource, namespace, name, obj, None, options, warnings=warnings)


def _ignored(resource: Resource) -> Json:
    return {"f:status": {}} if resource.has_status else {}


def wipe_system_fields(obj: Json) -> None:
    """Take away what only the server may set."""
    for field in _SYSTEM_FIELDS:
        obj["metadata"].pop(field, None)


def check_namespace(core: Core, resource: Resource, obj: Json) -> None:
    """Raise a 404 where the namespace is not there, a 403 where it is on its way out."""
    if not resource.kind.namespaced:
        return
    metadata = obj["metadata"]
    namespace = metadata["namespace"]
    found = core.shelves.get("namespaces", ("", namespace))
    if found is None:
        of_namespaces = core.resources.at("v1", "namespaces")
        if of_namespaces is not None:
            raise not_found(of_namespaces.kind, namespace)
    elif found["metadata"].get("deletionTimestamp"):
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
        what = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise forbidden(resource.kind, metadata.get("name", ""), what, [cause])


def settle_create(core: Core, draft: Draft) -> None:
    """Give the object what the server gives, and check it; raises ApiError 422."""
    resource, obj = draft.resource, draft.new
    metadata = obj["metadata"]
    if metadata.get("resourceVersion"):
        raise api_error(500, "", "resourceVersion should not be set on objects to be created")
    metadata["uid"] = core.new_uid()
    metadata["creationTimestamp"] = core.stamp()
    if metadata.get("generateName") and not metadata.get("name"):
        metadata["name"] = metadata["generateName"][:_LONGEST_BASE] + short_digest(metadata["uid"])
    draft.name = metadata.get("name", "")
    if resource.has_status and not resource.behaviour.keeps_status:
        obj.pop("status", None)
        if resource.schema.zero.get("status") is not None:
            obj["status"] = copied(resource.schema.zero["status"])
    if resource.behaviour.has_generation:
        metadata["generation"] = 1
    resource.behaviour.prepare(obj)
    errors = [
        *resource.behaviour.validate(obj),
        *metadata_errors(resource.kind, metadata, is_custom=resource.is_custom),
    ]
    if errors:
        raise invalid(resource.invalid_kind, draft.name, errors)
    if resource.is_custom:
        draft.warnings.extend(finalizer_warnings(metadata))


def commit_create(core: Core, draft: Draft) -> Json:
    """Store the object; raises a 409 where the name is taken."""
    resource = draft.resource
    for complete in core.completions.get(resource.storage, ()):
        draft.new = complete(draft.new, None)
    found = core.shelves.get(resource.storage, draft.key)
    if found is not None:
        generated = bool(draft.new["metadata"].get("generateName"))
        leaving = bool(found["metadata"].get("deletionTimestamp"))
        raise already_exists(resource.kind, draft.name, generated=generated, leaving=leaving)
    if draft.options.dry_run:
        return draft.new
    return resource.shown(core.shelves.put(resource.storage, draft.key, resource.stored(draft.new)))
