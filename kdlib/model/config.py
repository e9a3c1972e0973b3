"""KubeDirectorConfig, the global settings of one installation (specification 1.4), and the status backup (1.5).

Layer: pure.
"""

from typing import Any

from pydantic import Field

from kdlib.model.part import Nullable, SpecPart
from kdlib.model.scalars import Flag, NamingScheme, NonEmpty, ServiceType, StringMap, Text
from kdlib.model.status import ClusterStatus

__all__ = ["CONFIG_NAME", "Config", "ConfigSpec", "ConfigStatus", "StatusBackup", "StatusBackupSpec"]

CONFIG_NAME = "kd-global-config"
"""Name of the one KubeDirectorConfig, in the operator's own namespace."""


class ConfigSpec(SpecPart):
    """The spec of a KubeDirectorConfig; what is absent has the value that stands in `rules.builtin_reserved`."""

    default_storage_class_name: NonEmpty | None = Field(None, description="Storage class of roles that name none.")
    default_service_type: ServiceType | None = Field(None, description="Service type of clusters that name none.")
    native_systemd_support: Flag | None = Field(
        None, description="True where the nodes need no cgroup host mounts for systemd."
    )
    required_secret_prefix: Text | None = Field(None, description="Names of mountable secrets must start with it.")
    cluster_svc_domain_base: Text | None = Field(
        None, description="What follows the namespace in members' host names; starts with a dot."
    )
    default_naming_scheme: NamingScheme | None = Field(None, description="Naming scheme of clusters that name none.")
    master_encryption_key: Text | None = Field(
        None, description="AES key for secret keys: 16, 24 or 32 bytes as hexadecimal digits."
    )
    pod_labels: Nullable[StringMap] = Field(None, description="Labels of all members' pods.")
    pod_annotations: Nullable[StringMap] = Field(None, description="Annotations of all members' pods.")
    service_labels: Nullable[StringMap] = Field(None, description="Labels of all member Services.")
    service_annotations: Nullable[StringMap] = Field(None, description="Annotations of all member Services.")
    backup_cluster_status: Flag | None = Field(None, description="Keep a KubeDirectorStatusBackup of each cluster.")
    allow_restore_without_connections: Flag | None = Field(
        None, description="Let a restored cluster resume before the resources that it is connected to exist."
    )
    force_shared_memory_size_support: Flag | None = Field(
        None, description="Allow sharedMemory: true always, false never, absent where the Kubernetes version has it."
    )


class ConfigStatus(SpecPart):
    """The status of a KubeDirectorConfig."""

    generation_uid: Text | None = Field(None, alias="generationUID", description="Changes with each status.")
    state: Text | None = Field(None, description="creating, then ready.")


class Config(SpecPart):
    """A KubeDirectorConfig."""

    api_version: Text = Field("kubedirector.hpe.com/v1beta1", description="API group and version.")
    kind: Text = Field("KubeDirectorConfig", description="Kind of object.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Standard object metadata.")
    spec: Nullable[ConfigSpec] = Field(None, description="The settings.")
    status: Nullable[ConfigStatus] = Field(None, description="Written by the operator.")


class StatusBackupSpec(SpecPart):
    """The spec of a KubeDirectorStatusBackup."""

    status_backup: Nullable[ClusterStatus] = Field(None, description="Copy of the cluster's status.")


class StatusBackup(SpecPart):
    """A KubeDirectorStatusBackup: the status of the cluster of the same name, for backup products."""

    api_version: Text = Field("kubedirector.hpe.com/v1beta1", description="API group and version.")
    kind: Text = Field("KubeDirectorStatusBackup", description="Kind of object.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Standard object metadata.")
    spec: StatusBackupSpec = Field(description="The backup.")
