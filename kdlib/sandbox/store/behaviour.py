"""What one kind does beyond being stored: defaults, preparation, validation, generation, graceful deletion.

Layer: pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kdlib.frozen import Json
from kdlib.sandbox.store.faults import FieldError
from kdlib.wire import Kind

__all__ = ["Behaviour", "behaviour_of"]


def _nothing(_: Json) -> None:
    return None


def _no_errors(_: Json) -> Iterable[FieldError]:
    return ()


def _no_update_errors(_new: Json, _old: Json) -> Iterable[FieldError]:
    return ()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The callables that make a kind what it is. `default` and `prepare` fill an object that nobody else holds yet."""

    default: Callable[[Json], None] = _nothing
    prepare: Callable[[Json], None] = _nothing
    """Before a create: the first status and whatever a client may not choose."""
    validate: Callable[[Json], Iterable[FieldError]] = _no_errors
    validate_update: Callable[[Json, Json], Iterable[FieldError]] = _no_update_errors
    has_generation: bool = False
    generation_of_all: bool = False
    """True where any change outside metadata and status counts as a new generation, not one of the spec alone."""
    needs_version: bool = False
    """True where an update must carry a resourceVersion."""
    creates_on_update: bool = False
    is_graceful: bool = False
    keeps_status: bool = False
    """True where a create keeps the status that it brings (nodes)."""
    returns_deleted: bool = False
    """True where a deletion answers with the object that is gone, not with a Status."""


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
    "CustomResourceDefinition": Behaviour(has_generation=True, needs_version=True),
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
