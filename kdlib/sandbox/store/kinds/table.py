"""The behaviour of each built-in kind, in one table.

Layer: pure.
"""

from collections.abc import Mapping

from kdlib.frozen import Json
from kdlib.sandbox.store.behaviour import Behaviour
from kdlib.sandbox.store.crds import CLEANUP_FINALIZER
from kdlib.sandbox.store.crds.definition import (
    default_definition,
    definition_errors,
    definition_update_errors,
    prepare_definition,
)
from kdlib.sandbox.store.kinds.disruption import budget_errors, prepare_budget
from kdlib.sandbox.store.kinds.events import event_errors, regarding_event_errors
from kdlib.sandbox.store.kinds.others import (
    config_map_errors,
    data_update_errors,
    default_endpoints,
    default_namespace,
    default_role_binding,
    default_secret,
    default_webhooks,
    lease_errors,
    prepare_namespace,
    secret_errors,
    webhook_errors,
)
from kdlib.sandbox.store.kinds.pods import default_pod, default_pod_status, pod_errors, pod_update_errors, prepare_pod
from kdlib.sandbox.store.kinds.services import default_service, new_service_errors, service_update_errors
from kdlib.sandbox.store.kinds.storage import (
    claim_errors,
    claim_update_errors,
    default_claim,
    default_storage_class,
    default_volume,
    prepare_claim,
    prepare_volume,
    volume_errors,
)
from kdlib.sandbox.store.kinds.workloads import (
    default_deployment,
    default_replica_set,
    default_stateful_set,
    deployment_errors,
    replica_set_errors,
    revision_errors,
    revision_update_errors,
    selector_update_errors,
    stateful_set_errors,
    stateful_set_update_errors,
)
from kdlib.wire import Kind

__all__ = ["behaviour_of"]


def _nothing(_: Json) -> None:
    return None


_WEBHOOKS = Behaviour(
    default=default_webhooks,
    validate=webhook_errors,
    validate_update=lambda new, _: webhook_errors(new),
    has_generation=True,
    generation_of_all=True,
    needs_version=True,
)
_BINDING = Behaviour(checks_metadata_again=True, default=default_role_binding, creates_on_update=True)
_KINDS: Mapping[str, Behaviour] = {
    "Pod": Behaviour(
        checks_metadata_again=True,
        default=default_pod,
        default_status=default_pod_status,
        prepare=prepare_pod,
        validate=pod_errors,
        validate_update=pod_update_errors,
        has_generation=True,
        is_graceful=True,
        returns_deleted=True,
    ),
    "Node": Behaviour(keeps_status=True),
    "Namespace": Behaviour(default=default_namespace, prepare=prepare_namespace, returns_deleted=True),
    "ConfigMap": Behaviour(checks_metadata_again=True, validate=config_map_errors, validate_update=data_update_errors),
    "Secret": Behaviour(
        checks_metadata_again=True, default=default_secret, validate=secret_errors, validate_update=data_update_errors
    ),
    "Service": Behaviour(
        checks_metadata_again=True,
        default=default_service,
        validate=new_service_errors,
        validate_update=service_update_errors,
        creates_on_update=True,
        returns_deleted=True,
    ),
    "ServiceAccount": Behaviour(checks_metadata_again=True, returns_deleted=True),
    "PersistentVolume": Behaviour(
        default=default_volume, prepare=prepare_volume, validate=volume_errors, returns_deleted=True
    ),
    "PersistentVolumeClaim": Behaviour(
        checks_metadata_again=True,
        default=default_claim,
        prepare=prepare_claim,
        validate=claim_errors,
        validate_update=claim_update_errors,
        returns_deleted=True,
    ),
    "StorageClass": Behaviour(default=default_storage_class, returns_deleted=True),
    "StatefulSet": Behaviour(
        default=default_stateful_set,
        default_status=_nothing,
        validate=stateful_set_errors,
        validate_update=stateful_set_update_errors,
        has_generation=True,
    ),
    "Deployment": Behaviour(
        default=default_deployment,
        default_status=_nothing,
        validate=deployment_errors,
        validate_update=selector_update_errors,
        has_generation=True,
    ),
    "ReplicaSet": Behaviour(
        default=default_replica_set,
        default_status=_nothing,
        validate=replica_set_errors,
        validate_update=selector_update_errors,
        has_generation=True,
    ),
    "ControllerRevision": Behaviour(validate=revision_errors, validate_update=revision_update_errors),
    "Event": Behaviour(validate=event_errors, creates_on_update=True),
    "events.k8s.io/Event": Behaviour(validate=regarding_event_errors, creates_on_update=True),
    "Endpoints": Behaviour(checks_metadata_again=True, default=default_endpoints, creates_on_update=True),
    "EndpointSlice": Behaviour(
        checks_metadata_again=True, default=default_endpoints, has_generation=True, generation_of_all=True
    ),
    "Lease": Behaviour(
        validate=lease_errors,
        validate_update=lambda new, _: lease_errors(new),
        creates_on_update=True,
        needs_version=True,
    ),
    "PodDisruptionBudget": Behaviour(
        prepare=prepare_budget,
        validate=budget_errors,
        validate_update=lambda new, _: budget_errors(new),
        has_generation=True,
        needs_version=True,
    ),
    "CustomResourceDefinition": Behaviour(
        default=default_definition,
        prepare=prepare_definition,
        validate=definition_errors,
        validate_update=definition_update_errors,
        has_generation=True,
        needs_version=True,
        deletion_finalizer=CLEANUP_FINALIZER,
    ),
    "MutatingWebhookConfiguration": _WEBHOOKS,
    "ValidatingWebhookConfiguration": _WEBHOOKS,
    "Role": Behaviour(checks_metadata_again=True, creates_on_update=True),
    "RoleBinding": _BINDING,
    "ClusterRole": Behaviour(checks_metadata_again=True, creates_on_update=True),
    "ClusterRoleBinding": _BINDING,
}


def behaviour_of(kind: Kind) -> Behaviour:
    """Return the behaviour of a built-in kind."""
    return _KINDS.get(f"{kind.group}/{kind.name}") or _KINDS.get(kind.name, Behaviour())
