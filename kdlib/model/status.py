"""What is written into a cluster's status; field names and state strings are contract (specification 1.3).

Every value that cannot be derived again is *reserved* here before the first write or exec that depends on it.

Layer: pure.
"""

from enum import StrEnum

from pydantic import Field

from kdlib.frozen import Json
from kdlib.model.accepted import Accepted
from kdlib.model.condition import Condition, with_standard_conditions
from kdlib.model.connection_status import ConnectionStatus
from kdlib.model.limits import TimeLimits
from kdlib.model.part import keyed_by
from kdlib.model.scalars import Flag, StringMap, Text, Whole
from kdlib.model.state_detail import MemberState, StateDetail
from kdlib.model.status_part import StatusPart

__all__ = [
    "ClusterState",
    "ClusterStatus",
    "MemberRollup",
    "MemberStatus",
    "Reserved",
    "RestoreProgress",
    "RoleStatus",
]


class ClusterState(StrEnum):
    """`status.state` of a cluster (specification 3.2)."""

    CREATING = "creating"
    UPDATING = "updating"
    CONFIGURED = "configured"


class MemberStatus(StatusPart):
    """One member of a role."""

    pod: Text = Field("", description="Name of the pod, known before the pod is there.", examples=["kdss-9dnrk-0"])
    node_id: Whole = Field(
        default=0, alias="nodeID", description="Id of the member, unique in the cluster, never reused.", examples=[1]
    )
    service: Text = Field(
        "", description="Name of the member's Service; n/a for a role without ports.", examples=["s-kdss-9dnrk-0"]
    )
    auth_token: Text | None = Field(
        None,
        repr=False,
        description="Token of the member's services, where one asks for it.",
        examples=["0123456789abcdef0123456789abcdef"],
    )
    pvc: Text | None = Field(None, description="Name of the member's volume claim.", examples=["p-kdss-9dnrk-0"])
    block_device_paths: tuple[Text, ...] | None = Field(
        None, description="Paths of the member's block devices.", examples=[["/dev/disk0"]]
    )
    state: MemberState = Field(MemberState.CREATE_PENDING, description="State of the member.", examples=["configured"])
    state_detail: StateDetail = Field(StateDetail(), description="How far the member has come.")

    @property
    def departs(self) -> bool:
        """Tell whether the member is being decommissioned: the others still count on it."""
        told = self.state_detail.decommission
        return self.state is MemberState.DELETE_PENDING and told is not None and not told.over

    @property
    def was_set_up(self) -> bool:
        """Tell whether the member is, or ever was, configured; one whose set-ups all failed was not."""
        detail = self.state_detail
        handled = detail.last_configured_container is not None and detail.config_error_detail is None
        known = detail.last_setup_generation is not None or detail.configured_generation is not None
        return self.state is MemberState.CONFIGURED or bool(detail.announced) or handled or known


class RoleStatus(StatusPart):
    """One role that has, had or gets members."""

    id: Text = Field(description="Id of the role.", examples=["worker"])
    stateful_set: Text = Field("", description="Name of the role's StatefulSet.", examples=["kdss-9dnrk"])
    members: tuple[MemberStatus, ...] = Field((), description="Members of the role, by their ordinals.")
    accepted: Accepted | None = Field(
        None, description="The role as it was accepted last, and the default secret that it was accepted with."
    )
    unreadable_secret_keys: tuple[Text, ...] | None = Field(
        None,
        description="Names of the secret keys that no key of the global configuration decrypts.",
        examples=[["password"]],
    )
    rollout: Whole | None = Field(
        None,
        description="Generation of the spec that is brought to the members one by one; absent once all have it.",
        examples=[3],
    )

    @property
    def was_set_up(self) -> bool:
        """Tell whether a member is, or ever was, configured."""
        return any(member.was_set_up for member in self.members)


class MemberRollup(StatusPart):
    """What holds for at least one member (specification 3.15)."""

    membership_changing: Flag = Field(default=False, description="A member comes or goes.", examples=[False])
    members_down: Flag = Field(
        default=False, description="A member's container does not run or answer.", examples=[False]
    )
    members_initializing: Flag = Field(
        default=False, description="A member's volume is being prepared.", examples=[False]
    )
    members_waiting: Flag = Field(default=False, description="A member waits for its container.", examples=[False])
    members_restarting: Flag = Field(
        default=False, description="A member is set up again after a restart.", examples=[False]
    )
    config_errors: Flag = Field(default=False, description="A member could not be configured.", examples=[False])
    members_not_scheduled: Flag = Field(
        default=False, description="A member's pod cannot be scheduled.", examples=[False]
    )


