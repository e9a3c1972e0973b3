"""Where a pod may run, and why it may not, in the words of the Kubernetes scheduler.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/.

Layer: pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.pods import condition
from kdlib.sandbox.controllers.requests import NodeUse, allocatable, host_ports, pod_requests, shortages
from kdlib.wire import Requirement

__all__ = ["Verdict", "choose_node"]

_NOT_HELPFUL = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"
_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}
_NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The node for a pod, or why there is none."""

    node: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Refusal:
    reasons: tuple[str, ...]
    lasting: bool = True
    """False where the node would take the pod if others were gone."""


def choose_node(
    pod: Json, nodes: Sequence[Json], claims: Mapping[str, Json | None], used: Mapping[str, NodeUse]
) -> Verdict:
    """Choose the first node by name that takes the pod.

    `claims` are the pod's claims by name, None where missing; `used` is what each node's pods have taken.
    """
    if not nodes:
        return Verdict(message="no nodes available to schedule pods")
    missing = _claim_problem(claims)
    if missing:
        return Verdict(message=f"0/{len(nodes)} nodes are available: {missing}. not found")
    reasons: Counter[str] = Counter()
    helps: Counter[str] = Counter()
    for node in sorted(nodes, key=lambda each: str(each["metadata"]["name"])):
        refusal = _refusal(pod, node, used.get(node["metadata"]["name"]) or NodeUse())
        if refusal is None:
            return Verdict(node=node["metadata"]["name"])
        reasons.update(refusal.reasons)
        helps[_NOT_HELPFUL if refusal.lasting else _NO_VICTIMS] += 1
    return Verdict(message=_sentence(len(nodes), reasons, helps))


def _sentence(nodes: int, reasons: Counter[str], helps: Counter[str]) -> str:
    available = f"0/{nodes} nodes are available"
    listed, preemption = (", ".join(sorted(f"{n} {why}" for why, n in each.items())) for each in (reasons, helps))
    return f"{available}: {listed}. no new claims to deallocate, preemption: {available}: {preemption}."


def _claim_problem(claims: Mapping[str, Json | None]) -> str:
    for name, claim in sorted(claims.items()):
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if claim["metadata"].get("deletionTimestamp"):
            return f'persistentvolumeclaim "{name}" is being deleted'
    if any(claim and not dig(claim, "spec", "volumeName") for claim in claims.values()):
        return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def _refusal(pod: Json, node: Json, used: NodeUse) -> _Refusal | None:
    """Return why a node does not take a pod; the checks come in the scheduler's order, and the first failing ends."""
    tolerations = pod["spec"].get("tolerations") or ()
    cordoned = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if dig(node, "spec", "unschedulable") and not _tolerated(cordoned, tolerations):
        return _Refusal(("node(s) were unschedulable",))
    if not all(_tolerated(each, tolerations) for each in _hard_taints(node)):
        return _Refusal(("node(s) had untolerated taint(s)",))
    if not _selected(pod, node):
        return _Refusal(("node(s) didn't match Pod's node affinity/selector",))
    if host_ports(pod) & used.ports:
        return _Refusal(("node(s) didn't have free ports for the requested pod ports",), lasting=False)
    return _short(pod, node, used)


def _hard_taints(node: Json) -> list[Json]:
    """Return the taints that keep pods away; a node that is not ready has one more."""
    ready = condition(node, "Ready")
    taints = list(dig(node, "spec", "taints", default=()))
    if ready is None or ready["status"] != "True":
        taints.append(_NOT_READY)
    return [each for each in taints if each.get("effect") in ("NoSchedule", "NoExecute")]


def _short(pod: Json, node: Json, used: NodeUse) -> _Refusal | None:
    asked, given = pod_requests(pod), allocatable(node)
    short = shortages(asked, given, used)
    if not short:
        return None
    reasons = tuple("Too many pods" if name == "pods" else f"Insufficient {name}" for name in short)
    return _Refusal(reasons, lasting=any(asked.get(name, 0) > given.get(name, 0) for name in short))


def _tolerated(taint: Json, tolerations: Sequence[Json]) -> bool:
    return any(_tolerates(each, taint) for each in tolerations)


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _selected(pod: Json, node: Json) -> bool:
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (pod["spec"].get("nodeSelector") or {}).items()):
        return False
    path = ("spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    required = dig(pod, *path)
    if required is None:
        return True
    return any(_term_met(term, node) for term in required.get("nodeSelectorTerms") or ())


def _term_met(term: Json, node: Json) -> bool:
    """Tell whether all requirements of a term hold; a term without any holds for no node."""
    labels = node["metadata"].get("labels") or {}
    fields = {"metadata.name": node["metadata"]["name"]}
    expressions, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not by_field:
        return False
    return all(_requirement_met(each, labels) for each in expressions) and all(
        _requirement_met(each, fields) for each in by_field
    )


def _requirement_met(requirement: Json, have: Mapping[str, str]) -> bool:
    operator = _OPERATORS[requirement["operator"]]
    return Requirement(requirement["key"], operator, tuple(requirement.get("values") or ())).matches(have)
