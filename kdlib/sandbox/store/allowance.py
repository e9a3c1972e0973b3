"""What the status of a disruption budget says about how many pods may go.

See https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/pod-disruption-budget-v1/.

Layer: pure.
"""

from kdlib.frozen import Json

__all__ = ["ALLOWANCE", "with_allowance"]

ALLOWANCE = "DisruptionAllowed"
"""The type of the condition that every budget has."""


def with_allowance(status: Json, allowed: int, now: str, *, problem: str = "") -> Json:
    """Return the status with this count of disruptions, and the condition that goes with it.

    The condition's generation is that of the status; `problem` says why nothing could be counted.
    """
    reason = "SyncFailed" if problem else "SufficientPods" if allowed else "InsufficientPods"
    wanted = {"type": ALLOWANCE, "status": "True" if allowed else "False", "reason": reason, "message": problem}
    if "observedGeneration" in status:
        wanted["observedGeneration"] = status["observedGeneration"]
    had = status.get("conditions") or []
    former = next((each for each in had if each["type"] == ALLOWANCE), None)
    is_same = former is not None and former["status"] == wanted["status"]
    wanted["lastTransitionTime"] = former["lastTransitionTime"] if former is not None and is_same else now
    conditions = [wanted if each is former else each for each in had] if former is not None else [*had, wanted]
    return {**status, "disruptionsAllowed": allowed, "conditions": conditions}