class Reserved(StatusPart):
    """What must never change for a cluster that runs: values taken from the global config, and names."""

    service_type: Text = Field(
        "LoadBalancer", description="Type of the member Services, where the spec names none.", examples=["NodePort"]
    )
    naming_scheme: Text = Field("UID", description="Naming scheme, where the spec names none.", examples=["UID"])
    domain_base: Text = Field(
        ".svc.cluster.local", description="What follows the namespace in host names.", examples=[".svc.cluster.local"]
    )
    app_copy: Text = Field(
        "", description="Name of the ControllerRevision that holds the app as resolved.", examples=["kdapp-spark-x7k2p"]
    )
    app_namespace: Text = Field("", description="Namespace that the app was found in.", examples=["team"])
    app_catalog: Text = Field(
        "local", description="Catalog that the app was found in: local or system.", examples=["local"]
    )
    default_storage_class_name: Text | None = Field(
        None, description="Storage class of roles that name none.", examples=["fast"]
    )
    native_systemd_support: Flag = Field(
        default=False, description="True: systemd needs no mounts of the host.", examples=[False]
    )
    pod_labels: StringMap | None = Field(None, description="Labels of all pods.", examples=[{"team": "blue"}])
    pod_annotations: StringMap | None = Field(
        None, description="Annotations of all pods.", examples=[{"example.org/note": "x"}]
    )
    service_labels: StringMap | None = Field(
        None, description="Labels of all member Services.", examples=[{"team": "blue"}]
    )
    service_annotations: StringMap | None = Field(
        None, description="Annotations of all member Services.", examples=[{"example.org/note": "x"}]
    )
    default_time_limits: TimeLimits | None = Field(
        None, description="How long a run of the start script may take, by event, where the app sets no limit."
    )


class RestoreProgress(StatusPart):
    """What a cluster that is being restored waits for."""

    awaiting_app: Flag = Field(default=False, description="The app is not there yet.", examples=[False])
    awaiting_status: Flag = Field(default=False, description="The status backup is not there yet.", examples=[False])
    awaiting_resources: Flag = Field(
        default=False, description="Objects of the cluster, or connected ones, are missing.", examples=[True]
    )
    error: Text = Field("", description="Why the cluster cannot resume.", examples=["no app spark in namespace team"])


MOST_STATUS_ROLES = 1000
"""A bound that the cost of the CRD's rules needs; no cluster has a tenth of it."""


class ClusterStatus(StatusPart):
    """The status of a cluster."""

    state: Text = Field("", description="creating, updating or configured.", examples=["configured"])
    restore_progress: RestoreProgress | None = Field(None, description="Only while the cluster is being restored.")
    member_state_rollup: MemberRollup | None = Field(None, description="What holds for at least one member.")
    generation_uid: Text | None = Field(
        None,
        alias="generationUID",
        description="Changes with each status.",
        examples=["0b0c6a5e-5a52-4c0a-9a9e-1f0f6f3f2a11"],
    )
    spec_generation_to_process: Whole | None = Field(
        None, description="Grows when the members or the connections change.", examples=[2]
    )
    cluster_service: Text = Field("", description="Name of the headless Service.", examples=["kdhs-x7k2p"])
    last_node_id: Whole = Field(
        default=0, alias="lastNodeID", description="Last member id that was given.", examples=[3]
    )
    last_connection_hash: Text | None = Field(
        None, description="Digest of what the cluster is connected to.", examples=["d41d8cd98f00b204e9800998ecf8427e"]
    )
    connection_version: Whole | None = Field(
        None, description="How often the connections changed since the cluster was made.", examples=[0]
    )
    connections: tuple[ConnectionStatus, ...] | None = Field(
        None, description="What the cluster is connected to, in the spec's order; absent where that is nothing."
    )
    auth_token_secret: Text | None = Field(
        None,
        description="Name of the Secret with the auth tokens of the members, where the app hides them.",
        examples=["kdtokens-spark"],
    )
    roles: tuple[RoleStatus, ...] = Field((), description="Roles and their members.", max_length=MOST_STATUS_ROLES)
    members: Text | None = Field(
        None, description="Members that are ready, of those wanted, such as 3/4.", examples=["3/4"]
    )
    observed_generation: Whole | None = Field(
        None, description="Generation of the spec that this status is about.", examples=[2]
    )
    conditions: tuple[Condition, ...] | None = Field(
        None,
        description="Standard conditions: Ready, Reconciling, Stalled and others.",
        json_schema_extra=keyed_by("type"),
    )
    reserved: Reserved | None = Field(None, description="What must never change for a cluster that runs.")

    @classmethod
    def of(cls, status: Json | None) -> "ClusterStatus":
        """Read the status of a root of any kind; conditions that are not in the standard form are left out."""
        return cls.model_validate(with_standard_conditions(status or {}))
