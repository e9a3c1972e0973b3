"""The headless Service, which gives every member of a cluster its DNS name (4.2, rules KO-01, KO-03).

Layer: pure.
"""

from kdlib.frozen import Json
from kdlib.manifests.metadata import cluster_labels, made, pretty_name
from kdlib.model import Resolved
from kdlib.names import LABEL_HEADLESS
from kdlib.wire import SERVICE

__all__ = ["headless_service"]

_PLACEHOLDER = {"name": "port", "port": 8888, "protocol": "TCP"}
"""A Service wants a port; nobody listens on it."""


def headless_service(resolved: Resolved) -> Json:
    """Return the headless Service; members are found before they are ready, since they set one another up."""
    labels, annotations = cluster_labels(resolved), pretty_name(resolved)
    service = made(SERVICE, resolved, resolved.cluster_service, labels=labels, annotations=annotations)
    service["spec"] = {
        "clusterIP": "None",
        "selector": {LABEL_HEADLESS: resolved.root.name},
        "publishNotReadyAddresses": True,
        "ports": [dict(_PLACEHOLDER)],
    }
    return service
