"""Evicting a pod: a deletion that its disruption budget must allow.

See https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/.

Layer: shell.
"""

import contextlib
from dataclasses import replace

from kdlib.errors import ApiError, api_error
from kdlib.frozen import Json, dig
from kdlib.sandbox.store.allowance import ALLOWANCE, with_allowance
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.deleting import begin_delete, commit_delete
from kdlib.sandbox.store.faults import bad_request, not_found
from kdlib.sandbox.store.intake import check_builtin_kind
from kdlib.sandbox.store.options import Caller, DeleteOptions, delete_options
from kdlib.sandbox.store.resources import Resource
from kdlib.sandbox.store.target import Target
from kdlib.wire import POD_DISRUPTION_BUDGET, Kind, Request, SelectorError, from_label_selector

__all__ = ["evict", "eviction_of"]

_EVICTION = Kind("policy/v1", "Eviction")
_REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_PROCESSING_SECONDS = 10
_TARGET = "DisruptionTarget"


def eviction_of(target: Target, request: Request, caller: Caller) -> DeleteOptions:
    """Return how a `policy/v1 Eviction` wants its pod deleted; raises ApiError 400 for a body that is none."""
    body = request.body
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is no object")
    check_builtin_kind(_EVICTION, body)
    if dig(body, "metadata", "namespace", default=target.namespace) != target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if dig(body, "metadata", "name") != target.name:
        raise bad_request("name in URL does not match name in Eviction object")
    options = delete_options({}, body.get("deleteOptions"), caller)
    return replace(options, dry_run=options.dry_run or request.query.get("dryRun") == "All")


def evict(core: Core, target: Target, options: DeleteOptions) -> Json:
    """Delete a pod where its budget allows it; return the Status.

    Raises ApiError: 429 for a budget that does not, 500 for two budgets.
    """
    pod = core.live(target.resource, *target.key)
    if pod is None:
        raise not_found(target.resource.kind, target.name)
    begin_delete(core, target.resource, target.key, options)
    budgets = [] if _is_unguarded(pod) else _budgets_of(core, pod)
    if len(budgets) > 1:
        raise api_error(500, "", _SEVERAL)
    for resource, budget in budgets:
        if not _spares(budget, pod):
            counted = _counted(core, budget, target.name)
            if not options.dry_run:
                core.shelves.put(resource.storage, (target.namespace, budget["metadata"]["name"]), counted)
    if not options.dry_run:
        core.shelves.put(target.resource.storage, target.key, _marked(core, pod))
        # The preconditions held for the pod as it was; the mark is a new version of it.
        options = replace(options, version="")
    commit_delete(core, begin_delete(core, target.resource, target.key, options))
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _is_unguarded(pod: Json) -> bool:
    """Tell whether a pod may go whatever its budget says: it does not run yet, or no longer."""
    ended = dig(pod, "status", "phase") in {"Pending", "Succeeded", "Failed"}
    return ended or "deletionTimestamp" in pod["metadata"]


def _budgets_of(core: Core, pod: Json) -> list[tuple[Resource, Json]]:
    resource = core.resources.of(POD_DISRUPTION_BUDGET.api_version, POD_DISRUPTION_BUDGET.name)
    if resource is None:
        return []
    budgets = core.shelves.objects(resource.storage).items()
    place = pod["metadata"]["namespace"]
    return [(resource, each) for (namespace, _), each in budgets if namespace == place and _guards(each, pod)]


def _guards(budget: Json, pod: Json) -> bool:
    # A selector that cannot be read selects nothing.
    with contextlib.suppress(SelectorError):
        return from_label_selector(budget["spec"].get("selector")).matches(pod["metadata"].get("labels"))
    return False


def _spares(budget: Json, pod: Json) -> bool:
    """Tell whether the eviction takes nothing from the budget: the pod is not ready, and so does not count for it."""
    conditions = dig(pod, "status", "conditions", default=[])
    if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
        return False
    healthy, desired = budget["status"].get("currentHealthy", 0), budget["status"].get("desiredHealthy", 0)
    return bool(budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow" or healthy >= desired > 0)


def _counted(core: Core, budget: Json, pod: str) -> Json:
    """Return the budget with one disruption less to give; raises a 429 where none is left."""
    metadata, status = budget["metadata"], budget["status"]
    if status.get("observedGeneration", 0) < metadata.get("generation", 1):
        what = f"The disruption budget {metadata['name']} is still being processed by the server."
        raise _refused(what, _PROCESSING_SECONDS)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        raise _refused(_reason(metadata["name"], status), 0)
    now = core.stamp()
    disrupted = {**(status.get("disruptedPods") or {}), pod: now}
    return {**budget, "status": {**with_allowance(status, allowed - 1, now), "disruptedPods": disrupted}}


def _reason(name: str, status: Json) -> str:
    for each in status.get("conditions") or ():
        if each["type"] == ALLOWANCE and each.get("reason") == "SyncFailed":
            what = "does not allow evicting pods currently because it failed sync"
            return f"The disruption budget {name} {what}: {each.get('message', '')}"
    healthy, desired = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    return f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"


def _refused(what: str, retry_seconds: int) -> ApiError:
    details: Json = {"causes": [{"reason": "DisruptionBudget", "message": what}]}
    if retry_seconds:
        details["retryAfterSeconds"] = retry_seconds
    return api_error(429, "TooManyRequests", _REFUSAL, details=details)


def _marked(core: Core, pod: Json) -> Json:
    """Return the pod with the condition that tells why it goes."""
    condition = {
        "type": _TARGET,
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
        "lastTransitionTime": core.stamp(),
    }
    others = [each for each in dig(pod, "status", "conditions", default=[]) if each["type"] != _TARGET]
    return {**pod, "status": {**(pod.get("status") or {}), "conditions": [*others, condition]}}
