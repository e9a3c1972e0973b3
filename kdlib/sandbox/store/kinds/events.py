"""Events: what the two groups want of them.

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.frozen import Json, dig
from kdlib.sandbox.store.faults import FieldError, invalid_value, required
from kdlib.wire import label_key_problems

__all__ = ["event_errors", "regarding_event_errors"]


def event_errors(event: Json) -> Iterator[FieldError]:
    """Yield what is wrong with an event of core/v1; one with an `eventTime` is held to the newer group's rules."""
    namespace = dig(event, "involvedObject", "namespace", default="")
    if namespace != event["metadata"].get("namespace", "") and (
        namespace or event["metadata"]["namespace"] != "default"
    ):
        yield invalid_value("involvedObject.namespace", namespace, "does not match event.namespace")
    if event.get("eventTime"):
        yield from _reporter_errors(event, "reportingComponent")


def regarding_event_errors(event: Json) -> Iterator[FieldError]:
    """Yield what is wrong with an event of events.k8s.io/v1."""
    namespace = dig(event, "regarding", "namespace", default="")
    own = event["metadata"].get("namespace", "")
    if namespace and namespace != own:
        yield invalid_value("involvedObject.namespace", namespace, "does not match event.namespace")
    if event.get("eventTime"):
        yield from _reporter_errors(event, "reportingController")
    else:
        yield required("eventTime")
    if event.get("type", "") not in {"Normal", "Warning"}:
        yield invalid_value("type", "", f"has invalid value: {event.get('type', '')}")


def _reporter_errors(event: Json, reporter: str) -> Iterator[FieldError]:
    name = event.get(reporter) or ""
    if not name:
        yield required("reportingController")
    for problem in label_key_problems(name):
        yield invalid_value("reportingController", name, problem)
    for field in ("reportingInstance", "action", "reason"):
        if not event.get(field):
            yield required(field)
