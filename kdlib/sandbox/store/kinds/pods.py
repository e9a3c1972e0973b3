"""Pods: defaults of the whole object, what admission adds, and what may change later.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.faults import FieldError, forbidden_field
from kdlib.sandbox.store.kinds.podchecks import pod_spec_errors
from kdlib.sandbox.store.kinds.podspec import containers_of, default_pod_spec
from kdlib.wire import Quantity

__all__ = ["default_pod", "default_pod_status", "pod_errors", "pod_update_errors", "prepare_pod", "quality_class"]

_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def default_pod(pod: Json) -> None:
    """Fill in what every pod shows."""
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    for _, container in containers_of(spec):
        resources = container.get("resources")
        if resources and resources.get("limits"):
            # The requests may be those of the stored object, so they are made anew.
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    default_pod_status(pod)


def default_pod_status(pod: Json) -> None:
    """Fill in what the status of every pod shows."""
    if pod.get("status") is not None:
        pod["status"].setdefault("phase", "Pending")
        _pair_addresses(pod["status"])


def _pair_addresses(status: Json) -> None:
    """Keep the first of several addresses and the one address the same."""
    for one, several in (("podIP", "podIPs"), ("hostIP", "hostIPs")):
        if status.get(one) and not status.get(several):
            status[several] = [{"ip": status[one]}]
        elif status.get(several) and not status.get(one):
            status[one] = status[several][0].get("ip", "")


def prepare_pod(pod: Json) -> None:
    """Give a new pod its first status, and what the usual admission gives it."""
    spec = pod["spec"]
    pod["status"] = {"phase": "Pending", "qosClass": quality_class(spec)}
    spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = spec["serviceAccountName"]
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in _TOLERATED:
        if not any(one.get("key") in {key, None} and one.get("effect") in {"NoExecute", None} for one in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def quality_class(spec: Json) -> str:
    """Return the quality of service class of a pod.

    See https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/.
    """
    sets = [
        (dig(container, "resources", "requests", default={}), dig(container, "resources", "limits", default={}))
        for path, container in containers_of(spec)
        if not path.startswith("ephemeral")
    ]
    considered = ("cpu", "memory")
    if not any(amounts.get(name) for pair in sets for amounts in pair for name in considered):
        return "BestEffort"
    for requests, limits in sets:
        for name in considered:
            if not limits.get(name) or not _same(requests.get(name, limits[name]), limits[name]):
                return "Burstable"
    return "Guaranteed"


def _same(one: str, other: str) -> bool:
    return Quantity.parse(one) == Quantity.parse(other)


def pod_errors(pod: Json) -> Iterator[FieldError]:
    """Yield what is wrong with a pod."""
    yield from pod_spec_errors(pod["spec"], "spec")


_MAY_CHANGE = ("activeDeadlineSeconds", "tolerations", "schedulingGates")
_GRACE = "terminationGracePeriodSeconds"
_IMMUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod_update_errors(new: Json, old: Json) -> Iterator[FieldError]:
    """Yield what an update of a pod may not change."""
    if new["spec"] == old["spec"]:
        return
    yield from pod_spec_errors(new["spec"], "spec")
    changed = [name for name in ("containers", "initContainers") if _count(new, name) != _count(old, name)]
    for name in changed:
        yield forbidden_field(f"spec.{name}", "pod updates may not add or remove containers")
    if changed:
        return
    wanted, had = _fixed(new["spec"]), _fixed(old["spec"])
    if had.get(_GRACE, 0) < 0 and wanted.get(_GRACE) == 1:
        had[_GRACE] = 1
    if wanted != had and not _gives_node(new["spec"], old["spec"]):
        yield forbidden_field("spec", _IMMUTABLE)


def _count(pod: Json, name: str) -> int:
    return len(pod["spec"].get(name) or ())


def _fixed(spec: Json) -> Json:
    out = {name: value for name, value in spec.items() if name not in _MAY_CHANGE}
    for field in ("containers", "initContainers"):
        if field in out:
            out[field] = [{**container, "image": ""} for container in out[field]]
    return out


def _gives_node(new: Json, old: Json) -> bool:
    """Tell whether the one change is the node, which a scheduler in this process may write without a binding."""
    return not old.get("nodeName") and _fixed({**new, "nodeName": ""}) == _fixed({**old, "nodeName": ""})
