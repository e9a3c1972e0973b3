"""What users write (app, cluster, config, status, backup), and what one pass passes on from step to step.

Layer: pure.
"""

from kdlib.model.affinity import Affinity, LabelSelector
from kdlib.model.app import (
    App,
    AppConfig,
    AppLabel,
    AppRole,
    AppService,
    AppSpec,
    RoleServices,
    ServiceEndpoint,
    ServiceLabel,
)
from kdlib.model.app_parts import ConfigPackage, ContainerSpec, MinStorage
from kdlib.model.celrule import CelRule
from kdlib.model.cluster import Cluster, ClusterRole, ClusterSpec, Connections
from kdlib.model.config import CONFIG_NAME, Config, ConfigSpec, ConfigStatus, StatusBackup, StatusBackupSpec
from kdlib.model.connection_status import ConnectionStatus
from kdlib.model.crd import KINDS, cel_rules, crd, schemas
from kdlib.model.dead_nodes import DeadNodes
from kdlib.model.editor import editor_schema, editor_schemas
from kdlib.model.limits import TimeLimits
from kdlib.model.mounts import MEMORY_DIRECTORIES, SHARED_MEMORY
from kdlib.model.parse import parse_app, parse_cluster, parse_config
from kdlib.model.part import SpecPart
from kdlib.model.probes import ExecAction, GrpcAction, HttpGetAction, HttpHeader, Probe, TcpSocketAction
from kdlib.model.reference import example, reference
from kdlib.model.refusal import api_path, parsed, subject
from kdlib.model.role_parts import (
    BlockStorage,
    ClaimRetention,
    DisruptionBudget,
    EnvVar,
    FileInjection,
    FilePermissions,
    KdSecret,
    Resources,
    SecretKey,
    Storage,
    VolumeProjection,
)
from kdlib.model.runs import DECOMMISSION, Decommission, PendingNotify
from kdlib.model.scheduling import ImagePullSecret, Toleration, TopologySpreadConstraint
from kdlib.model.state_detail import ContainerState, MemberState, MemberTrouble, StateDetail
from kdlib.model.status import (
    ClusterState,
    ClusterStatus,
    MemberRollup,
    MemberStatus,
    Reserved,
    RestoreProgress,
    RoleStatus,
)
from kdlib.model.values import (
    Action,
    Connection,
    Finished,
    GuestFact,
    Life,
    Notify,
    Outcome,
    Resolved,
    ResolvedRole,
    Rollout,
    Seen,
    SetUp,
    Stalled,
    UnderWay,
    WatchCopy,
)
from kdlib.model.withheld import without_secrets

__all__ = [
    "CONFIG_NAME",
    "DECOMMISSION",
    "KINDS",
    "MEMORY_DIRECTORIES",
    "SHARED_MEMORY",
    "Action",
    "Affinity",
    "App",
    "AppConfig",
    "AppLabel",
    "AppRole",
    "AppService",
    "AppSpec",
    "BlockStorage",
    "CelRule",
    "ClaimRetention",
    "Cluster",
    "ClusterRole",
    "ClusterSpec",
    "ClusterState",
    "ClusterStatus",
    "Config",
    "ConfigPackage",
    "ConfigSpec",
    "ConfigStatus",
    "Connection",
    "ConnectionStatus",
    "Connections",
    "ContainerSpec",
    "ContainerState",
    "DeadNodes",
    "Decommission",
    "DisruptionBudget",
    "EnvVar",
    "ExecAction",
    "FileInjection",
    "FilePermissions",
    "Finished",
    "GrpcAction",
    "GuestFact",
    "HttpGetAction",
    "HttpHeader",
    "ImagePullSecret",
    "KdSecret",
    "LabelSelector",
    "Life",
    "MemberRollup",
    "MemberState",
    "MemberStatus",
    "MemberTrouble",
    "MinStorage",
    "Notify",
    "Outcome",
    "PendingNotify",
    "Probe",
    "Reserved",
    "Resolved",
    "ResolvedRole",
    "Resources",
    "RestoreProgress",
    "RoleServices",
    "RoleStatus",
    "Rollout",
    "SecretKey",
    "Seen",
    "ServiceEndpoint",
    "ServiceLabel",
    "SetUp",
    "SpecPart",
    "Stalled",
    "StateDetail",
    "StatusBackup",
    "StatusBackupSpec",
    "Storage",
    "TcpSocketAction",
    "TimeLimits",
    "Toleration",
    "TopologySpreadConstraint",
    "UnderWay",
    "VolumeProjection",
    "WatchCopy",
    "api_path",
    "cel_rules",
    "crd",
    "editor_schema",
    "editor_schemas",
    "example",
    "parse_app",
    "parse_cluster",
    "parse_config",
    "parsed",
    "reference",
    "schemas",
    "subject",
    "without_secrets",
]
