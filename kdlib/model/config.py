"""KubeDirectorConfig, the global settings of one installation (specification 1.4), and the status backup (1.5).

Layer: pure.
"""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from kdlib.model.celrule import CelRule, held
from kdlib.model.condition import Condition
from kdlib.model.limits import TimeLimits
from kdlib.model.part import Nullable, SpecPart, keyed_by, told
from kdlib.model.scalars import Flag, NamingScheme, NonEmpty, ServiceType, StringMap, Text, Whole
from kdlib.model.status import ClusterStatus

__all__ = ["CONFIG_NAME", "Config", "ConfigSpec", "ConfigStatus", "StatusBackup", "StatusBackupSpec"]

CONFIG_NAME = "kd-global-config"
"""Name of the one KubeDirectorConfig, in the operator's own namespace."""


MOST_FORMER_KEYS = 16
_LONGEST_KEY = 256
"""Bounds that the cost of the CRD's rules needs."""


class ConfigSpec(SpecPart):
    """The spec of a KubeDirectorConfig; what is absent has the value that stands in `rules.builtin_reserved`."""

    # It stands here and not at the field, because a server quotes a field's value in its refusal.
    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "CFG-V-08",
                "!has(self.masterEncryptionKey) || (size(self.masterEncryptionKey) in [32, 48, 64]"
                " && self.masterEncryptionKey.matches('^[0-9a-fA-F]*$'))",
                "is not an AES key",
                "write 32, 48 or 64 hexadecimal digits, or leave it out",
                field_path=".masterEncryptionKey",
            ),
            CelRule(
                "CFG-X-50",
                "!has(self.formerEncryptionKeys) || self.formerEncryptionKeys.all(key, size(key) in [32, 48, 64]"
                " && key.matches('^[0-9a-fA-F]*$'))",
                "one of them is not an AES key",
                "write each as 32, 48 or 64 hexadecimal digits",
                field_path=".formerEncryptionKeys",
            ),
        )
    )

    default_storage_class_name: NonEmpty | None = Field(
        None,
        description="Storage class of roles that name none.",
        examples=["fast"],
        json_schema_extra=told("CFG-V-07", "CL-M-05", default="the default class of the Kubernetes cluster"),
    )
    default_service_type: ServiceType | None = Field(
        None,
        description="Service type of clusters that name none.",
        examples=["ClusterIP"],
        json_schema_extra=told("CFG-M-03", "CL-M-06", default="LoadBalancer"),
    )
    native_systemd_support: Flag | None = Field(
        None,
        description="True where the nodes need no cgroup host mounts for systemd.",
        examples=[True],
        json_schema_extra=told("CFG-M-04", default="false"),
    )
    required_secret_prefix: Text | None = Field(
        None,
        description="Names of mountable secrets must start with it.",
        examples=["kd-"],
        json_schema_extra=told("CL-V-32", "CL-V-34"),
    )
    cluster_svc_domain_base: Text | None = Field(
        None,
        description="What follows the namespace in members' host names; starts with a dot.",
        examples=[".svc.example.org"],
        json_schema_extra=told("CFG-M-05", default=".svc.cluster.local"),
    )
    default_naming_scheme: NamingScheme | None = Field(
        None,
        description="Naming scheme of clusters that name none.",
        examples=["CrNameRole"],
        json_schema_extra=told("CFG-M-06", "CL-M-07", default="UID"),
    )
    master_encryption_key: Text | None = Field(
        None,
        repr=False,
        description="AES key for secret keys: 16, 24 or 32 bytes as hexadecimal digits.",
        examples=["00112233445566778899aabbccddeeff"],
        json_schema_extra=told("CFG-V-06", "CFG-V-08", "CFG-M-02", default="a random key, made at once"),
    )
    former_encryption_keys: tuple[Annotated[Text, Field(max_length=_LONGEST_KEY)], ...] = Field(
        (),
        repr=False,
        max_length=MOST_FORMER_KEYS,
        description="Keys that were masterEncryptionKey before: they decrypt what they encrypted, and encrypt nothing.",
        examples=[["ffeeddccbbaa99887766554433221100"]],
        json_schema_extra=told("CFG-V-06", "CFG-X-50", "CFG-X-51"),
    )
    pod_labels: Nullable[StringMap] = Field(
        None,
        description="Labels of all members' pods.",
        examples=[{"managed": "yes"}],
        json_schema_extra=told("CFG-V-09"),
    )
    pod_annotations: Nullable[StringMap] = Field(
        None,
        description="Annotations of all members' pods.",
        examples=[{"example.org/site": "north"}],
        json_schema_extra=told("CFG-V-09"),
    )
    service_labels: Nullable[StringMap] = Field(
        None,
        description="Labels of all member Services.",
        examples=[{"managed": "yes"}],
        json_schema_extra=told("CFG-V-09"),
    )
    service_annotations: Nullable[StringMap] = Field(
        None,
        description="Annotations of all member Services.",
        examples=[{"example.org/site": "north"}],
        json_schema_extra=told("CFG-V-09"),
    )
    backup_cluster_status: Flag | None = Field(
        None,
        description="Keep a KubeDirectorStatusBackup of each cluster.",
        examples=[True],
        json_schema_extra=told("CFG-M-07", default="false"),
    )
    allow_restore_without_connections: Flag | None = Field(
        None,
        description="Let a restored cluster resume before the resources that it is connected to exist.",
        examples=[True],
        json_schema_extra=told("CFG-M-08", default="false"),
    )
    force_shared_memory_size_support: Flag | None = Field(
        None,
        description="Allow sharedMemory: true always, false never, absent where the Kubernetes version has it.",
        examples=[False],
        json_schema_extra=told("CL-V-28", default="absent"),
    )
    default_time_limits: TimeLimits | None = Field(
        None,
        description="How long one run of a start script may take, by event, in clusters made from now on, where their"
        " app sets no limit.",
        json_schema_extra=told("CFG-X-40", default="7200 for each event"),
    )


class ConfigStatus(SpecPart):
    """The status of a KubeDirectorConfig."""

    generation_uid: Text | None = Field(
        None,
        alias="generationUID",
        description="Changes with each status.",
        examples=["0b0c6a5e-5a52-4c0a-9a9e-1f0f6f3f2a11"],
    )
    state: Text | None = Field(
        None, description="creating until every value can be used, then ready.", examples=["ready"]
    )
    observed_generation: Whole | None = Field(
        None, description="Generation of the spec that this status is about.", examples=[2]
    )
    conditions: tuple[Condition, ...] | None = Field(
        None,
        description="Standard conditions: Ready, Stalled, and what is to be said of keys.",
        json_schema_extra=keyed_by("type"),
    )


class Config(SpecPart):
    """The global settings of one installation."""

    api_version: Text = Field("kubedirector.hpe.com/v1beta1", description="API group and version.")
    kind: Text = Field("KubeDirectorConfig", description="Kind of object.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Standard object metadata.")
    spec: Nullable[ConfigSpec] = Field(None, description="The settings.")
    status: Nullable[ConfigStatus] = Field(None, description="Written by the operator.")


class StatusBackupSpec(SpecPart):
    """The spec of a KubeDirectorStatusBackup."""

    status_backup: Nullable[ClusterStatus] = Field(None, description="Copy of the cluster's status.")


class StatusBackup(SpecPart):
    """The status of the cluster of the same name, for backup products."""

    api_version: Text = Field("kubedirector.hpe.com/v1beta1", description="API group and version.")
    kind: Text = Field("KubeDirectorStatusBackup", description="Kind of object.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Standard object metadata.")
    spec: StatusBackupSpec = Field(description="The backup.")
