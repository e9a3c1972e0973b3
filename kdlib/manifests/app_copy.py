"""The cluster's own copy of its app, as a ControllerRevision: no later edit or deletion of the app can harm it.

Layer: pure.
"""

from kdlib.frozen import Json, without_nulls
from kdlib.manifests.metadata import cluster_labels, made
from kdlib.model import Resolved
from kdlib.wire import CONTROLLER_REVISION

__all__ = ["app_copy"]


def app_copy(resolved: Resolved, live: Json | None) -> Json:
    """Return the copy; an API server never changes its data, so the data of one that is there stays as it is.

    See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/.
    """
    name, labels = resolved.reserved.app_copy, cluster_labels(resolved)
    copy = made(CONTROLLER_REVISION, resolved, name, labels=labels, annotations={})
    data = {"app": resolved.app_name, "spec": without_nulls(resolved.app.dumped())}
    copy["data"] = live["data"] if live and live.get("data") else data
    copy["revision"] = live["revision"] if live and live.get("revision") else 1
    return copy
