"""KubeDirectorCluster: an instance of an app, as its user writes it (specification 1.2), and clusters of other roots.

Layer: pure.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ConfigDict, Field

from kdlib.errors import Problem
from kdlib.frozen import Json, dig
from kdlib.model.affinity import Affinity
from kdlib.model.app import App
from kdlib.model.celrule import CelRule, held
from kdlib.model.condition import with_standard_conditions
from kdlib.model.dead_nodes import DeadNodes
from kdlib.model.part import Nullable, SpecPart, keyed_by, told
from kdlib.model.refusal import parsed
from kdlib.model.role_parts import (
    BlockStorage,
    ClaimRetention,
    DisruptionBudget,
    EnvVar,
    FileInjection,
    KdSecret,
    Resources,
    SecretKey,
    Storage,
    VolumeProjection,
)
from kdlib.model.scalars import (
    REQUIRED_LIMITS,
    AppCatalog,
    Flag,
    MemberCount,
    NamingScheme,
    NonEmpty,
    QuantityText,
    ServiceType,
    StringMap,
    Text,
)
from kdlib.model.scheduling import ImagePullSecret, Toleration, TopologySpreadConstraint
from kdlib.model.status import ClusterStatus
from kdlib.wire import KD_CLUSTER, Kind, Ref

__all__ = ["Cluster", "ClusterRole", "ClusterSpec", "Connections"]

MOST_ROLES = 100
"""A bound that the cost of the CRD's rules needs: ten times what real apps have."""

MOST_CONNECTIONS = 100
"""A bound on what one cluster makes the operator follow: each ConfigMap and Secret is a watch of its own."""

_HAS_MEMBERS = (
    "oldSelf.status.roles.exists(known, known.id == role.id && has(known.members) && size(known.members) > 0)"
)
_FOR_EACH = f"!has(oldSelf.status) || !has(oldSelf.status.roles) || self.spec.roles.all(role, !{_HAS_MEMBERS}"
_SAME_VOLUMES = "has({0}.storage) == has(role.storage) && has({0}.blockStorage) == has(role.blockStorage)"

_LASTING = held(
    CelRule(
        "CL-V-42",
        f"{_FOR_EACH} || oldSelf.spec.roles.exists(old, old.id == role.id))",
        "the members of a role that was removed are still there",
        "add the role again when they are gone",
        field_path=".spec.roles",
    ),
    CelRule(
        "CL-V-43",
        f"{_FOR_EACH} || !oldSelf.spec.roles.exists(old, old.id == role.id && !({_SAME_VOLUMES.format('old')}))"
        " || oldSelf.status.roles.exists(known, known.id == role.id && has(known.accepted) && has(known.accepted.role)"
        f" && {_SAME_VOLUMES.format('known.accepted.role')}))",
        "a role that has members cannot get or lose storage or blockStorage",
        "set it back; or set members to 0 or remove the role, and change it when its members are gone",
        field_path=".spec.roles",
    ),
)
"""What a running cluster can never do, as far as its own object shows it; all else is the webhook's.

A role may go back to what was accepted, whatever stood in the spec in between.
"""

_BOUNDED = held(
    CelRule(
        "CL-V-18",
        "self.all(role, !has(role.members) || role.members <= 1000)"
        " && self.map(role, has(role.members) ? role.members : 0).sum() <= 1000",
        "has more than 1000 members in all",
        "ask for at most 1000 members",
    )
)


