"""What is written into a cluster's status; field names and state strings are contract (specification 1.3).

Every value that cannot be derived again is *reserved* here before the first write or exec that depends on it.

Layer: pure.
"""

from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from kdlib.frozen import Json
from kdlib.model.part import keyed_by

__all__ = [
    "ClusterState",
    "ClusterStatus",
    "ContainerState",
    "MemberRollup",
    "MemberState",
    "MemberStatus",
    "MemberTrouble",
    "PendingNotify",
    "Reserved",
    "RestoreProgress",
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


class MemberTrouble(StrEnum):
    """What keeps a member's pod from running until a person, or the world, acts; a word of ours."""

    IMAGE_NOT_PULLED = "image not pulled"
    CONTAINER_NOT_MADE = "container not made"
    CONTAINER_ENDS = "container ends"
    UNSCHEDULABLE = "unschedulable"
    CLAIM_UNBOUND = "claim unbound"


class PendingNotify(StatusPart):
    """A start script invocation still to do."""

    arguments: tuple[str, ...] = Field((), description="Arguments of the start script.")
    change: str | None = Field(None, description="Names the change in the guard inside the container.")
    generation: int | None = Field(
        None,
        description="Spec generation that made the change; a set-up with this or a later configmeta makes it moot.",
    )
    attempt: int | None = Field(None, description="Number of the try, from 2 on; absent for the first.")
    exit_code: int | None = Field(
        None, description="Exit status of a try that failed; it waits for a request to try again."
    )


class StateDetail(StatusPart):
    """How far a member has come; the fields after `storageInitProgress` are not in the original."""

    config_error_detail: str | None = Field(None, description="Why the member is in config error.")
    last_config_data_generation: int | None = Field(
        None, description="Spec generation of the configmeta that was uploaded last; absent: never."
    )
    last_setup_generation: int | None = Field(
        None, description="Spec generation that the start script has digested; absent: it never completed."
    )
    configuring_container: str | None = Field(None, description="ID of the container that is being configured.")
    last_configured_container: str | None = Field(None, description="ID of the container that was configured last.")
    last_known_container_state: ContainerState | None = Field(None, description="State of the member's container.")
    pending_notify_cmds: tuple[PendingNotify, ...] | None = Field(
        None, description="Start script invocations still to do, in order."
    )
    last_connection_version: int | None = Field(
        None, description="Version of the connections that the member was told of."
    )
    start_script_stdout_message: str | None = Field(
        None, description="End of the start script's output, where it failed."
    )
    start_script_stderr_message: str | None = Field(
        None, description="End of the start script's error output, where it failed."
    )
    scheduling_error_message: str | None = Field(None, description="Why the member's pod cannot be scheduled.")
    storage_init_progress: str | None = Field(None, description="How far the first copy onto the volume has come.")
    attempt: int | None = Field(
        None, description="Number of the last set-up attempt, reserved before it starts; 1 for the first."
    )
    retry_handled: str | None = Field(None, description="Value of the retry annotation that led to the attempt.")
    progress: str | None = Field(None, description="What the member is waiting for, in words.")
    trouble: MemberTrouble | None = Field(
        None, description="What keeps the member's pod from running until somebody acts; progress says it in words."
    )
    listed_since: int | None = Field(None, description="Spec generation of the first configmeta that lists the member.")
    announced: bool | None = Field(
        None,
        description="True once the member was configured and addnodes was queued for those that did not know of it.",
    )
    configuring_generation: int | None = Field(
        None,
        description="Spec generation when the last set-up was reserved; its configmeta is of this or a later one.",
    )
    configured_generation: int | None = Field(
        None, description="Spec generation of the configmeta with which the member was last set up."
    )


class MemberStatus(StatusPart):
    """One member of a role."""

    pod: str = Field("", description="Name of the pod, known before the pod is there.")
    node_id: int = Field(
        default=0, alias="nodeID", description="Id of the member, unique in the cluster, never reused."
    )
    service: str = Field("", description="Name of the member's Service; n/a for a role without ports.")
    auth_token: str | None = Field(None, description="Token of the member's services, where one asks for it.")
    pvc: str | None = Field(None, description="Name of the member's volume claim.")
    block_device_paths: tuple[str, ...] | None = Field(None, description="Paths of the member's block devices.")
    state: MemberState = Field(MemberState.CREATE_PENDING, description="State of the member.")
    state_detail: StateDetail = Field(StateDetail(), description="How far the member has come.")


class RoleStatus(StatusPart):
    """One role that has, had or gets members."""

    id: str = Field(description="Id of the role.")
    stateful_set: str = Field("", description="Name of the role's StatefulSet.")
    members: tuple[MemberStatus, ...] = Field((), description="Members of the role, by their ordinals.")
    accepted: Json | None = Field(
        None, description="The role as it was accepted last, and the default secret that it was accepted with."
    )


class MemberRollup(StatusPart):
    """What holds for at least one member (specification 3.15)."""

    membership_changing: bool = Field(default=False, description="A member comes or goes.")
    members_down: bool = Field(default=False, description="A member's container does not run or answer.")
    members_initializing: bool = Field(default=False, description="A member's volume is being prepared.")
    members_waiting: bool = Field(default=False, description="A member waits for its container.")
    members_restarting: bool = Field(default=False, description="A member is set up again after a restart.")
    config_errors: bool = Field(default=False, description="A member could not be configured.")
    members_not_scheduled: bool = Field(default=False, description="A member's pod cannot be scheduled.")


class Reserved(StatusPart):
    """What must never change for a cluster that runs: values taken from the global config, and names."""

    service_type: str = Field("LoadBalancer", description="Type of the member Services, where the spec names none.")
    naming_scheme: str = Field("UID", description="Naming scheme, where the spec names none.")
    domain_base: str = Field(".svc.cluster.local", description="What follows the namespace in host names.")
    app_copy: str = Field("", description="Name of the ControllerRevision that holds the app as resolved.")
    app_namespace: str = Field("", description="Namespace that the app was found in.")
    app_catalog: str = Field("local", description="Catalog that the app was found in: local or system.")
    default_storage_class_name: str | None = Field(None, description="Storage class of roles that name none.")
    native_systemd_support: bool = Field(default=False, description="True: systemd needs no mounts of the host.")
    pod_labels: dict[str, str] | None = Field(None, description="Labels of all pods.")
    pod_annotations: dict[str, str] | None = Field(None, description="Annotations of all pods.")
    service_labels: dict[str, str] | None = Field(None, description="Labels of all member Services.")
    service_annotations: dict[str, str] | None = Field(None, description="Annotations of all member Services.")


class RestoreProgress(StatusPart):
    """What a cluster that is being restored waits for."""

    awaiting_app: bool = Field(default=False, description="The app is not there yet.")
    awaiting_status: bool = Field(default=False, description="The status backup is not there yet.")
    awaiting_resources: bool = Field(
        default=False, description="Objects of the cluster, or connected ones, are missing."
    )
    error: str = Field("", description="Why the cluster cannot resume.")


_CONDITION_FIELDS = {
    "type": {"type": "string", "description": "What the condition is about."},
    "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds."},
    "observedGeneration": {"type": "integer", "minimum": 0, "description": "Generation of the spec that it is about."},
    "lastTransitionTime": {"type": "string", "format": "date-time", "description": "When its status changed last."},
    "reason": {"type": "string", "description": "Why, in one word for programs."},
    "message": {"type": "string", "description": "Why, in words for people."},
}

