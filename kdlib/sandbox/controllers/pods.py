"""What controllers ask of a pod: ready, available, ended, on its way out, whose.

Layer: pure.
"""

from datetime import datetime, timedelta

from kdlib.frozen import Json

__all__ = [
    "available_in_seconds",
    "claim_names",
    "condition",
    "controller_uid",
    "has_ended",
    "is_ready",
    "is_running_and_ready",
    "is_terminating",
    "moment",
    "with_condition",
]


def condition(obj: Json, name: str) -> Json | None:
    """Return the status condition of this type, None where there is none."""
    for each in (obj.get("status") or {}).get("conditions") or ():
        if each.get("type") == name:
            return dict(each)
    return None


def with_condition(status: Json, wanted: Json, now: str) -> Json:
    """Return the status with this condition; its lastTransitionTime moves only when its status changes."""
    conditions, found = [], False
    for each in status.get("conditions") or ():
        if each.get("type") != wanted["type"]:
            conditions.append(each)
            continue
        found = True
        same = each.get("status") == wanted["status"]
        conditions.append({**wanted, "lastTransitionTime": each.get("lastTransitionTime", now) if same else now})
    if not found:
        conditions.append({**wanted, "lastTransitionTime": now})
    return {**status, "conditions": conditions}


def is_ready(pod: Json) -> bool:
    """Tell whether the pod's Ready condition is True."""
    for each in (pod.get("status") or {}).get("conditions") or ():
        if each.get("type") == "Ready":
            return bool(each.get("status") == "True")
    return False


def is_running_and_ready(pod: Json) -> bool:
    """Tell whether the pod runs and is ready."""
    return (pod.get("status") or {}).get("phase") == "Running" and is_ready(pod)


def has_ended(pod: Json) -> bool:
    """Tell whether all containers of the pod ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def is_terminating(obj: Json) -> bool:
    """Tell whether somebody asked for the object's deletion."""
    return obj["metadata"].get("deletionTimestamp") is not None


def available_in_seconds(pod: Json, min_ready_seconds: int, now: datetime) -> float | None:
    """Return in how many seconds the pod counts as available: 0 for now, None while it is not ready."""
    ready = condition(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        return None
    if min_ready_seconds == 0:
        return 0.0
    since = moment(ready.get("lastTransitionTime"))
    if since is None:
        return None
    return max(0.0, (since + timedelta(seconds=min_ready_seconds) - now).total_seconds())


def moment(text: str | None) -> datetime | None:
    """Read a Kubernetes timestamp."""
    return datetime.fromisoformat(text) if text else None


def claim_names(pod: Json) -> list[str]:
    """Return the names of the claims that the pod's volumes use."""
    volumes = pod["spec"].get("volumes") or ()
    return [each["persistentVolumeClaim"]["claimName"] for each in volumes if each.get("persistentVolumeClaim")]


def controller_uid(obj: Json) -> str:
    """Return the UID of the object's controller; empty where it has none."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return ""