class ClusterRole(SpecPart):
    """What a cluster wants of one role of its app."""

    id: str = Field(
        strict=True,
        min_length=1,
        max_length=63,
        description="Id of the app's role.",
        examples=["worker"],
        json_schema_extra=told("CL-V-14", "CL-V-15", "CL-V-16"),
    )
    members: MemberCount | None = Field(
        None,
        description="Number of members.",
        examples=[3],
        json_schema_extra=told("CL-V-17", "CL-V-18", "CL-M-04", default="the least that the app allows"),
    )
    resources: Resources = Field(description="Compute resources of each member.")
    image_repo_tag: NonEmpty | None = Field(
        None,
        description="Container image of the members.",
        examples=["docker.io/example/spark:3.5.1"],
        json_schema_extra=told("CL-X-27", default="the image of the app's role"),
    )
    pod_labels: Nullable[StringMap] = Field(
        None,
        description="Further labels of the pods.",
        examples=[{"team": "blue"}],
        json_schema_extra=told("CL-V-19"),
    )
    pod_annotations: Nullable[StringMap] = Field(
        None,
        description="Further annotations of the pods.",
        examples=[{"example.org/contact": "ann"}],
        json_schema_extra=told("CL-V-19"),
    )
    service_labels: Nullable[StringMap] = Field(
        None,
        description="Further labels of the member Services.",
        examples=[{"team": "blue"}],
        json_schema_extra=told("CL-V-19"),
    )
    service_annotations: Nullable[StringMap] = Field(
        None,
        description="Further annotations of the member Services.",
        examples=[{"example.org/contact": "ann"}],
        json_schema_extra=told("CL-V-19"),
    )
    affinity: Affinity | None = Field(None, description="Scheduling constraints of the pods.")
    tolerations: tuple[Toleration, ...] = Field((), description="Taints of nodes that the pods put up with.")
    node_selector: StringMap | None = Field(
        None,
        description="Labels of the nodes that the pods run on.",
        examples=[{"disk": "ssd"}],
        json_schema_extra=told("CL-X-31"),
    )
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = Field(
        (),
        description="How evenly the pods are spread.",
        json_schema_extra={**keyed_by("topologyKey", "whenUnsatisfiable"), **told("CL-X-32")},
    )
    priority_class_name: NonEmpty | None = Field(
        None,
        description="PriorityClass of the pods.",
        examples=["analytics"],
        json_schema_extra=told("CL-X-09", default="the platform's default"),
    )
    image_pull_secrets: tuple[ImagePullSecret, ...] = Field(
        (),
        description="Secrets with the credentials of container registries.",
        json_schema_extra={**keyed_by("name"), **told("CL-X-33", default="those of the pods' ServiceAccount")},
    )
    pod_disruption_budget: DisruptionBudget | None = Field(
        None,
        description="How many members may be evicted at a time, as by the drain of a node; it changes at any time.",
        examples=[{"maxUnavailable": 1}],
        json_schema_extra=told("CL-X-34", "CL-X-35", default="Kubernetes evicts as many as it likes"),
    )
    storage: Nullable[Storage] = Field(
        None, description="Persistent volume of each member.", json_schema_extra=told("CL-V-21", "CL-V-43")
    )
    block_storage: Nullable[BlockStorage] = Field(
        None, description="Raw block devices of each member.", json_schema_extra=told("CL-V-43")
    )
    env: tuple[EnvVar, ...] = Field(
        (), description="Environment variables of the container.", json_schema_extra=told("CL-X-03")
    )
    shared_memory: QuantityText | None = Field(
        None,
        description="Size of /dev/shm.",
        examples=["1Gi"],
        json_schema_extra=told("CL-V-28", "CL-V-29", "CL-V-30", default="the container runtime's"),
    )
    file_injections: tuple[FileInjection, ...] = Field((), description="Files downloaded into each member.")
    secret: Nullable[KdSecret] = Field(
        None,
        description="Secret mounted into each member.",
        json_schema_extra=told("CL-V-34", "CL-V-35", "CL-M-08", default="the cluster's defaultSecret"),
    )
    service_account_name: NonEmpty | None = Field(
        None,
        description="ServiceAccount of the pods; its token is mounted.",
        examples=["spark"],
        json_schema_extra=told("CL-V-22", default="none, and no token is mounted"),
    )
    secret_keys: tuple[SecretKey, ...] = Field(
        (),
        description="Secret values handed to members.",
        json_schema_extra=told("CL-V-36", "CL-V-37", "CL-M-09"),
    )
    volume_projections: tuple[VolumeProjection, ...] = Field(
        (),
        description="Existing claims mounted into each member.",
        json_schema_extra={**keyed_by("mountPath"), **told("CL-V-38", "CL-V-39")},
    )


