"""KubeDirectorCluster: an instance of an app, as its user writes it (specification 1.2), and clusters of other roots.

Layer: pure.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from kdlib.errors import Problem
from kdlib.frozen import Json, dig
from kdlib.model.app import App
from kdlib.model.part import LoosePart, Nullable, SpecPart, keyed_by
from kdlib.model.refusal import parsed
from kdlib.model.scalars import (
    REQUIRED_LIMITS,
    AbsolutePath,
    Amounts,
    AppCatalog,
    Count,
    FileMode,
    Flag,
    MountPath,
    NamingScheme,
    NonEmpty,
    Positive,
    ProjectionPath,
    QuantityText,
    ServiceType,
    StringMap,
    Text,
    WebUrl,
    Whole,
)
from kdlib.model.status import ClusterStatus
from kdlib.wire import KD_CLUSTER, Kind, Ref

__all__ = [
    "BlockStorage",
    "Cluster",
    "ClusterRole",
    "ClusterSpec",
    "Connections",
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

    name: NonEmpty = Field(description="Name of the Secret.")
    mount_path: MountPath = Field(description="Directory that it is mounted at.")
    default_mode: FileMode | None = Field(
        None, description="Mode of the files, as a decimal number; at most 511 (0777)."
    )
    read_only: Flag = Field(default=False, description="Mount it read-only.")


class Resources(LoosePart):
    """Compute resources of a member, as Kubernetes has them."""

    limits: Amounts = Field(
        description="Most that a member may use; memory and cpu are required.",
        json_schema_extra={"required": list(REQUIRED_LIMITS)},
    )
    requests: Nullable[Amounts] = Field(None, description="What is set aside for a member.")


class Storage(SpecPart):
    """The persistent volume of each member of a role."""

    size: QuantityText = Field(description="Size of the volume.")
    storage_class_name: NonEmpty | None = Field(None, description="Storage class; by default the configured one.")


class BlockStorage(SpecPart):
    """Raw block devices of each member of a role."""

    storage_class_name: NonEmpty = Field(description="Storage class of the devices.")
    path_prefix: AbsolutePath = Field(description="Path of the devices; a number from 0 is appended.")
    num_devices: Positive = Field(description="Number of devices.")
    size: QuantityText | None = Field(None, description="Size of each device. Default 1Gi.")


class EnvVar(SpecPart):
    """An environment variable of the member's container."""

    name: NonEmpty = Field(description="Name of the variable.")
    value: Text = Field(description="Value of the variable.")


class FilePermissions(SpecPart):
    """Mode and owner of an injected file."""

    file_mode: Whole | None = Field(None, description="Mode as a decimal number: 420 is 0644.")
    file_owner: Text | None = Field(None, description="User that owns the file.")
    file_group: Text | None = Field(None, description="Group of the file.")


class FileInjection(SpecPart):
    """A file that is downloaded into each member before it is set up."""

    src_url: WebUrl = Field(alias="srcURL", description="Where the file comes from.")
    dest_dir: AbsolutePath = Field(description="Directory in the container that it is put into.")
    permissions: Nullable[FilePermissions] = Field(None, description="Mode and owner of the file.")


class SecretKey(SpecPart):
    """A secret value that members find in their configmeta, and nobody in the cluster's spec."""

    name: NonEmpty = Field(description="Name of the key.")
    value: Text | None = Field(None, description="Clear value; encrypted before it is stored.")
    encrypted_value: NonEmpty | None = Field(None, description="Encrypted value.")


class VolumeProjection(SpecPart):
    """An existing claim mounted into each member of a role."""

    pvc_name: NonEmpty = Field(description="Name of the PersistentVolumeClaim.")
    mount_path: ProjectionPath = Field(description="Directory that it is mounted at.")
    read_only: Flag = Field(default=False, description="Mount it read-only.")


class ClusterRole(SpecPart):
    """What a cluster wants of one role of its app."""

    id: str = Field(strict=True, min_length=1, max_length=63, description="Id of the app's role.")
    members: Count | None = Field(None, description="Number of members; by default the least that the app allows.")
    resources: Resources = Field(description="Compute resources of each member.")
    pod_labels: Nullable[StringMap] = Field(None, description="Further labels of the pods.")
    pod_annotations: Nullable[StringMap] = Field(None, description="Further annotations of the pods.")
    service_labels: Nullable[StringMap] = Field(None, description="Further labels of the member Services.")
    service_annotations: Nullable[StringMap] = Field(None, description="Further annotations of the member Services.")
    affinity: Json | None = Field(None, description="Scheduling constraints of the pods, as in a pod's spec.affinity.")
    storage: Nullable[Storage] = Field(None, description="Persistent volume of each member.")
    block_storage: Nullable[BlockStorage] = Field(None, description="Raw block devices of each member.")
    env: tuple[EnvVar, ...] = Field(
        (), description="Environment variables of the container.", json_schema_extra=keyed_by("name")
    )
    shared_memory: QuantityText | None = Field(None, description="Size of /dev/shm.")
    file_injections: tuple[FileInjection, ...] = Field((), description="Files downloaded into each member.")
    secret: Nullable[KdSecret] = Field(
        None, description="Secret mounted into each member; by default the cluster's defaultSecret."
    )
    service_account_name: NonEmpty | None = Field(None, description="ServiceAccount of the pods; its token is mounted.")
    secret_keys: tuple[SecretKey, ...] = Field((), description="Secret values handed to members.")
    volume_projections: tuple[VolumeProjection, ...] = Field(
        (), description="Existing claims mounted into each member."
    )