Condition: TypeAlias = Annotated[
    Json,
    WithJsonSchema(
        {
            "description": "A standard condition.",
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": _CONDITION_FIELDS,
        }
    ),
]
"""A condition as JSON; see `metav1.Condition`."""


class ClusterStatus(StatusPart):
    """The status of a cluster."""

    state: str = Field("", description="creating, updating or configured.")
    restore_progress: RestoreProgress | None = Field(None, description="Only while the cluster is being restored.")
    member_state_rollup: MemberRollup | None = Field(None, description="What holds for at least one member.")
    generation_uid: str | None = Field(None, alias="generationUID", description="Changes with each status.")
    spec_generation_to_process: int | None = Field(
        None, description="Grows when the members or the connections change."
    )
    cluster_service: str = Field("", description="Name of the headless Service.")
    last_node_id: int = Field(default=0, alias="lastNodeID", description="Last member id that was given.")
    last_connection_hash: str | None = Field(None, description="Digest of what the cluster is connected to.")
    roles: tuple[RoleStatus, ...] = Field((), description="Roles and their members.")
    members: str | None = Field(None, description="Members that are ready, of those wanted, such as 3/4.")
    observed_generation: int | None = Field(None, description="Generation of the spec that this status is about.")
    conditions: tuple[Condition, ...] | None = Field(
        None,
        description="Standard conditions: Ready, Reconciling, Stalled and others.",
        json_schema_extra=keyed_by("type"),
    )
    reserved: Reserved | None = Field(None, description="What must never change for a cluster that runs.")
