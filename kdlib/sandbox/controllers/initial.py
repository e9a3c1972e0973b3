"""What a cluster has before anybody makes anything: namespaces, the `kubernetes` Service, the default storage class.

Layer: pure.
"""

from kdlib.frozen import Json
from kdlib.sandbox.controllers.binding import DEFAULT_CLASS, PROVISIONER

__all__ = ["initial_objects"]

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def initial_objects(address: str, host: str, port: int) -> list[Json]:
    """Return the first objects; `address` is the `kubernetes` Service's, `host` and `port` the API server's own."""
    namespaces = [
        _object("v1", "Namespace", name, labels={"kubernetes.io/metadata.name": name}) for name in _NAMESPACES
    ]
    return [*namespaces, _storage_class(), *_kubernetes(address, host, port)]


def _storage_class() -> Json:
    return {
        **_object("storage.k8s.io/v1", "StorageClass", "standard", annotations={DEFAULT_CLASS: "true"}),
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def _kubernetes(address: str, host: str, port: int) -> list[Json]:
    """Make the Service through which pods find the API server, and where it leads."""
    service = {
        **_object(
            "v1",
            "Service",
            "kubernetes",
            namespace="default",
            labels={"component": "apiserver", "provider": "kubernetes"},
        ),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
            "sessionAffinity": "None",
        },
        "status": {"loadBalancer": {}},
    }
    endpoints = {
        **_object(
            "v1",
            "Endpoints",
            "kubernetes",
            namespace="default",
            labels={"endpointslice.kubernetes.io/skip-mirror": "true"},
        ),
        "subsets": [{"addresses": [{"ip": host}], "ports": [{"name": "https", "port": port, "protocol": "TCP"}]}],
    }
    endpoint_slice = {
        **_object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "kubernetes",
            namespace="default",
            labels={"kubernetes.io/service-name": "kubernetes"},
        ),
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    return [service, endpoints, endpoint_slice]


def _object(api_version: str, kind: str, name: str, **metadata: object) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}
