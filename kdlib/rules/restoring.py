"""A cluster that a backup product makes again: paused until all that it needs is there (2.3.1, 3.18, 7.2).

Layer: pure.
"""

from collections.abc import Iterator

from kdlib.errors import Problem
from kdlib.frozen import Json, dig
from kdlib.names import ANNOTATION_PREFIX

__all__ = [
    "ALLOW_DELETE_LABEL",
    "BACKUP_ANNOTATION",
    "RESTORING_LABEL",
    "comes_anew",
    "comes_from_backup",
    "deletable_cluster",
    "is_restoring",
    "restoring_patch",
    "spec_kept_while_restoring",
    "was_known",
]

RESTORING_LABEL = f"{ANNOTATION_PREFIX}restoring"
ALLOW_DELETE_LABEL = f"{ANNOTATION_PREFIX}allow-delete-while-restoring"
BACKUP_ANNOTATION = f"{ANNOTATION_PREFIX}status-backup-exists"


def is_restoring(cluster: Json) -> bool:
    """Tell whether the cluster waits for what it needs: it has the label, whatever its value."""
    labels = dig(cluster, "metadata", "labels")
    return isinstance(labels, dict) and RESTORING_LABEL in labels


def comes_from_backup(cluster: Json) -> bool:
    """Tell whether a new cluster was saved with a status backup.

    W-24: the annotation of a cluster without a backup says "false"; whoever makes that one again makes a new cluster,
    which nothing could ever resume otherwise.
    """
    value = dig(cluster, "metadata", "annotations", BACKUP_ANNOTATION)
    return value is not None and value != "false"


def comes_anew(cluster: Json) -> bool:
    """CL-X-48: tell whether a stored cluster comes from a backup and nobody paused it: there was no webhook.

    The operator itself says so of a cluster only after its first status, so one without any was made again.
    """
    return comes_from_backup(cluster) and not cluster.get("status")


def was_known(cluster: Json) -> bool:
    """Tell whether an operator has looked after the cluster before, and the status does not hold its names.

    It was made again without a backup of its status (W-29), or the operator died before it had reserved any name.
    """
    told = dig(cluster, "metadata", "annotations", BACKUP_ANNOTATION) is not None
    return told and not dig(cluster, "status", "clusterService")


_CLEANERS = frozenset({"system:serviceaccount:kube-system:namespace-controller", "system:kube-controller-manager"})
"""Who empties a namespace that somebody deleted: with credentials of each controller, and of all together."""


def deletable_cluster(cluster: Json, username: str) -> Iterator[Problem]:
    """CL-V-01: a cluster that is being restored is deleted only by one who says that it may.

    Whoever deletes its namespace said so of all that is in it; the namespace would never end otherwise.
    """
    if username in _CLEANERS:
        return
    if is_restoring(cluster) and ALLOW_DELETE_LABEL not in dig(cluster, "metadata", "labels", default={}):
        what = "the cluster is being restored"
        yield Problem("metadata.labels", what, f"add label {ALLOW_DELETE_LABEL!r} to delete it all the same", "CL-V-01")


def spec_kept_while_restoring(new: Json, old: Json) -> Iterator[Problem]:
    """CL-V-02: the spec stays while the cluster is being restored; labels and annotations may change."""
    if is_restoring(old) and new.get("spec") != old.get("spec"):
        remedy = f"wait until it has resumed, or remove label {RESTORING_LABEL!r} first"
        yield Problem("spec", "cannot change while the cluster is being restored", remedy, "CL-V-02")


def restoring_patch(cluster: Json) -> Iterator[Json]:
    """CL-M-01: a cluster that comes from a backup gets the label that pauses it."""
    labels = dig(cluster, "metadata", "labels")
    if not isinstance(labels, dict):
        yield {"op": "add", "path": "/metadata/labels", "value": {RESTORING_LABEL: ""}}
    elif RESTORING_LABEL not in labels:
        yield {"op": "add", "path": f"/metadata/labels/{RESTORING_LABEL.replace('/', '~1')}", "value": ""}
