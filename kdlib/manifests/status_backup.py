"""The status backup: the whole status of a cluster as an object that backup products keep (1.5, rule KO-16).

Layer: pure.
"""

from kdlib.frozen import Json
from kdlib.graph import ObjectGraph, owned
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import KD_STATUS_BACKUP

__all__ = ["LONGEST_BACKUP", "status_backup"]

LONGEST_BACKUP = 1_400_000
"""Bytes of the longest backup that is sent: etcd takes requests of 1.5 MiB at most, bookkeeping included."""


def status_backup(root: Json, status: Json) -> ObjectGraph:
    """Return the backup of a status, which goes with its cluster."""
    metadata = root["metadata"]
    names = {"name": metadata["name"], "namespace": metadata.get("namespace", "")}
    backup = {
        "apiVersion": KD_STATUS_BACKUP.api_version,
        "kind": KD_STATUS_BACKUP.name,
        "metadata": {**names, "labels": {LABEL_CLUSTER: metadata["name"]}},
        "spec": {"statusBackup": status},
    }
    return ObjectGraph(owned((backup,), root))
