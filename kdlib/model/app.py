"""KubeDirectorApp: an application type, as its author writes it (specification 1.1).

Layer: pure.
"""

from typing import Any

from pydantic import Field

from kdlib.frozen import Json
from kdlib.model.part import LoosePart, Nullable, SpecPart, keyed_by
from kdlib.model.scalars import (
    Amounts,
    CardinalityText,
    Count,
    Directory,
    EventName,
    Flag,
    FormatVersion,
    LogoUrl,
    NonEmpty,
    PackageUrl,
    Port,
    QuantityText,
    RoleId,
    ServiceId,
    StringMap,
    Text,
)

__all__ = [
    "App",
    "AppConfig",
    "AppLabel",
    "AppRole",
    "AppService",
    "AppSpec",
    "ConfigPackage",
    "ContainerSpec",
    "MinStorage",
    "RoleServices",
    "ServiceEndpoint",
]


class AppLabel(LoosePart):
    """A name for people, and words about it."""

    name: NonEmpty = Field(description="Name for people.")
    description: Text | None = Field(None, description="What it is, in words.")


class ConfigPackage(SpecPart):
    """The setup package of a role: an archive with a start script, unpacked inside each member."""

    package_url: PackageUrl = Field(
        alias="packageURL",
        description="URL of the package: file:// inside the image, or http(s):// as seen from the pod. Ends in .tgz.",
    )
    use_new_setup_layout: Flag = Field(
        default=False,
        description="Install the helper programs below /usr/local instead of /usr, so that less must be persisted.",
    )


class ServiceEndpoint(SpecPart):
    """Where a service of a role can be reached."""

    port: Port = Field(description="TCP port that the service listens on.")
    url_scheme: ServiceId | None = Field(None, description="Scheme of the service's URLs, such as http.")
    path: Text | None = Field(None, description="Path of the service's URL; informational.")
    is_dashboard: Flag = Field(default=False, description="True for a web page that people look at; needs urlScheme.")
    has_auth_token: Flag = Field(default=False, description="Make a token for each member that runs the service.")


class AppService(LoosePart):
    """A service that roles of the app may run."""

    id: ServiceId = Field(description="Id of the service; also the container port's name.")
    label: Nullable[AppLabel] = Field(None, description="Name for people.")
    endpoint: Nullable[ServiceEndpoint] = Field(None, description="Network endpoint; absent for a service without one.")
    exported_service: Text | None = Field(
        None,
        alias="exported_service",
        description="Kind of service that it offers to other clusters; passed to members.",
    )


class MinStorage(SpecPart):
    """Least persistent storage that a role can live with."""

    size: QuantityText = Field(description="Least size of a member's persistent volume.")
    ephemeral_mode_supported: Flag = Field(
        default=False, description="True if the role also runs without a persistent volume."
    )


class ContainerSpec(SpecPart):
    """Flags of the member's container."""

    stdin: Flag = Field(default=False, description="Keep the container's standard input open.")
    tty: Flag = Field(default=False, description="Give the container a terminal; needs stdin.")


class AppRole(SpecPart):
    """A role that members of a cluster play."""

    id: RoleId = Field(description="Name of the role.")
    cardinality: CardinalityText = Field(description='Number of members: "N" for exactly N, "N+" for at least N.')
    image_repo_tag: NonEmpty | None = Field(
        None, description="Container image; by default the app's defaultImageRepoTag."
    )
    config_package: Nullable[ConfigPackage] = Field(
        None,
        description="Setup package. Absent: the app's defaultConfigPackage. Explicit null: none for this role.",
    )
    persist_dirs: tuple[Directory, ...] | None = Field(
        None, description="Directories kept on the persistent volume, besides those that are always kept."
    )
    event_list: tuple[EventName, ...] | None = Field(
        None, description="Lifecycle events that the start script is called for; absent: all."
    )
    min_resources: Nullable[Amounts] = Field(None, description="Least resource requests of a member.")
    min_storage: Nullable[MinStorage] = Field(None, description="Least persistent storage of a member.")
    container_spec: Nullable[ContainerSpec] = Field(None, description="Flags of the container.")
    max_log_size_dump: Count | None = Field(
        None, description="Most characters of the start script's output that status keeps; 0 for none. Default 256."
    )


