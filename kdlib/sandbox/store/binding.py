"""Giving a pod its node: a create below a pod.

Layer: shell.
"""

from typing import Any

from kdlib.errors import ApiError, api_error
from kdlib.frozen import Json, dig
from kdlib.sandbox.store.core import Core
from kdlib.sandbox.store.faults import bad_request, not_found
from kdlib.sandbox.store.target import Target

__all__ = ["bind"]


def bind(core: Core, target: Target, body: Any, *, dry_run: bool = False) -> Json:
    """Give a pod the node that a `v1/Binding` names; return the Status. Raises a 409 where it has one."""
    live = core.live(target.resource, *target.key)
    if live is None:
        raise not_found(target.resource.kind, target.name)
    node = dig(body, "target", "name", default="") if isinstance(body, dict) else ""
    if not node:
        raise bad_request('Binding "" is invalid: target.name: Required value')
    problem = ""
    if live["metadata"].get("deletionTimestamp"):
        problem = f"pod {target.name} is being deleted, cannot be assigned to a host"
    elif dig(live, "spec", "nodeName"):
        problem = f'pod {target.name} is already assigned to node "{live["spec"]["nodeName"]}"'
    if problem:
        raise _refused(target, problem)
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": core.stamp()}
    others = [one for one in dig(live, "status", "conditions", default=[]) if one.get("type") != "PodScheduled"]
    status = {**(live.get("status") or {}), "conditions": [*others, condition]}
    if not dry_run:
        bound = {**live, "spec": {**live["spec"], "nodeName": node}, "status": status}
        core.shelves.put(target.resource.storage, target.key, bound)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _refused(target: Target, problem: str) -> ApiError:
    message = f'Operation cannot be fulfilled on pods/binding "{target.name}": {problem}'
    return api_error(409, "Conflict", message, details={"name": target.name, "kind": "pods/binding"})
