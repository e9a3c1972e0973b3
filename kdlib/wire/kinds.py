"""Kinds of the Kubernetes API, and the paths under which a server keeps their objects.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris.

Layer: pure.
"""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

__all__ = [
    "CONFIG_MAP",
    "CONTROLLER_REVISION",
    "CORE_EVENT",
    "EVENT",
    "KD_APP",
    "KD_CLUSTER",
    "KD_CONFIG",
    "KD_STATUS_BACKUP",
    "LEASE",
    "NAMESPACE",
    "PERSISTENT_VOLUME_CLAIM",
    "POD",
    "POD_DISRUPTION_BUDGET",
    "SECRET",
    "SERVICE",
    "SERVICE_ACCOUNT",
    "STATEFUL_SET",
    "STORAGE_CLASS",
    "Kind",
    "Ref",
]


@dataclass(frozen=True, order=True)
class Kind:
    """A kind of object: `Kind("apps/v1", "StatefulSet")`.

    `plural` is the resource name in paths; by default the kind in lower case with an `s`.
    """

    api_version: str
    name: str
    plural: str = ""
    namespaced: bool = True

    def __post_init__(self) -> None:
        if not self.plural:
            object.__setattr__(self, "plural", self.name.lower() + "s")

    @cached_property
    def group(self) -> str:
        """Return the API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @cached_property
    def version(self) -> str:
        """Return the version without its group."""
        return self.api_version.rpartition("/")[2]

    @cached_property
    def root(self) -> str:
        """Return the path of the group and version: `/api/v1` or `/apis/apps/v1`."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of the collection, of one object, or of an object's subresource.

        An empty namespace means all namespaces, or a kind without any.
        """
        parts = [self.root]
        if namespace and self.namespaced:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Names one object: its kind, its namespace (empty for a kind without any) and its name."""

    kind: Kind
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Return the object's path on an API server."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.name} {place}"


NAMESPACE = Kind("v1", "Namespace", namespaced=False)
POD = Kind("v1", "Pod")
SERVICE = Kind("v1", "Service")
CONFIG_MAP = Kind("v1", "ConfigMap")
SECRET = Kind("v1", "Secret")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount")
PERSISTENT_VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim")
CORE_EVENT = Kind("v1", "Event")
EVENT = Kind("events.k8s.io/v1", "Event")
STATEFUL_SET = Kind("apps/v1", "StatefulSet")
POD_DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget")
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", plural="storageclasses", namespaced=False)
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision")
LEASE = Kind("coordination.k8s.io/v1", "Lease")
KD_APP = Kind("kubedirector.hpe.com/v1beta1", "KubeDirectorApp")
KD_CLUSTER = Kind("kubedirector.hpe.com/v1beta1", "KubeDirectorCluster")
KD_CONFIG = Kind("kubedirector.hpe.com/v1beta1", "KubeDirectorConfig")
KD_STATUS_BACKUP = Kind("kubedirector.hpe.com/v1beta1", "KubeDirectorStatusBackup")
