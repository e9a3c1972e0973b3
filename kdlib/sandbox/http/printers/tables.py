"""Tables: objects as rows of printed cells, for kubectl.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables.

Layer: pure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from kdlib.frozen import Json, dig
from kdlib.sandbox.http.printers import cluster, network, pods, storage, workloads
from kdlib.sandbox.http.printers.column import Column

__all__ = ["BUILTIN_COLUMNS", "partial_object", "partial_object_list", "table"]

BUILTIN_COLUMNS: Mapping[str, Sequence[Column]] = {
    "v1/ConfigMap": storage.CONFIG_MAP,
    "v1/Endpoints": network.ENDPOINTS,
    "v1/Event": cluster.EVENT,
    "v1/Namespace": cluster.NAMESPACE,
    "v1/Node": cluster.NODE,
    "v1/PersistentVolume": storage.VOLUME,
    "v1/PersistentVolumeClaim": storage.CLAIM,
    "v1/Pod": pods.POD,
    "v1/Secret": storage.SECRET,
    "v1/Service": network.SERVICE,
    "v1/ServiceAccount": cluster.PLAIN,
    "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": cluster.WEBHOOKS,
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": cluster.WEBHOOKS,
    "apiextensions.k8s.io/v1/CustomResourceDefinition": cluster.CREATED,
    "apps/v1/ControllerRevision": workloads.CONTROLLER_REVISION,
    "apps/v1/Deployment": workloads.DEPLOYMENT,
    "apps/v1/ReplicaSet": workloads.REPLICA_SET,
    "apps/v1/StatefulSet": workloads.STATEFUL_SET,
    "autoscaling/v1/Scale": workloads.SCALE,
    "coordination.k8s.io/v1/Lease": cluster.LEASE,
    "discovery.k8s.io/v1/EndpointSlice": network.ENDPOINT_SLICE,
    "events.k8s.io/v1/Event": cluster.EVENT,
    "policy/v1/PodDisruptionBudget": workloads.DISRUPTION_BUDGET,
    "rbac.authorization.k8s.io/v1/ClusterRole": cluster.CREATED,
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding": cluster.BINDING,
    "rbac.authorization.k8s.io/v1/Role": cluster.CREATED,
    "rbac.authorization.k8s.io/v1/RoleBinding": cluster.BINDING,
    "storage.k8s.io/v1/StorageClass": storage.STORAGE_CLASS,
}
"""Columns by `apiVersion/kind`."""

_META = "meta.k8s.io/v1"


def partial_object(obj: Json) -> Json:
    """Return an object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj.get("metadata") or {}}


def partial_object_list(listed: Json) -> Json:
    """Return the metadata alone of a list's objects."""
    items = [partial_object(item) for item in listed.get("items") or []]
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": _META,
        "metadata": listed.get("metadata") or {},
        "items": items,
    }


def table(answer: Json, columns: Sequence[Column], *, now: datetime, include: str, headers: bool = True) -> Json:
    """Return an object, or a list, as a `metav1.Table`.

    `include` is `None`, `Metadata` or `Object`: what of each object its row carries besides the cells.
    """
    is_list = "items" in answer
    items = answer["items"] or [] if is_list else [answer]
    metadata = dict(answer.get("metadata") or {}) if is_list else {}
    if not is_list:
        metadata["resourceVersion"] = dig(answer, "metadata", "resourceVersion", default="")
    return {
        "kind": "Table",
        "apiVersion": _META,
        "metadata": metadata,
        "columnDefinitions": [column.definition() for column in columns] if headers else None,
        "rows": [_row(item, columns, now, include) for item in items],
    }


def _row(obj: Json, columns: Sequence[Column], now: datetime, include: str) -> Json:
    row: Json = {"cells": [column.cell(obj, now) for column in columns]}
    if columns is pods.POD:
        conditions = pods.pod_row_conditions(obj)
        if conditions:
            row["conditions"] = conditions
    match include:
        case "None":
            row["object"] = None
        case "Object":
            row["object"] = obj
        case _:
            row["object"] = partial_object(obj)
    return row
