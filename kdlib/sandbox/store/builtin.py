"""The behaviour of each built-in kind, in one table.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.sandbox.store.behaviour import Behaviour
from kdlib.sandbox.store.crds import CLEANUP_FINALIZER
from kdlib.sandbox.store.crds.definition import (
    default_definition,
    definition_errors,
    definition_update_errors,
    prepare_definition,
)
from kdlib.wire import Kind

__all__ = ["behaviour_of"]

_KINDS: Mapping[str, Behaviour] = {
    "Pod": Behaviour(has_generation=True, is_graceful=True, returns_deleted=True),
    "Node": Behaviour(keeps_status=True),
    "Namespace": Behaviour(returns_deleted=True),
    "Service": Behaviour(creates_on_update=True, returns_deleted=True),
    "ServiceAccount": Behaviour(returns_deleted=True),
    "PersistentVolume": Behaviour(returns_deleted=True),
    "PersistentVolumeClaim": Behaviour(returns_deleted=True),
    "StorageClass": Behaviour(returns_deleted=True),
    "StatefulSet": Behaviour(has_generation=True),
    "Deployment": Behaviour(has_generation=True),
    "ReplicaSet": Behaviour(has_generation=True),
    "Event": Behaviour(creates_on_update=True),
    "Endpoints": Behaviour(creates_on_update=True),
    "EndpointSlice": Behaviour(has_generation=True, generation_of_all=True),
    "Lease": Behaviour(creates_on_update=True, needs_version=True),
    "PodDisruptionBudget": Behaviour(has_generation=True, needs_version=True),
    "CustomResourceDefinition": Behaviour(
        default=default_definition,
        prepare=prepare_definition,
        validate=definition_errors,
        validate_update=definition_update_errors,
        has_generation=True,
        needs_version=True,
        deletion_finalizer=CLEANUP_FINALIZER,
    ),
    "MutatingWebhookConfiguration": Behaviour(has_generation=True, generation_of_all=True, needs_version=True),
    "ValidatingWebhookConfiguration": Behaviour(has_generation=True, generation_of_all=True, needs_version=True),
    "Role": Behaviour(creates_on_update=True),
    "RoleBinding": Behaviour(creates_on_update=True),
    "ClusterRole": Behaviour(creates_on_update=True),
    "ClusterRoleBinding": Behaviour(creates_on_update=True),
}


def behaviour_of(kind: Kind) -> Behaviour:
    """Return the behaviour of a built-in kind."""
    return _KINDS.get(kind.name, Behaviour())