class RoleServices(SpecPart):
    """Which services a role runs."""

    role_id: RoleId = Field(alias="roleID", description="Id of the role.")
    service_ids: tuple[ServiceId, ...] = Field(alias="serviceIDs", description="Ids of the services that it runs.")


class AppConfig(SpecPart):
    """How roles and services belong together."""

    selected_roles: tuple[NonEmpty, ...] = Field(
        description="Roles that every cluster has, unless their cardinality allows zero members.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    role_services: tuple[RoleServices, ...] = Field(
        description="Services by role.", json_schema_extra=keyed_by("roleID")
    )
    config_meta: Nullable[StringMap] = Field(None, description="Free texts, handed to members as config_metadata.")


class AppSpec(LoosePart):
    """The spec of a KubeDirectorApp."""

    label: AppLabel = Field(description="Name for people.")
    distro_id: NonEmpty = Field(alias="distroID", description="Id that all versions of the app share.")
    version: NonEmpty = Field(description="Version of the app.")
    config_schema_version: FormatVersion = Field(
        description="Version of the configmeta format that the package expects."
    )
    default_image_repo_tag: NonEmpty | None = Field(None, description="Image of roles that name none.")
    default_config_package: Nullable[ConfigPackage] = Field(None, description="Setup package of roles that name none.")
    default_persist_dirs: tuple[Directory, ...] | None = Field(
        None, description="Directories to persist of roles that name none."
    )
    default_event_list: tuple[EventName, ...] | None = Field(None, description="Events of roles that name none.")
    default_max_log_size_dump: Count | None = Field(None, description="maxLogSizeDump of roles that name none.")
    services: tuple[AppService, ...] = Field(
        (), description="Services that roles may run.", json_schema_extra=keyed_by("id")
    )
    roles: tuple[AppRole, ...] = Field(description="Roles that members play.", json_schema_extra=keyed_by("id"))
    config: AppConfig = Field(description="How roles and services belong together.")
    capabilities: tuple[NonEmpty, ...] = Field((), description="Linux capabilities added to every member's container.")
    systemd_required: Flag = Field(default=False, description="True if systemd runs as process 1 of the members.")
    logo_url: LogoUrl | None = Field(None, alias="logoURL", description="Picture of the app; informational.")

    def role(self, role_id: str) -> AppRole | None:
        """Return the role of this id, or None."""
        return next((role for role in self.roles if role.id == role_id), None)

    def services_of(self, role_id: str) -> tuple[AppService, ...]:
        """Return the services that the role runs, in the order of the app's list."""
        wanted = {name for item in self.config.role_services if item.role_id == role_id for name in item.service_ids}
        return tuple(service for service in self.services if service.id in wanted)


class App(SpecPart):
    """A KubeDirectorApp."""

    api_version: Text = Field("kubedirector.hpe.com/v1beta1", description="API group and version.")
    kind: Text = Field("KubeDirectorApp", description="Kind of object.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Standard object metadata.")
    spec: AppSpec = Field(description="The application type.")

    @property
    def name(self) -> str:
        """Return the object's name; empty for an app without one."""
        return str(self.metadata.get("name") or "")

    @property
    def namespace(self) -> str:
        """Return the object's namespace; empty for an app without one."""
        return str(self.metadata.get("namespace") or "")

    @classmethod
    def of(cls, name: str, spec: AppSpec | Json) -> "App":
        """Make an app of this name from a spec, a model or its JSON."""
        parsed = spec if isinstance(spec, AppSpec) else AppSpec.model_validate(spec)
        return cls(metadata={"name": name}, spec=parsed)
