"""The Kubernetes API as data: kinds, paths, selectors, patches, field sets, quantities, and the Transport seam.

Layer: pure.
"""

from kdlib.wire.elements import ShapeError
from kdlib.wire.fieldset import FieldSet
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
from kdlib.wire.lastapplied import KUBECTL, applied_by_kubectl
from kdlib.wire.ownership import ApplyConflict, Conflict, Owner, Writer, applied, decoded_owners, updated
from kdlib.wire.patches import PatchError, json_patch, merge_patch
from kdlib.wire.quantities import Quantity, QuantityError
from kdlib.wire.schema import Schema, Schemas, builtin_schemas, structural_schema
from kdlib.wire.selectors import (
    FieldSelector,
    FieldTerm,
    LabelSelector,
    Requirement,
    SelectorError,
    from_label_selector,
    label_key_problems,
    label_value_problems,
    parse_fields,
    parse_labels,
)
from kdlib.wire.strategic import strategic_merge_patch
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
    "KUBECTL",
    "MERGE_PATCH",
    "NAMESPACE",
    "PERSISTENT_VOLUME_CLAIM",
    "POD",
    "SECRET",
    "SERVICE",
    "STATEFUL_SET",
    "STRATEGIC_MERGE_PATCH",
    "ApplyConflict",
    "Conflict",
    "ExecRequest",
    "ExecStream",
    "FieldSelector",
    "FieldSet",
    "FieldTerm",
    "Kind",
    "LabelSelector",
    "Owner",
    "PatchError",
    "Quantity",
    "QuantityError",
    "Ref",
    "Request",
    "Requirement",
    "Schema",
    "Schemas",
    "SelectorError",
    "ShapeError",
    "Transport",
    "WatchEvent",
    "Writer",
    "applied",
    "applied_by_kubectl",
    "builtin_schemas",
    "decoded_owners",
    "from_label_selector",
    "json_patch",
    "label_key_problems",
    "label_value_problems",
    "merge_patch",
    "parse_fields",
    "parse_labels",
    "strategic_merge_patch",
    "structural_schema",
    "updated",
]
