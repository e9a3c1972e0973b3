"""One pass over one root: observe, resolve, build, plan, apply, report, record.

Layer: shell.
"""

from kdlib.reconcile.backups import Kept, keep_backup
from kdlib.reconcile.finalizer import CLEANUP, add_finalizer, has_finalizer, is_going, remove_finalizer
from kdlib.reconcile.passed import Passed
from kdlib.reconcile.passes import Compute, Passes, PassSettings
from kdlib.reconcile.recording import Recorder, Recording, Urgency, urgency_of
from kdlib.reconcile.view import CLUSTER_INDEX, OWNER_INDEX, Related, View, cluster_terms, owner_terms
from kdlib.reconcile.work import Progress, Work, WorkId
from kdlib.reconcile.written import Ended, Written

__all__ = [
    "CLEANUP",
    "CLUSTER_INDEX",
    "OWNER_INDEX",
    "Compute",
    "Ended",
    "Kept",
    "PassSettings",
    "Passed",
    "Passes",
    "Progress",
    "Recorder",
    "Recording",
    "Related",
    "Urgency",
    "View",
    "Work",
    "WorkId",
    "Written",
    "add_finalizer",
    "cluster_terms",
    "has_finalizer",
    "is_going",
    "keep_backup",
    "owner_terms",
    "remove_finalizer",
    "urgency_of",
]
