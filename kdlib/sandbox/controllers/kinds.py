"""Kinds that the controllers read and write, beyond those that `wire` names.

Layer: pure.
"""

from kdlib.wire import Kind

__all__ = [
    "DEPLOYMENT",
    "ENDPOINTS",
    "ENDPOINT_SLICE",
    "NODE",
    "PERSISTENT_VOLUME",
    "REPLICA_SET",
    "SERVICE_ACCOUNT",
    "STORAGE_CLASS",
]

NODE = Kind("v1", "Node", namespaced=False)
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount")
ENDPOINTS = Kind("v1", "Endpoints", plural="endpoints")
PERSISTENT_VOLUME = Kind("v1", "PersistentVolume", namespaced=False)
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice")
DEPLOYMENT = Kind("apps/v1", "Deployment")
REPLICA_SET = Kind("apps/v1", "ReplicaSet")
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", plural="storageclasses", namespaced=False)