class Connections(SpecPart):
    """Other resources of the namespace that members are told about."""

    clusters: tuple[Text, ...] = Field((), description="Names of KubeDirectorClusters.")
    configmaps: tuple[Text, ...] = Field((), description="Names of ConfigMaps.")
    secrets: tuple[Text, ...] = Field((), description="Names of Secrets.")


class ClusterSpec(SpecPart):
    """The spec of a KubeDirectorCluster."""

    app: NonEmpty = Field(description="Name of the KubeDirectorApp.")
    app_catalog: AppCatalog | None = Field(
        None,
        description="local: the app is in this namespace; system: in the operator's; absent: tried in this order.",
    )
    service_type: ServiceType | None = Field(
        None, description="Type of the member Services; by default the configured one."
    )
    naming_scheme: NamingScheme | None = Field(
        None, description="How objects are named; by default the configured one."
    )
    default_secret: Nullable[KdSecret] = Field(None, description="Secret of roles that name none.")
    connections: Connections = Field(default_factory=Connections, description="Resources that members are told about.")
    roles: tuple[ClusterRole, ...] = Field(description="What is wanted of each role.", json_schema_extra=keyed_by("id"))

    def role(self, role_id: str) -> ClusterRole | None:
        """Return the role of this id, or None."""
        return next((role for role in self.roles if role.id == role_id), None)


class Cluster(SpecPart):
    """A cluster of members that run an app.

    In memory it may also stand for what another kind of root asks for.
    """

    api_version: Text = Field("kubedirector.hpe.com/v1beta1", description="API group and version.")
    kind: Text = Field("KubeDirectorCluster", description="Kind of object.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Standard object metadata.")
    spec: ClusterSpec = Field(description="What is wanted.")
    status: Nullable[ClusterStatus] = Field(None, description="Written by the operator.")

    @property
    def name(self) -> str:
        """Return the object's name."""
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        """Return the object's namespace."""
        return str(self.metadata.get("namespace") or "")

    @property
    def uid(self) -> str:
        """Return the object's UID; empty before it is stored."""
        return str(self.metadata.get("uid") or "")

    @property
    def generation(self) -> int:
        """Return the generation of the object's spec."""
        return int(self.metadata.get("generation") or 0)

    @property
    def ref(self) -> Ref:
        """Return the name of the root object."""
        return Ref(Kind(self.api_version, self.kind), self.namespace, self.name)

    @classmethod
    def of(
        cls,
        root: Json,
        *,
        app: App | None = None,
        members: Mapping[str, int] | None = None,
        spec: Json | None = None,
    ) -> "Cluster":
        """Read the cluster that a root object asks for.

        A KubeDirectorCluster is taken as it is. For a root of any other kind the cluster has the root's name, UID
        and status, runs `app`, and has the given member count of each role; `spec` is the JSON of a cluster spec
        for all that is wanted besides (resources of roles, environment, service type).
        Raises RefusedError with every problem; paths are those of a cluster's own fields.
        """
        if (root.get("apiVersion"), root.get("kind")) == (KD_CLUSTER.api_version, KD_CLUSTER.name):
            return parsed(cls, root, _missing_limits(root))
        wanted = _foreign_spec(app, members or {}, spec or {})
        return parsed(cls, {**root, "spec": wanted})


def _missing_limits(root: Json) -> Iterator[Problem]:
    """Yield the required limits that roles do not give; other roots than KubeDirectorClusters need none."""
    roles = dig(root, "spec", "roles")
    for index, role in enumerate(roles if isinstance(roles, list) else []):
        limits = dig(role, "resources", "limits")
        for key in REQUIRED_LIMITS:
            if isinstance(limits, dict) and limits.get(key) is None:
                path = f"spec.roles[{index}].resources.limits.{key}"
                yield Problem(path, "is required", 'add the amount, as a string: "1", "2Gi"')


def _foreign_spec(app: App | None, members: Mapping[str, int], spec: Json) -> Json:
    """Compose the cluster spec of a root of another kind; roles in the order of the app, then of their names."""
    given = {role.get("id"): role for role in dig(spec, "roles", default=[])}
    order = [role.id for role in app.spec.roles] if app else []
    known = sorted({*given, *members}, key=lambda role: (order.index(role) if role in order else len(order), str(role)))
    roles = []
    for role_id in known:
        role = {"id": role_id, "resources": {"limits": {}}, **given.get(role_id, {})}
        if role_id in members:
            role["members"] = members[role_id]
        roles.append(role)
    name = {"app": app.name or _label_text(app.spec.distro_id)} if app else {}
    return {**name, **spec, "roles": roles}


def _label_text(text: str) -> str:
    """Turn an app's distro id into what a label may hold, for an app without a name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:63].strip("-_.") or "app"
