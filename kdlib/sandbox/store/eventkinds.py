"""Events: one storage that is read and written as core/v1 and as events.k8s.io/v1.

See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/.

Layer: pure.
"""

from kdlib.frozen import Json

__all__ = ["as_core_event", "as_regarding_event"]

_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedCount": "count",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedSource": "source",
    "reportingController": "reportingComponent",
}
_BACK = {core: other for other, core in _NAMES.items()}


def as_core_event(event: Json) -> Json:
    """Return an event of events.k8s.io/v1 as core/v1."""
    return {_NAMES.get(name, name): value for name, value in event.items()} | {"apiVersion": "v1"}


def as_regarding_event(event: Json) -> Json:
    """Return an event of core/v1 as events.k8s.io/v1."""
    out = {_BACK.get(name, name): value for name, value in event.items()} | {"apiVersion": "events.k8s.io/v1"}
    for field in ("reportingController", "reportingInstance"):
        if not out.get(field):
            out.pop(field, None)
    return out
