"""KubeDirectorApp: an application type, as its author writes it (specification 1.1).

Layer: pure.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field

from kdlib.frozen import Json
from kdlib.model.app_parts import ConfigPackage, ContainerSpec, MinStorage
from kdlib.model.celrule import CelRule, held
from kdlib.model.limits import TimeLimits
from kdlib.model.part import LoosePart, Nullable, SpecPart, keyed_by, told
from kdlib.model.probes import Probe
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
    Port,
    RoleId,
    ServiceId,
    StringMap,
    Text,
    integral,
)

__all__ = [
    "App",
    "AppConfig",
    "AppLabel",
    "AppRole",
    "AppService",
    "AppSpec",
    "RoleServices",
    "ServiceEndpoint",
    "ServiceLabel",
]


_Tries: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=100), BeforeValidator(integral)]


class AppLabel(LoosePart):
    """A name for people, and words about it."""

    name: NonEmpty = Field(
        description="Name for people; made objects carry it in the annotation kdapp-prettyName.",
        examples=["Apache Spark"],
    )
    description: Text | None = Field(
        None, description="What it is, in words.", examples=["Spark with Jupyter notebooks"]
    )


class ServiceLabel(SpecPart):
    """A name of a service for people, and words about it."""

    name: NonEmpty = Field(description="Name for people; members see it in configmeta.", examples=["Dashboard"])
    description: Text | None = Field(None, description="What it is, in words.", examples=["Web page of the master"])


class ServiceEndpoint(SpecPart):
    """Where a service of a role can be reached."""

    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "APP-V-08",
                "!has(self.isDashboard) || !self.isDashboard || has(self.urlScheme)",
                "urlScheme is required for a dashboard",
                "add the scheme, such as http",
                field_path=".urlScheme",
                reason="FieldValueRequired",
            )
        )
    )

    port: Port = Field(
        description="TCP port that the service listens on.", examples=[8080], json_schema_extra=told("APP-X-01")
    )
    url_scheme: ServiceId | None = Field(
        None,
        description="Scheme of the service's URLs, such as http; also the first part of the Service port's name.",
        examples=["http"],
        json_schema_extra=told("APP-V-08", default="none; the Service port is named generic-ID"),
    )
    path: Text | None = Field(None, description="Path of the service's URL; informational.", examples=["/ui"])
    is_dashboard: Flag = Field(
        default=False,
        description="True for a web page that people look at; needs urlScheme.",
        examples=[True],
        json_schema_extra=told("APP-V-08"),
    )
    has_auth_token: Flag = Field(
        default=False, description="Make a token for each member that runs the service.", examples=[True]
    )


class AppService(LoosePart):
    """A service that roles of the app may run."""

    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "APP-X-02",
                "!has(self.endpoint) || (self.id.matches('[a-z]') && !self.id.contains('--'))",
                "the id of a service with an endpoint cannot name a port",
                "use at least one letter, and no two hyphens in a row",
                field_path=".id",
            )
        )
    )

    id: ServiceId = Field(
        description="Id of the service; also the container port's name.",
        examples=["dashboard"],
        json_schema_extra=told("APP-V-03", "APP-X-02"),
    )
    label: Nullable[ServiceLabel] = Field(None, description="Name for people.")
    endpoint: Nullable[ServiceEndpoint] = Field(None, description="Network endpoint; absent for a service without one.")
    exported_service: Text | None = Field(
        None,
        alias="exported_service",
        description="Kind of service that it offers to other clusters; passed to members.",
        examples=["spark"],
    )


class AppRole(SpecPart):
    """A role that members of a cluster play."""

    id: RoleId = Field(description="Name of the role.", examples=["worker"], json_schema_extra=told("APP-V-02"))
    cardinality: CardinalityText = Field(
        description='Number of members: "N" for exactly N, "N+" for at least N.',
        examples=["1+"],
        json_schema_extra=told("CL-V-17", "CL-M-04"),
    )
    image_repo_tag: NonEmpty | None = Field(
        None,
        description="Container image.",
        examples=["docker.io/example/spark:3.5"],
        json_schema_extra=told("APP-M-03", "APP-V-09", default="the app's defaultImageRepoTag"),
    )
    config_package: Nullable[ConfigPackage] = Field(
        None,
        description="Setup package. Absent: the app's defaultConfigPackage. Explicit null: none for this role.",
        json_schema_extra=told("APP-M-02", default="the app's defaultConfigPackage"),
    )
    persist_dirs: tuple[Directory, ...] | None = Field(
        None,
        description="Directories kept on the persistent volume, besides those that are always kept.",
        examples=[["/var/lib/spark"]],
        json_schema_extra=told("APP-M-04", default="the app's defaultPersistDirs"),
    )
    event_list: tuple[EventName, ...] | None = Field(
        None,
        description="Lifecycle events that the start script is called for; absent: all but decommission. One with"
        " decommission makes members that go wait until their start script let go of what they hold. Where no list of"
        " the app has reconnect, all roles are told of changed connections.",
        examples=[["configure", "addnodes"]],
        json_schema_extra=told(
            "APP-M-05", "APP-X-20", "APP-X-41", default="the app's defaultEventList, else all events but decommission"
        ),
    )
    min_resources: Nullable[Amounts] = Field(
        None,
        description="Least resource requests of a member, also of extended resources.",
        json_schema_extra=told("APP-V-09", "CL-V-20"),
    )
    min_storage: Nullable[MinStorage] = Field(
        None, description="Least persistent storage of a member.", json_schema_extra=told("CL-V-21")
    )
    container_spec: Nullable[ContainerSpec] = Field(None, description="Flags of the container.")
    liveness_probe: Probe | None = Field(
        None,
        description="Probe of the container; one that fails gets the container killed, and the member set up again.",
        examples=[{"tcpSocket": {"port": 7077}, "periodSeconds": 20}],
        json_schema_extra=told("APP-X-30", "APP-X-31"),
    )
    readiness_probe: Probe | None = Field(
        None,
        description="Probe of the container; one that fails makes the member count as down.",
        examples=[{"httpGet": {"port": "dashboard", "path": "/healthy"}}],
        json_schema_extra=told("APP-X-30", "APP-X-31"),
    )
    startup_probe: Probe | None = Field(
        None,
        description="Probe of a new container; the other two start when it succeeded. Set-up runs meanwhile.",
        examples=[{"exec": {"command": ["/opt/app/started"]}, "failureThreshold": 60}],
        json_schema_extra=told("APP-X-30", "APP-X-31"),
    )
    max_log_size_dump: Count | None = Field(
        None,
        description="Most characters of the start script's output that status keeps; 0 for none.",
        examples=[1024],
        json_schema_extra=told("APP-M-06", default="the app's defaultMaxLogSizeDump, else 256"),
    )
    notify_retries: _Tries | None = Field(
        None,
        description="How often a start script that failed when told of a change is run again by itself, later and"
        " later, before a person has to act.",
        examples=[3],
        json_schema_extra=told("APP-X-43", default="0"),
    )
    time_limits: TimeLimits | None = Field(
        None,
        description="How long one run of the start script may take, by event; then it is stopped, and has failed.",
        json_schema_extra=told("APP-X-40", default="the global config's defaultTimeLimits, else 7200 for each event"),
    )


class RoleServices(SpecPart):
    """Which services a role runs."""

    role_id: RoleId = Field(
        alias="roleID",
        description="Id of the role.",
        examples=["worker"],
        json_schema_extra=told("APP-V-05", "APP-V-06"),
    )
    service_ids: tuple[ServiceId, ...] = Field(
        alias="serviceIDs",
        description="Ids of the services that it runs.",
        examples=[["dashboard"]],
        json_schema_extra=told("APP-V-06"),
    )


class AppConfig(SpecPart):
    """How roles and services belong together."""

    selected_roles: tuple[NonEmpty, ...] = Field(
        description="Roles that every cluster has, unless their cardinality allows zero members.",
        examples=[["worker"]],
        json_schema_extra={"x-kubernetes-list-type": "set", **told("APP-V-04", "APP-V-07", "CL-V-16")},
    )
    role_services: tuple[RoleServices, ...] = Field(
        description="Services by role.",
        json_schema_extra={**keyed_by("roleID"), **told("APP-V-05", "APP-V-06")},
    )
    config_meta: Nullable[StringMap] = Field(
        None,
        description="Free texts, handed to members as config_metadata.",
        examples=[{"streaming": "true"}],
    )


class AppSpec(LoosePart):
    """The spec of a KubeDirectorApp."""

    model_config = ConfigDict(
        json_schema_extra=held(
            CelRule(
                "APP-V-09",
                "has(self.defaultImageRepoTag) || self.roles.all(role, has(role.imageRepoTag))",
                "a role has no image",
                "name an image in each role or in defaultImageRepoTag",
                field_path=".roles",
                reason="FieldValueRequired",
            )
        )
    )

    label: AppLabel = Field(description="Name for people.")
    distro_id: NonEmpty = Field(
        alias="distroID",
        description="Id that all versions of the app share; key of the app in configmeta.",
        examples=["example/spark"],
    )
    version: NonEmpty = Field(description="Version of the app.", examples=["3.5.1"])
    config_schema_version: FormatVersion = Field(
        description="Version of the configmeta format that the package expects; at least 7.", examples=[8]
    )
    default_image_repo_tag: NonEmpty | None = Field(
        None,
        description="Image of roles that name none.",
        examples=["docker.io/example/spark:3.5"],
        json_schema_extra=told("APP-M-01", "APP-M-03"),
    )
    default_config_package: Nullable[ConfigPackage] = Field(
        None,
        description="Setup package of roles that name none.",
        json_schema_extra=told("APP-M-01", "APP-M-02"),
    )
    default_persist_dirs: tuple[Directory, ...] | None = Field(
        None,
        description="Directories to persist of roles that name none.",
        examples=[["/data"]],
        json_schema_extra=told("APP-M-01", "APP-M-04"),
    )
    default_event_list: tuple[EventName, ...] | None = Field(
        None,
        description="Events of roles that name none.",
        examples=[["configure"]],
        json_schema_extra=told("APP-M-01", "APP-M-05"),
    )
    default_max_log_size_dump: Count | None = Field(
        None,
        description="maxLogSizeDump of roles that name none.",
        examples=[512],
        json_schema_extra=told("APP-M-01", "APP-M-06", default="256"),
    )
    services: tuple[AppService, ...] = Field(
        (),
        description="Services that roles may run.",
        json_schema_extra={**keyed_by("id"), **told("APP-V-03")},
    )
    roles: tuple[AppRole, ...] = Field(
        description="Roles that members play.", json_schema_extra={**keyed_by("id"), **told("APP-V-02")}
    )
    config: AppConfig = Field(description="How roles and services belong together.")
    capabilities: tuple[NonEmpty, ...] = Field(
        (), description="Linux capabilities added to every member's container.", examples=[["SYS_PTRACE"]]
    )
    start_order: tuple[RoleId, ...] | None = Field(
        None,
        description="Roles in the order in which they are set up: members of a role that is made for the first time are"
        " set up once all members of the roles before it are configured.",
        examples=[["worker"]],
        json_schema_extra=told("APP-X-42", default="all roles at the same time"),
    )
    systemd_required: Flag = Field(
        default=False, description="True if systemd runs as process 1 of the members.", examples=[True]
    )
    own_secret_keys_only: Flag = Field(
        default=False,
        description="True: members find the secret keys of their own role alone in their configmeta, not of all roles.",
        examples=[True],
        json_schema_extra=told("APP-X-50"),
    )
    hide_auth_tokens: Flag = Field(
        default=False,
        description="True: auth tokens stand in a Secret of the cluster, kdtokens-NAME, and neither in its status nor "
        "at its Services.",
        examples=[True],
        json_schema_extra=told("APP-X-60", "CL-X-70", "CL-X-71", "CL-X-72"),
    )
    logo_url: LogoUrl | None = Field(
        None,
        alias="logoURL",
        description="Picture of the app; informational.",
        examples=["https://example.org/spark.png"],
    )

    def role(self, role_id: str) -> AppRole | None:
        """Return the role of this id, or None."""
        return next((role for role in self.roles if role.id == role_id), None)

    def services_of(self, role_id: str) -> tuple[AppService, ...]:
        """Return the services that the role runs, in the order of the app's list."""
        wanted = {name for item in self.config.role_services if item.role_id == role_id for name in item.service_ids}
        return tuple(service for service in self.services if service.id in wanted)


class App(SpecPart):
    """An application type: its roles, its services, and how its members are set up."""

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
