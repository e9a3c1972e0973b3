"""Where a pod may run, and why it may not, in the words of the Kubernetes scheduler.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/.

Layer: pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kdlib.frozen import Json, dig
from kdlib.sandbox.controllers.pods import condition
from kdlib.wire import Requirement

__all__ = ["Verdict", "choose_node"]

_NO_PREEMPTION = "Preemption is not helpful for scheduling"
_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!", "Gt": "gt", "Lt": "lt"}
_NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The node for a pod, or why there is none."""

    node: str = ""
    message: str = ""


def choose_node(pod: Json, nodes: Sequence[Json], claims: Mapping[str, Json | None]) -> Verdict:
    """Choose the first node by name that takes the pod; `claims` are the pod's claims by name, None where missing."""
    if not nodes:
        return Verdict(message="no nodes available to schedule pods")
    missing = _claim_problem(claims)
    if missing:
        return Verdict(message=_sentence(len(nodes), missing))
    refusals: Counter[str] = Counter()
    for node in sorted(nodes, key=lambda each: str(each["metadata"]["name"])):
        reason = _refusal(pod, node)
        if not reason:
            return Verdict(node=node["metadata"]["name"])
        refusals[reason] += 1
    return Verdict(message=_sentence(len(nodes), ", ".join(sorted(f"{n} {why}" for why, n in refusals.items()))))


def _sentence(nodes: int, reasons: str) -> str:
    available = f"0/{nodes} nodes are available"
    return f"{available}: {reasons}. no new claims to deallocate, preemption: {available}: {nodes} {_NO_PREEMPTION}."


def _claim_problem(claims: Mapping[str, Json | None]) -> str:
    for name, claim in sorted(claims.items()):
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if claim["metadata"].get("deletionTimestamp"):
            return f'persistentvolumeclaim "{name}" is being deleted'
    if any(claim and not dig(claim, "spec", "volumeName") for claim in claims.values()):
        return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def _refusal(pod: Json, node: Json) -> str:
    tolerations = pod["spec"].get("tolerations") or ()
    if dig(node, "spec", "unschedulable") and not _tolerated(
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, tolerations
    ):
        return "node(s) were unschedulable"
    ready = condition(node, "Ready")
    taints = list(dig(node, "spec", "taints", default=()))
    if ready is None or ready["status"] != "True":
        taints.append(_NOT_READY)
    hard = [each for each in taints if each.get("effect") in ("NoSchedule", "NoExecute")]
    if not all(_tolerated(each, tolerations) for each in hard):
        return "node(s) had untolerated taint(s)"
    if not _selected(pod, node):
        return "node(s) didn't match Pod's node affinity/selector"
    return ""


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
