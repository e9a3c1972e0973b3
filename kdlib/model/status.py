"""What is written into a cluster's status; field names and state strings are contract (specification 1.3).

Every value that cannot be derived again is *reserved* here before the first write or exec that depends on it.

Layer: pure.
"""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from kdlib.frozen import Json

__all__ = [
    "ClusterState",
    "ClusterStatus",
    "ContainerState",
    "MemberRollup",
    "MemberState",
    "MemberStatus",
    "PendingNotify",
    "Reserved",
    "RoleStatus",
    "StateDetail",
    "StatusPart",
]


class StatusPart(BaseModel):
    """A frozen part of a status, written in the API's field names; unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    def dumped(self) -> Json:
        """Return the API form, without fields that are unset or None."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")

    def changed(self, **values: Any) -> "Any":
        """Return a copy with the values changed."""
        return self.model_copy(update=values)


class ClusterState(StrEnum):
    """`status.state` of a cluster (specification 3.2)."""

    CREATING = "creating"
    UPDATING = "updating"
    CONFIGURED = "configured"


class MemberState(StrEnum):
    """`state` of a member (specification 3.2)."""

    CREATE_PENDING = "create pending"
    CREATING = "creating"
    CONFIGURED = "configured"
    CONFIG_ERROR = "config error"
    DELETE_PENDING = "delete pending"
    DELETING = "deleting"


class ContainerState(StrEnum):
    """`lastKnownContainerState` of a member (specification 3.6)."""

    RUNNING = "running"
    WAITING = "waiting"
    INITIALIZING = "initializing"
    UNRESPONSIVE = "unresponsive"
    TERMINATED = "terminated"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class PendingNotify(StatusPart):
    """One start script invocation still to do; `change` names it in the guard inside the container."""

    arguments: tuple[str, ...] = ()
    change: str | None = None
    generation: int | None = None
    """Spec generation that made the change; a set-up with its configmeta, or a later one, makes it moot (ours)."""
    attempt: int | None = None
    """Number of the try, from 2 on; absent for the first (ours)."""
    exit_code: int | None = None
    """Exit status of a try that failed; it waits for a request to try again (ours)."""


class StateDetail(StatusPart):
    """`stateDetail` of a member; the fields after `storage_init_progress` are ours."""

    config_error_detail: str | None = None
    last_config_data_generation: int | None = None
    last_setup_generation: int | None = None
    configuring_container: str | None = None
    last_configured_container: str | None = None
    last_known_container_state: ContainerState | None = None
    pending_notify_cmds: tuple[PendingNotify, ...] | None = None
    last_connection_version: int | None = None
    start_script_stdout_message: str | None = None
    start_script_stderr_message: str | None = None
    scheduling_error_message: str | None = None
    storage_init_progress: str | None = None
    attempt: int | None = None
    """Number of the last set-up attempt, reserved before it starts; 1 for the first."""
    retry_handled: str | None = None
    """Value of the retry annotation that led to `attempt`."""
    progress: str | None = None
    """What the member is waiting for, in words."""
    listed_since: int | None = None
    """Spec generation of the first configmeta that lists the member."""
    announced: bool | None = None
    """True once the member was configured and `addnodes` was queued for those that did not know of it."""
    configuring_generation: int | None = None
    """Spec generation when the last set-up was reserved; its configmeta is of this or a later one."""
    configured_generation: int | None = None
    """Spec generation of the configmeta with which the member was last set up."""


class MemberStatus(StatusPart):
    """`members[]` of a role."""

    pod: str = ""
    node_id: int = Field(default=0, alias="nodeID")
    service: str = ""
    """Per-member Service; empty while not reserved, `n/a` for a role without ports."""
    auth_token: str | None = None
    pvc: str | None = None
    block_device_paths: tuple[str, ...] | None = None
    state: MemberState = MemberState.CREATE_PENDING
    state_detail: StateDetail = StateDetail()


class RoleStatus(StatusPart):
    """`roles[]` of a cluster."""

    id: str
    stateful_set: str = ""
    members: tuple[MemberStatus, ...] = ()


class MemberRollup(StatusPart):
    """`memberStateRollup` (specification 3.15)."""

    membership_changing: bool = False
    members_down: bool = False
    members_initializing: bool = False
    members_waiting: bool = False
    members_restarting: bool = False
    config_errors: bool = False
    members_not_scheduled: bool = False


class Reserved(StatusPart):
    """Values taken from the global config, and names, that must never change for a cluster that runs (ours)."""

    service_type: str = "LoadBalancer"
    naming_scheme: str = "UID"
    domain_base: str = ".svc.cluster.local"
    app_copy: str = ""
    """Name of the ControllerRevision that holds the app as resolved."""
    app_namespace: str = ""
    app_catalog: str = "local"
    default_storage_class_name: str | None = None
    native_systemd_support: bool = False
    pod_labels: dict[str, str] | None = None
    pod_annotations: dict[str, str] | None = None
    service_labels: dict[str, str] | None = None
    service_annotations: dict[str, str] | None = None


class ClusterStatus(StatusPart):
    """`status` of a cluster; `observed_generation`, `conditions` and `reserved` are ours."""

    state: str = ""
    member_state_rollup: MemberRollup | None = None
    generation_uid: str | None = Field(default=None, alias="generationUID")
    spec_generation_to_process: int | None = None
    cluster_service: str = ""
    last_node_id: int = Field(default=0, alias="lastNodeID")
    last_connection_hash: str | None = None
    roles: tuple[RoleStatus, ...] = ()
    observed_generation: int | None = None
    conditions: tuple[Json, ...] | None = None
    reserved: Reserved | None = None
