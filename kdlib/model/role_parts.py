"""What a role of a cluster may ask for: resources, volumes, files, secrets (specification 1.2.1).

Layer: pure.
"""

from pydantic import ConfigDict, Field

from kdlib.frozen import Json
from kdlib.model.celrule import CelRule, held
from kdlib.model.part import Nullable, SpecPart, told
from kdlib.model.scalars import (
    REQUIRED_LIMITS,
    AbsolutePath,
    Amounts,
    ClaimFate,
    FileMode,
    Flag,
    IntOrText,
    MountPath,
    NonEmpty,
    Positive,
    ProjectionPath,
    QuantityText,
    Requests,
    Text,
    WebUrl,
    Whole,
)

__all__ = [
    "BlockStorage",
    "ClaimRetention",
    "DisruptionBudget",
    "EnvVar",
    "FileInjection",
    "FilePermissions",
    "KdSecret",
    "Resources",
    "SecretKey",
    "Storage",
    "VolumeProjection",
]


class KdSecret(SpecPart):
    """A Secret mounted into members."""

    name: NonEmpty = Field(
        description="Name of the Secret.",
        examples=["spark-keys"],
        json_schema_extra=told("CL-V-32", "CL-V-33", "CL-V-34", "CL-V-35"),
    )
    mount_path: MountPath = Field(
        description="Directory that it is mounted at.", examples=["/etc/keys"], json_schema_extra=told("CL-V-39")
    )
    default_mode: FileMode | None = Field(
        None,
        description="Mode of the files, as a decimal number; at most 511 (0777).",
        examples=[256],
        json_schema_extra=told("CL-X-60"),
    )
    read_only: Flag = Field(default=False, description="Mount it read-only.", examples=[True])


class Resources(SpecPart):
    """Compute resources of a member, as Kubernetes has them."""

    limits: Amounts = Field(
        description="Most that a member may use; memory and cpu are required.",
        json_schema_extra={"required": list(REQUIRED_LIMITS), **told("CL-X-01", "CL-X-07")},
    )
    requests: Nullable[Requests] = Field(
        None,
        description="What is set aside for a member.",
        json_schema_extra=told("CL-V-20", "CL-X-01", "CL-X-02", "CL-X-07", default="the limits"),
    )

    def amounts(self) -> Json:
        """Return what a container's `resources` say: each amount as a text."""
        parts = {"limits": self.limits, "requests": self.requests}
        return {name: dict(texts) for name, texts in parts.items() if texts is not None}


class Storage(SpecPart):
    """The persistent volume of each member of a role."""

    size: QuantityText = Field(
        description="Size of the volume.",
        examples=["20Gi"],
        json_schema_extra=told("CL-V-21", "CL-V-23", "CL-V-24"),
    )
    storage_class_name: NonEmpty | None = Field(
        None,
        description="Storage class of the volume.",
        examples=["fast"],
        json_schema_extra=told(
            "CL-V-25", "CL-V-26", "CL-V-27", "CL-M-05", default="the configured one, else the cluster's default class"
        ),
    )


class BlockStorage(SpecPart):
    """Raw block devices of each member of a role."""

    storage_class_name: NonEmpty = Field(description="Storage class of the devices.", examples=["block"])
    path_prefix: AbsolutePath = Field(
        description="Path of the devices; a number from 0 is appended.", examples=["/dev/disk"]
    )
    num_devices: Positive = Field(description="Number of devices.", examples=[2])
    size: QuantityText | None = Field(
        None,
        description="Size of each device.",
        examples=["100Gi"],
        json_schema_extra=told("CL-X-05", default="1Gi"),
    )


class EnvVar(SpecPart):
    """An environment variable of the member's container."""

    name: NonEmpty = Field(
        description="Name of the variable.", examples=["LOG_LEVEL"], json_schema_extra=told("CL-X-06")
    )
    value: Text = Field(description="Value of the variable.", examples=["debug"])


class FilePermissions(SpecPart):
    """Mode and owner of an injected file."""

    file_mode: Whole | None = Field(None, description="Mode as a decimal number: 420 is 0644.", examples=[420])
    file_owner: Text | None = Field(None, description="User that owns the file.", examples=["spark"])
    file_group: Text | None = Field(None, description="Group of the file.", examples=["spark"])


class FileInjection(SpecPart):
    """A file that is downloaded into each member before it is set up."""

    src_url: WebUrl = Field(
        alias="srcURL",
        description="Where the file comes from.",
        examples=["https://example.org/hive-site.xml"],
        json_schema_extra=told("CL-V-31"),
    )
    dest_dir: AbsolutePath = Field(
        description="Directory in the container that it is put into.", examples=["/opt/hive/conf"]
    )
    permissions: Nullable[FilePermissions] = Field(None, description="Mode and owner of the file.")


class SecretKey(SpecPart):
    """A secret value that members find in their configmeta, and nobody in the cluster's spec."""

    name: NonEmpty = Field(description="Name of the key.", examples=["password"], json_schema_extra=told("CL-V-36"))
    value: Text | None = Field(
        None,
        repr=False,
        description="Clear value; encrypted before it is stored.",
        examples=["correct horse battery staple"],
        json_schema_extra=told("CL-M-09", "CL-V-37"),
    )
    encrypted_value: NonEmpty | None = Field(
        None,
        description="Encrypted value, as it is stored.",
        examples=["9f2c4e11a0"],
        json_schema_extra=told("CL-V-36", "CL-M-09"),
    )


class DisruptionBudget(SpecPart):
    """How many pods of a role may be evicted at a time, or have to stay."""

    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "CL-X-34",
                "has(self.minAvailable) != has(self.maxUnavailable)",
                "a disruption budget has one bound",
                "give either minAvailable or maxUnavailable",
            )
        )
    )

    min_available: IntOrText | None = Field(
        None,
        description="Pods that stay, as a number, or as a part of those wanted.",
        examples=["50%"],
        json_schema_extra=told("CL-X-34", "CL-X-35"),
    )
    max_unavailable: IntOrText | None = Field(
        None,
        description="Pods that may be missing, as a number, or as a part of those wanted.",
        examples=[1],
        json_schema_extra=told("CL-X-34", "CL-X-35"),
    )


class VolumeProjection(SpecPart):
    """An existing claim mounted into each member of a role."""

    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "CL-V-39",
                "!(self.mountPath in ['/tmp', '/run', '/run/lock'])",
                "the mount path is used by every member",
                "choose another path",
                field_path=".mountPath",
            )
        )
    )

    pvc_name: NonEmpty = Field(
        description="Name of the PersistentVolumeClaim.",
        examples=["datasets"],
        json_schema_extra=told("CL-V-38", "CL-V-39"),
    )
    mount_path: ProjectionPath = Field(
        description="Directory that it is mounted at.", examples=["/datasets"], json_schema_extra=told("CL-V-39")
    )
    read_only: Flag = Field(default=False, description="Mount it read-only.", examples=[True])


class ClaimRetention(SpecPart):
    """What becomes of the volume claims of members that go; the names are those of a StatefulSet.

    See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention.
    """

    when_deleted: ClaimFate = Field(
        "Delete",
        description="When the cluster is deleted.",
        examples=["Retain"],
        json_schema_extra=told("CL-X-46", "PVC-M-01", default="Delete"),
    )
    when_scaled: ClaimFate = Field(
        "Delete",
        description="When a role shrinks or is removed.",
        examples=["Retain"],
        json_schema_extra=told("CL-X-46", default="Delete"),
    )
