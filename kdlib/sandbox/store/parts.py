"""Which part of an object an endpoint may change: the spec, the status, or a subresource's few fields.

Layer: pure.
"""

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.resources import Resource
from kdlib.wire import FieldSet

__all__ = ["confined", "owned_nowhere", "spec_changed"]


def confined(resource: Resource, new: Json, live: Json, subresource: str) -> Json:
    """Return the new object with everything that the endpoint may not change as it was."""
    match subresource:
        case "":
            return _with(new, live, "status") if resource.has_status else new
        case "status" if _keeps_metadata(resource):
            metadata = {**live["metadata"], "managedFields": new["metadata"].get("managedFields")}
            return _with({**live, "metadata": metadata}, new, "status")
        case "status":
            return _with_status(resource, new, live)
        case "finalize":
            finalizers = dig(new, "spec", "finalizers", default=[])
            spec = {**(live.get("spec") or {}), "finalizers": finalizers}
            return {**live, "metadata": dict(live["metadata"]), "spec": spec}
        case _:
            return {**new, "metadata": dict(new["metadata"])}


def _keeps_metadata(resource: Resource) -> bool:
    """Tell whether the status endpoint leaves all metadata as it is."""
    return resource.is_custom or resource.kind.name == "CustomResourceDefinition"


def _with(obj: Json, other: Json, part: str) -> Json:
    """Return the object with one part taken from another."""
    if part in other:
        return {**obj, part: other[part]}
    return {name: value for name, value in obj.items() if name != part}


def _with_status(resource: Resource, new: Json, live: Json) -> Json:
    out = _with(new, live, "spec")
    metadata = dict(new["metadata"])
    for field in _KEPT_BY_STATUS.get(resource.kind.name, ()):
        metadata.pop(field, None)
        if field in live["metadata"]:
            metadata[field] = live["metadata"][field]
    return {**out, "metadata": metadata}


_KEPT_BY_STATUS = {
    "Deployment": ("labels",),
    "Pod": ("deletionTimestamp", "ownerReferences"),
    "PersistentVolumeClaim": (),
}


def owned_nowhere(resource: Resource, subresource: str) -> FieldSet:
    """Return the fields that nobody comes to own by writing to the endpoint, because it resets them."""
    if subresource == "status":
        resets: FieldSet = {"f:spec": {}}
        if _keeps_metadata(resource):
            resets["f:metadata"] = {}
        for field in _KEPT_BY_STATUS.get(resource.kind.name, ()):
            resets["f:metadata"] = {**resets.get("f:metadata", {}), f"f:{field}": {}}
        return resets
    return {"f:status": {}} if resource.has_status and not subresource else {}


def spec_changed(resource: Resource, new: Json, old: Json) -> bool:
    """Tell whether an update counts as a new generation."""
    if resource.is_custom or resource.behaviour.generation_of_all:
        aside = {"metadata", "status"} if resource.has_status else {"metadata"}
        return {k: v for k, v in new.items() if k not in aside} != {k: v for k, v in old.items() if k not in aside}
    if new.get("spec") != old.get("spec"):
        return True
    if resource.kind.name == "Deployment":
        return (new["metadata"].get("annotations") or {}) != (old["metadata"].get("annotations") or {})
    return False
