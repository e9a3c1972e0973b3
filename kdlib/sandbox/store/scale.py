"""The scale subresource: the replica count of a workload, read and written apart from the rest.

See https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/scale-v1/.

Layer: shell.
"""

from typing import Any

from kdlib.frozen import Json, copied, dig
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.draft import Draft
from kdlib.sandbox.store.faults import bad_request, conflict, invalid, invalid_value, not_found
from kdlib.sandbox.store.options import WriteOptions
from kdlib.sandbox.store.patching import patched_json
from kdlib.sandbox.store.resources import Resource
from kdlib.sandbox.store.target import Patch, Target
from kdlib.sandbox.store.updating import MODIFIED
from kdlib.wire import APPLY, Kind, Writer, from_label_selector, updated

__all__ = ["begin_scale", "scale_of"]

_API_VERSION, _KIND = "autoscaling/v1", "Scale"
_BUILTIN_PATHS = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(resource: Resource, obj: Json) -> Json:
    """Return the Scale of a workload."""
    paths = _paths(resource)
    metadata = {field: obj["metadata"][field] for field in _SHOWN if field in obj["metadata"]}
    replicas = dig(obj, *_steps(paths["specReplicasPath"]), default=0)
    spec: Json = {"replicas": replicas} if replicas else {}
    status: Json = {"replicas": dig(obj, *_steps(paths["statusReplicasPath"]), default=0)}
    selector = _selector(resource, obj, paths)
    if selector:
        status["selector"] = selector
    return {"kind": _KIND, "apiVersion": _API_VERSION, "metadata": metadata, "spec": spec, "status": status}


def _paths(resource: Resource) -> Json:
    return _BUILTIN_PATHS if resource.custom is None else resource.custom.scale or _BUILTIN_PATHS


def _steps(path: str) -> list[str]:
    return [step for step in path.split(".") if step]


def _selector(resource: Resource, obj: Json, paths: Json) -> str:
    if resource.custom is not None:
        path = paths.get("labelSelectorPath")
        return str(dig(obj, *_steps(path), default="")) if path else ""
    return str(from_label_selector(dig(obj, "spec", "selector", default={})))


def begin_scale(core: Core, target: Target, sent: Patch | Any, options: WriteOptions) -> Draft:
    """Read an update (a Scale) or a patch of the scale, as the draft of an update of the workload."""
    resource = target.resource
    live = core.live(resource, *target.key)
    if live is None:
        raise not_found(resource.kind, target.name)
    scale = _patched(resource, live, sent) if isinstance(sent, Patch) else sent
    if not isinstance(scale, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is no object")
    replicas = dig(scale, "spec", "replicas", default=0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
    if replicas < 0:
        error = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid(Kind(_API_VERSION, _KIND, resource.kind.plural), target.name, [error])
    version = dig(scale, "metadata", "resourceVersion", default="")
    if version and version != live["metadata"]["resourceVersion"]:
        raise conflict(resource.kind, target.name, MODIFIED)
    return _draft(target, live, (replicas, options))


def _patched(resource: Resource, live: Json, patch: Patch) -> Json:
    if patch.content_type == APPLY:
        return dict(patch.body) if isinstance(patch.body, dict) else {}
    return patched_json(resource, scale_of(resource, live), patch)


def _draft(target: Target, live: Json, wanted: tuple[int, WriteOptions]) -> Draft:
    replicas, options = wanted
    new: Json = copied(live)
    steps = _steps(_paths(target.resource)["specReplicasPath"])
    place = new
    for step in steps[:-1]:
        place = place.setdefault(step, {})
    place[steps[-1]] = replicas
    # The reference server notes no time for what is written through the scale.
    writer = Writer(options.manager or "unknown", target.resource.kind.api_version, "", "scale")
    entries = updated(target.resource.schema, live, new, writer)
    if entries:
        new["metadata"]["managedFields"] = entries
    return Draft(target.resource, target.namespace, target.name, new, live, options, "scale")
