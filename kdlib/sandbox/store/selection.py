"""Which fields of a kind a field selector may name.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.sandbox.store.faults import bad_request
from kdlib.sandbox.store.resources import Resource
from kdlib.wire import FieldSelector

__all__ = ["check_fields"]

_FIELDS: Mapping[str, frozenset[str]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        }
    ),
    "events": frozenset(
        {
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        }
    ),
    "events.k8s.io/events": frozenset(
        {
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "reason",
            "reportingController",
            "type",
        }
    ),
    "namespaces": frozenset({"status.phase"}),
    "nodes": frozenset({"spec.unschedulable"}),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "apps/replicasets": frozenset({"status.replicas"}),
}
_ALWAYS = frozenset({"metadata.name", "metadata.namespace"})


def check_fields(resource: Resource, selector: FieldSelector) -> None:
    """Raise a 400 for a field that the kind cannot be selected by."""
    kind = resource.kind
    place = f"{kind.group}/{kind.plural}" if kind.group else kind.plural
    allowed = _FIELDS.get(place, frozenset()) | _ALWAYS
    if resource.custom is not None:
        allowed = _ALWAYS | frozenset(resource.custom.selectable)
    for term in selector.terms:
        if term.path not in allowed:
            if place in _FIELDS or resource.is_custom:
                raise bad_request(f"field label not supported: {term.path}")
            known = 'only "metadata.name", "metadata.namespace"'
            raise bad_request(f'"{term.path}" is not a known field selector: {known}')
