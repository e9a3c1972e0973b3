"""Update: optimistic concurrency, what an endpoint may change, the generation, and finalizers that were waited for.

Layer: shell.
"""

from typing import Any

from kdlib.errors import ApiError
from kdlib.frozen import Json
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.creating import begin_create
from kdlib.sandbox.store.draft import Draft
from kdlib.sandbox.store.faults import conflict, invalid, not_found, version_missing
from kdlib.sandbox.store.intake import check_place, read_body
from kdlib.sandbox.store.metadata import finalizer_warnings, update_errors
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.parts import confined, owned_nowhere, spec_changed
from kdlib.sandbox.store.resources import Resource
from kdlib.sandbox.store.target import Target
from kdlib.wire import Writer, updated

__all__ = ["MODIFIED", "StaleError", "begin_update", "commit_update", "drafted", "settle_update"]

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class StaleError(Exception):
    """The object changed between the draft and its commit."""


def begin_update(core: Core, target: Target, body: Any, options: WriteOptions) -> Draft:
    """Read what is to replace an object; raises ApiError."""
    resource, key = target.resource, target.key
    live = core.live(resource, *key)
    obj, warnings = read_body(resource, body, core.reading(live), options)
    try:
        check_place(resource, obj, *key)
        if live is None:
            return _begin_creation(core, target, (body, obj), options)
        draft = _begin_replacement(core, target, (obj, live), options)
    except ApiError as error:
        error.warnings = tuple(warnings)
        raise
    draft.warnings.extend(warnings)
    return draft


def _begin_creation(core: Core, target: Target, bodies: tuple[Any, Json], options: WriteOptions) -> Draft:
    """Begin to create what is not there, from the body as sent and as read; most kinds refuse that."""
    resource, (body, obj) = target.resource, bodies
    if not resource.behaviour.creates_on_update or target.subresource or obj["metadata"].get("uid"):
        raise not_found(resource.kind, target.key[1])
    draft = begin_create(core, target, body, options)
    # A version says nothing of an object that is gone.
    draft.new["metadata"].pop("resourceVersion", None)
    return draft


def _begin_replacement(core: Core, target: Target, pair: tuple[Json, Json], options: WriteOptions) -> Draft:
    """Begin to replace the stored object by the one that was read."""
    resource, key, (obj, live) = target.resource, target.key, pair
    metadata = obj["metadata"]
    if metadata.get("uid") and metadata["uid"] != live["metadata"]["uid"]:
        path = f"/registry/{resource.storage}/{'/'.join(part for part in key if part)}"
        what = (
            f"StorageError: invalid object, Code: 4, Key: {path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition"
            f" failed: UID in precondition: {metadata['uid']}, UID in object meta: {live['metadata']['uid']}"
        )
        raise conflict(resource.kind, key[1], what)
    if resource.behaviour.needs_version and not metadata.get("resourceVersion"):
        raise version_missing(resource.kind, key[1])
    return drafted(core, target, pair, options)


def drafted(
    core: Core, target: Target, pair: tuple[Json, Json], options: WriteOptions, *, entries: list[Json] | None = None
) -> Draft:
    """Make the draft of an update from the new and the stored object.

    `entries` are the new `managedFields` where they are known already (apply). Raises a 409 for a stale version.
    """
    obj, live = pair
    resource, subresource = target.resource, target.subresource
    metadata, stored = obj["metadata"], live["metadata"]
    if metadata.get("resourceVersion", stored["resourceVersion"]) != stored["resourceVersion"]:
        raise conflict(resource.kind, stored["name"], MODIFIED)
    metadata["resourceVersion"] = stored["resourceVersion"]
    new = confined(resource, obj, live, subresource)
    if entries is None:
        writer = Writer(
            options.manager or "unknown",
            resource.kind.api_version,
            core.stamp(),
            subresource,
            owned_nowhere(resource, subresource),
        )
        entries = updated(resource.schema, live, new, writer)
    if entries:
        new["metadata"]["managedFields"] = entries
    else:
        new["metadata"].pop("managedFields", None)
    return Draft(resource, target.namespace, stored["name"], new, live, options, subresource)


def settle_update(draft: Draft) -> None:
    """Keep what only the server sets, count the generation, and check; raises ApiError 422."""
    resource, new, old = draft.resource, draft.new, draft.old or {}
    metadata, stored = new["metadata"], old["metadata"]
    metadata.setdefault("uid", stored["uid"])
    metadata["creationTimestamp"] = stored["creationTimestamp"]
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        if field in stored:
            metadata[field] = stored[field]
        else:
            metadata.pop(field, None)
    metadata.pop("generation", None)
    if "generation" in stored:
        counts = draft.subresource != "status" and spec_changed(resource, new, old)
        metadata["generation"] = stored["generation"] + counts
    custom, again = resource.is_custom, resource.behaviour.checks_metadata_again
    errors = update_errors(resource.kind, metadata, stored, is_custom=custom, is_checked_again=again)
    found = list(resource.behaviour.validate_update(new, old))
    errors += [error for error in found if not error.is_tolerated]
    draft.warnings.extend(str(error) for error in found if error.is_tolerated)
    if errors:
        raise invalid(resource.invalid_kind, draft.name, errors)
    if custom:
        draft.warnings.extend(finalizer_warnings(metadata))


def commit_update(core: Core, draft: Draft) -> Json:
    """Store the new object unless nothing changed; remove it where its last finalizer is gone.

    Raises StaleError where the stored object is no longer the one that the draft was made for.
    """
    resource, old = draft.resource, draft.old or {}
    current = core.shelves.get(resource.storage, draft.key)
    if current is None or current["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
        raise StaleError
    new = draft.new
    for complete in core.completions.get(resource.storage, ()):
        new = complete(new, old)
    if _is_same(new, old):
        return old
    if draft.options.dry_run:
        return new
    metadata = new["metadata"]
    stored = resource.stored(new)
    if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and _is_due(resource, new):
        core.shelves.take(resource.storage, draft.key)
        return new
    return resource.shown(core.shelves.put(resource.storage, draft.key, stored))


def _is_due(resource: Resource, obj: Json) -> bool:
    """Tell whether nothing but finalizers held the object back."""
    if resource.kind.name == "Namespace" and not resource.kind.group:
        return not (obj.get("spec") or {}).get("finalizers")
    return not obj["metadata"].get("deletionGracePeriodSeconds")


def _is_same(new: Json, old: Json) -> bool:
    """Tell whether nothing changed; times of managed fields alone do not count."""
    if new == old:
        return True
    mine, theirs = new["metadata"], old["metadata"]
    return (
        {**new, "metadata": None} == {**old, "metadata": None}
        and {**mine, "managedFields": None} == {**theirs, "managedFields": None}
        and _timeless(mine) == _timeless(theirs)
    )


def _timeless(metadata: Json) -> list[Json]:
    return [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in metadata.get("managedFields") or ()
    ]
