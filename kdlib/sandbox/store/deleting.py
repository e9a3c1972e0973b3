"""Delete: preconditions, the grace of pods, finalizers that must go first, and what is asked of the collector.

See https://kubernetes.io/docs/concepts/architecture/garbage-collection/.

Layer: shell.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.core import Core, stamp
from kdlib.sandbox.store.faults import (
    FieldError,
    forbidden,
    invalid_options,
    invalid_value,
    not_found,
    unmet,
    unsupported,
)
from kdlib.sandbox.store.options import DeleteOptions
from kdlib.sandbox.store.resources import Resource

__all__ = ["Deletion", "begin_delete", "commit_delete", "deletion_body"]

_PROTECTED = frozenset({"default", "kube-system", "kube-public"})
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class Deletion:
    """A deletion that was checked: `marked` is the object with its deletion begun, None where it goes at once."""

    resource: Resource
    key: tuple[str, str]
    old: Json
    options: DeleteOptions
    marked: Json | None = None


def begin_delete(core: Core, resource: Resource, key: tuple[str, str], options: DeleteOptions) -> Deletion:
    """Work out what a deletion comes to; raises ApiError 404, 409 or 422."""
    live = core.live(resource, *key)
    if live is None:
        raise not_found(resource.kind, key[1])
    _check_options(options)
    if resource.storage == "namespaces" and key[1] in _PROTECTED:
        raise forbidden(resource.kind, key[1], "this namespace may not be deleted")
    _check_preconditions(resource, live, options)
    return Deletion(resource, key, live, options, _begun(core, resource, live, options))


def _begun(core: Core, resource: Resource, live: Json, options: DeleteOptions) -> Json | None:
    """Return the object with its deletion begun; None where it goes at once."""
    if resource.storage == "namespaces":
        return _terminating(core, live)
    if resource.behaviour.is_graceful:
        marked = _graceful(core, live, options)
        if marked is not None:
            return marked
    finalizers = _finalizers(live["metadata"], options)
    own = resource.behaviour.deletion_finalizer
    if own and not live["metadata"].get("deletionTimestamp"):
        finalizers = [*(name for name in finalizers if name != own), own]
    return _pending(core, live, finalizers) if finalizers else None


def _check_options(options: DeleteOptions) -> None:
    if options.dry_run_text not in {"", "All"}:
        raise invalid_options("DeleteOptions", [unsupported("dryRun", [options.dry_run_text], ("All",))])
    policies = "Foreground", "Background", "Orphan"
    if options.propagation and options.propagation not in policies:
        what = 'supported values: "Foreground", "Background", "Orphan", "nil"'
        error = FieldError("propagationPolicy", "FieldValueNotSupported", what, options.propagation)
        raise invalid_options("DeleteOptions", [error])
    if options.propagation and options.orphan is not None:
        what = "orphanDependents and deletionPropagation cannot be both set"
        raise invalid_options("DeleteOptions", [invalid_value("propagationPolicy", options.propagation, what)])


def _check_preconditions(resource: Resource, live: Json, options: DeleteOptions) -> None:
    metadata = live["metadata"]
    if options.uid and options.uid != metadata["uid"]:
        what = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({metadata['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise unmet(resource.kind, metadata["name"], what)
    if options.version and options.version != metadata["resourceVersion"]:
        what = (
            f"the ResourceVersion in the precondition ({options.version}) does not match the ResourceVersion in "
            f"record ({metadata['resourceVersion']}). The object might have been modified"
        )
        raise unmet(resource.kind, metadata["name"], what)


def _finalizers(metadata: Json, options: DeleteOptions) -> list[str]:
    """Return the finalizers that hold the object back, with those that the propagation policy asks for."""
    had = metadata.get("finalizers") or []
    kept = [name for name in had if name not in {_ORPHAN, _FOREGROUND}]
    policy = options.propagation or {True: "Orphan", False: "Background", None: ""}[options.orphan]
    asked = {"Orphan": [_ORPHAN], "Foreground": [_FOREGROUND], "Background": []}.get(policy)
    if asked is None:
        asked = [name for name in (_ORPHAN, _FOREGROUND) if name in had]
    return [*kept, *asked]


def _marked(live: Json, **fields: object) -> Json:
    metadata = {**live["metadata"], **fields}
    if "deletionTimestamp" not in live["metadata"] and metadata.get("generation"):
        metadata["generation"] += 1
    return {**live, "metadata": metadata}


def _pending(core: Core, live: Json, finalizers: list[str]) -> Json:
    metadata = live["metadata"]
    when = metadata.get("deletionTimestamp") or core.stamp()
    return _marked(
        live,
        deletionTimestamp=min(when, core.stamp()),
        deletionGracePeriodSeconds=0,
        finalizers=finalizers,
    )


def _terminating(core: Core, live: Json) -> Json | None:
    """Mark a namespace: it goes when its `spec.finalizers` are gone, and nothing can be made in it any more."""
    metadata = live["metadata"]
    if not dig(live, "spec", "finalizers") and not metadata.get("finalizers"):
        return None
    marked = _marked(live, deletionTimestamp=metadata.get("deletionTimestamp") or core.stamp())
    return {**marked, "status": {**(live.get("status") or {}), "phase": "Terminating"}}


def _graceful(core: Core, live: Json, options: DeleteOptions) -> Json | None:
    """Mark a pod that is given time to end; None where it goes at once."""
    metadata = live["metadata"]
    if metadata.get("deletionTimestamp"):
        return _shortened(core, live, options)
    grace = options.grace_seconds
    if grace is None:
        grace = dig(live, "spec", "terminationGracePeriodSeconds", default=30)
    if grace < 0:
        grace = 1
    if not dig(live, "spec", "nodeName") or dig(live, "status", "phase") in {"Failed", "Succeeded"}:
        grace = 0
    if grace == 0:
        return None
    finalizers = _finalizers(metadata, options)
    due = core.clock() + timedelta(seconds=grace)
    more = {"finalizers": finalizers} if finalizers else {}
    return _marked(live, deletionTimestamp=stamp(due), deletionGracePeriodSeconds=grace, **more)


def _shortened(core: Core, live: Json, options: DeleteOptions) -> Json | None:
    """Bring the end of a pod forward, never back."""
    metadata = live["metadata"]
    left, asked = metadata.get("deletionGracePeriodSeconds") or 0, options.grace_seconds
    if not left:
        return None
    if asked is None or asked >= left:
        return live
    if asked <= 0:
        return None
    due = datetime.fromisoformat(metadata["deletionTimestamp"]).astimezone(UTC) - timedelta(seconds=left - asked)
    now = core.clock().astimezone(UTC)
    if due < now:
        due, asked = now, 1
    return _marked(live, deletionTimestamp=stamp(due), deletionGracePeriodSeconds=asked)


def commit_delete(core: Core, deletion: Deletion) -> tuple[Json, bool]:
    """Carry a deletion out; return the object as it is now and whether it is gone."""
    resource, key = deletion.resource, deletion.key
    if deletion.options.dry_run:
        return deletion.marked or deletion.old, deletion.marked is None
    if deletion.marked is None:
        _announce(core, deletion)
        return resource.shown(core.shelves.take(resource.storage, key)), True
    if deletion.marked == deletion.old:
        return deletion.old, False
    return resource.shown(core.shelves.put(resource.storage, key, resource.stored(deletion.marked))), False


def _announce(core: Core, deletion: Deletion) -> None:
    """Store that a pod's time is over before it goes: whoever watches sees a change first, then the end."""
    metadata = deletion.old["metadata"]
    is_told = bool(metadata.get("deletionTimestamp")) and not metadata.get("deletionGracePeriodSeconds")
    if not deletion.resource.behaviour.is_graceful or is_told:
        return
    marked = _marked(deletion.old, deletionTimestamp=core.stamp(), deletionGracePeriodSeconds=0)
    core.shelves.put(deletion.resource.storage, deletion.key, deletion.resource.stored(marked))


def deletion_body(deletion: Deletion, obj: Json, *, is_gone: bool) -> Json:
    """Return what a client gets for its deletion: the object, or a Status for most kinds that are gone."""
    resource = deletion.resource
    if not is_gone or resource.behaviour.returns_deleted:
        return obj
    details: Json = {"name": obj["metadata"]["name"]}
    if resource.kind.group:
        details["group"] = resource.kind.group
    details.update(kind=resource.kind.plural, uid=obj["metadata"]["uid"])
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
