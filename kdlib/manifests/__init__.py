"""build(): one file per Kubernetes kind, and configmeta, the document that a member reads.

Layer: pure.
"""

from kdlib.manifests.build import MANAGED, build, graph_of
from kdlib.manifests.claim import claim_makers, claims_of_going
from kdlib.manifests.connections import connection_versions
from kdlib.manifests.desired import Desired, configmeta, configmeta_bytes
from kdlib.manifests.member_service import AUTH_TOKEN, NO_SERVICE
from kdlib.manifests.metadata import PRETTY_NAME
from kdlib.manifests.stateful_set import strategy_patch
from kdlib.manifests.status_backup import LONGEST_BACKUP, status_backup
from kdlib.rules import persistent_directories

__all__ = [
    "AUTH_TOKEN",
    "LONGEST_BACKUP",
    "MANAGED",
    "NO_SERVICE",
    "PRETTY_NAME",
    "Desired",
    "build",
    "claim_makers",
    "claims_of_going",
    "configmeta",
    "configmeta_bytes",
    "connection_versions",
    "graph_of",
    "persistent_directories",
    "status_backup",
    "strategy_patch",
]
