"""The Kubernetes API as data: kinds, paths, selectors, patches, field sets, quantities, and the Transport seam.

Layer: pure.
"""

from kdlib.wire.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    EVENT,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    NAMESPACE,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Kind,
    Ref,
)
from kdlib.wire.transport import (
    APPLY,
    JSON,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    ExecRequest,
    ExecStream,
    Request,
    Transport,
    WatchEvent,
)

__all__ = [
    "APPLY",
    "CONFIG_MAP",
    "CONTROLLER_REVISION",
    "EVENT",
    "JSON",
    "JSON_PATCH",
    "KD_APP",
    "KD_CLUSTER",
    "KD_CONFIG",
    "KD_STATUS_BACKUP",
    "MERGE_PATCH",
    "NAMESPACE",
    "PERSISTENT_VOLUME_CLAIM",
    "POD",
    "SECRET",
    "SERVICE",
    "STATEFUL_SET",
    "STRATEGIC_MERGE_PATCH",
    "ExecRequest",
    "ExecStream",
    "Kind",
    "Ref",
    "Request",
    "Transport",
    "WatchEvent",
]