class Connections(SpecPart):
    """Other resources of the namespace that members are told about."""

    clusters: tuple[Text, ...] = Field(
        (), description="Names of KubeDirectorClusters.", examples=[["warehouse"]], max_length=MOST_CONNECTIONS
    )
    configmaps: tuple[Text, ...] = Field(
        (), description="Names of ConfigMaps.", examples=[["spark-defaults"]], max_length=MOST_CONNECTIONS
    )
    secrets: tuple[Text, ...] = Field(
        (), description="Names of Secrets.", examples=[["warehouse-login"]], max_length=MOST_CONNECTIONS
    )


class ClusterSpec(SpecPart):
    """The spec of a KubeDirectorCluster."""

    app: NonEmpty = Field(
        description="Name of the KubeDirectorApp.", examples=["spark"], json_schema_extra=told("CL-V-10", "CL-V-40")
    )
    app_catalog: AppCatalog | None = Field(
        None,
        description="local: the app is in this namespace; system: in the operator's; absent: tried in this order.",
        examples=["local"],
        json_schema_extra=told("CL-V-10", "CL-V-41", "CL-M-02", default="the one in which the app is found"),
    )
    service_type: ServiceType | None = Field(
        None,
        description="Type of the member Services.",
        examples=["ClusterIP"],
        json_schema_extra=told("CL-M-06", default="the configured one, else LoadBalancer"),
    )
    naming_scheme: NamingScheme | None = Field(
        None,
        description="How objects are named: by a random suffix (UID), or by cluster and role (CrNameRole).",
        examples=["CrNameRole"],
        json_schema_extra=told("CL-M-07", default="the configured one, else UID"),
    )
    default_secret: Nullable[KdSecret] = Field(
        None, description="Secret of roles that name none.", json_schema_extra=told("CL-V-32", "CL-V-33", "CL-M-08")
    )
    persistent_volume_claim_retention_policy: ClaimRetention | None = Field(
        None, description="What becomes of volume claims of members that go.", json_schema_extra=told("CL-X-46")
    )
    connections: Connections = Field(
        default_factory=Connections,
        description="Resources that members are told about, in configmeta.json; a change runs startscript --reconnect.",
        json_schema_extra=told("CL-X-13", "CL-X-20"),
    )
    dead_nodes: DeadNodes | None = Field(
        None,
        description="What becomes of members on nodes that do not answer any more.",
        json_schema_extra=told(default="they wait"),
    )
    paused: Flag = Field(
        default=False,
        description="True: the operator writes no object and starts nothing inside members; it only looks.",
        examples=[False],
    )
    roles: tuple[ClusterRole, ...] = Field(
        description="What is wanted of each role.",
        max_length=MOST_ROLES,
        json_schema_extra={**keyed_by("id"), **_BOUNDED, **told("CL-V-15", "CL-V-16", "CL-V-18", "CL-V-42")},
    )

    @property
    def claim_retention(self) -> ClaimRetention:
        """Return what becomes of volume claims, with its defaults."""
        return self.persistent_volume_claim_retention_policy or ClaimRetention()

    def role(self, role_id: str) -> ClusterRole | None:
        """Return the role of this id, or None."""
        return next((role for role in self.roles if role.id == role_id), None)


class Cluster(SpecPart):
    """A cluster of members that run an app.

    In memory it may also stand for what another kind of root asks for.
    """

    model_config = ConfigDict(json_schema_extra=_LASTING)

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
        return parsed(cls, {**root, "spec": wanted, "status": with_standard_conditions(root.get("status"))})


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
