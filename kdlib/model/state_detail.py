"""How far a member has come; states and names of the first fields are contract (specification 1.3, 3.2, 3.6).

Layer: pure.
"""

from enum import StrEnum

from pydantic import Field

from kdlib.model.runs import Decommission, PendingNotify
from kdlib.model.scalars import Flag, Text, Whole
from kdlib.model.status_part import StatusPart

__all__ = ["ContainerState", "MemberState", "MemberTrouble", "StateDetail"]


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
    POD_REFUSED = "pod refused"
    NODE_LOST = "node lost"


class StateDetail(StatusPart):
    """How far a member has come; the fields after `storageInitProgress` are not in the original."""

    config_error_detail: Text | None = Field(
        None, description="Why the member is in config error.", examples=["configure failed with exit status 3"]
    )
    last_config_data_generation: Whole | None = Field(
        None, description="Spec generation of the configmeta that was uploaded last; absent: never.", examples=[2]
    )
    last_setup_generation: Whole | None = Field(
        None,
        description="Spec generation that the start script has digested; absent: it never completed.",
        examples=[2],
    )
    configuring_container: Text | None = Field(
        None, description="ID of the container that is being configured.", examples=["containerd://5f0c"]
    )
    last_configured_container: Text | None = Field(
        None, description="ID of the container that was configured last.", examples=["containerd://5f0c"]
    )
    last_known_container_state: ContainerState | None = Field(
        None, description="State of the member's container.", examples=["running"]
    )
    pending_notify_cmds: tuple[PendingNotify, ...] | None = Field(
        None, description="Start script invocations still to do, in order."
    )
    decommission: Decommission | None = Field(
        None, description="Only for a member that goes, and whose role wants to hear of it before."
    )
    last_connection_version: Whole | None = Field(
        None, description="Version of the connections that the member was told of.", examples=[0]
    )
    start_script_stdout_message: Text | None = Field(
        None, description="End of the start script's output, where it failed.", examples=["joining the cluster"]
    )
    start_script_stderr_message: Text | None = Field(
        None, description="End of the start script's error output, where it failed.", examples=["seed not reachable"]
    )
    scheduling_error_message: Text | None = Field(
        None,
        description="Why the member's pod cannot be scheduled.",
        examples=["0/3 nodes are available: 3 Insufficient memory."],
    )
    storage_init_progress: Text | None = Field(
        None, description="How far the first copy onto the volume has come.", examples=["42% done"]
    )
    attempt: Whole | None = Field(
        None, description="Number of the last set-up attempt, reserved before it starts; 1 for the first.", examples=[1]
    )
    retry_handled: Text | None = Field(
        None, description="Value of the retry annotation that led to the attempt.", examples=["1"]
    )
    tokens_handled: Text | None = Field(
        None, description="Value of the rotate-tokens annotation that the auth token was made for.", examples=["1"]
    )
    auth_token_digest: Text | None = Field(
        None,
        description="Digest of the member's auth token, where the app hides it: it stands in Secret kdtokens-NAME.",
        examples=["4be1f6a02c"],
    )
    progress: Text | None = Field(
        None, description="What the member is waiting for, in words.", examples=["waiting for the container"]
    )
    awaited_role: Text | None = Field(
        None,
        description="Role that has to be configured before the member is set up, by the app's startOrder.",
        examples=["namenode"],
    )
    trouble: MemberTrouble | None = Field(
        None,
        description="What keeps the member's pod from running until somebody acts; progress says it in words.",
        examples=["image not pulled"],
    )
    listed_since: Whole | None = Field(
        None, description="Spec generation of the first configmeta that lists the member.", examples=[1]
    )
    announced: Flag | None = Field(
        None,
        description="True once the member was configured and addnodes was queued for those that did not know of it.",
        examples=[True],
    )
    configuring_generation: Whole | None = Field(
        None,
        description="Spec generation when the last set-up was reserved; its configmeta is of this or a later one.",
        examples=[1],
    )
    configured_generation: Whole | None = Field(
        None, description="Spec generation of the configmeta with which the member was last set up.", examples=[1]
    )
    set_up_from: Text | None = Field(
        None,
        description="Digest of the image and the setup package that the member was set up from, or is.",
        examples=["9f2c4e11a0"],
    )
    from_scratch: Flag | None = Field(
        None,
        description="True while the member has to be set up anew whatever its volume holds: image or package changed.",
        examples=[True],
    )
    restart_handled: Text | None = Field(
        None, description="Values of the restart annotations that were handled last.", examples=["1"]
    )
    restarting: Text | None = Field(
        None,
        description="UID of the pod that is being ended, since a restart was asked for.",
        examples=["0b0c6a5e-5a52-4c0a-9a9e-1f0f6f3f2a11"],
    )
