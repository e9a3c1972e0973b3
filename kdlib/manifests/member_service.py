"""The Service of one member, by which it is reached from outside the cluster (4.3, rules KO-05, KO-06, RC-25).

A change of the type is applied in place: the API server drops the node ports that the new type has not, so
that no annotation, address or label is lost in between (W-50).

Layer: pure.
"""

from kdlib.frozen import Json
from kdlib.manifests.metadata import cluster_labels, made, merged, pretty_name
from kdlib.model import MemberStatus, Resolved, ResolvedRole, ServiceEndpoint
from kdlib.names import ANNOTATION_PREFIX, LABEL_ROLE
from kdlib.wire import SERVICE

__all__ = ["AUTH_TOKEN", "NO_SERVICE", "container_ports", "member_service"]

AUTH_TOKEN = f"{ANNOTATION_PREFIX}kd-auth-token"
NO_SERVICE = "n/a"
"""Stands in status for the Service of a member without ports."""


def member_service(resolved: Resolved, role: ResolvedRole, member: MemberStatus) -> Json:
    """Return the Service of a member of a role that has ports; user labels never replace ours (W-32)."""
    reserved, spec = resolved.reserved, role.spec
    labels = merged(
        spec.service_labels if spec else None,
        reserved.service_labels,
        {**cluster_labels(resolved), LABEL_ROLE: role.id},
    )
    annotations = merged(
        pretty_name(resolved),
        spec.service_annotations if spec else None,
        reserved.service_annotations,
        None if member.state_detail.auth_token_digest or not member.auth_token else {AUTH_TOKEN: member.auth_token},
    )
    service = made(SERVICE, resolved, member.service, labels=labels, annotations=annotations)
    service["spec"] = {
        "type": resolved.spec.service_type or reserved.service_type,
        "selector": {"statefulset.kubernetes.io/pod-name": member.pod},
        "publishNotReadyAddresses": True,
        "ports": _service_ports(resolved, role),
    }
    return service


def _service_ports(resolved: Resolved, role: ResolvedRole) -> list[Json]:
    return [
        {"name": f"{(endpoint.url_scheme or 'generic').lower()}-{name}", "port": endpoint.port, "protocol": "TCP"}
        for name, endpoint in _endpoints(resolved, role)
    ]


def container_ports(resolved: Resolved, role: ResolvedRole) -> list[Json]:
    """Return the ports of container `app`, each named by its service's id (4.4.1)."""
    return [
        {"containerPort": endpoint.port, "name": name, "protocol": "TCP"}
        for name, endpoint in _endpoints(resolved, role)
    ]


def _endpoints(resolved: Resolved, role: ResolvedRole) -> list[tuple[str, ServiceEndpoint]]:
    """Return id and endpoint of the role's services that have one, in the app's order; no two have one port."""
    services = resolved.app.services_of(role.id)
    return [(service.id, service.endpoint) for service in services if service.endpoint]
