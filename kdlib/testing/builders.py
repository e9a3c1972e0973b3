"""Objects for tests, complete enough to be accepted; each is plain JSON, to be changed as the test wants.

Layer: pure.
"""

from collections.abc import Mapping
from typing import Any

from kdlib.frozen import Json
from kdlib.wire import CONFIG_MAP, KD_APP, KD_CLUSTER, SECRET, Kind

__all__ = ["a_cluster", "a_config_map", "a_definition", "a_secret", "an_app"]

_OPEN: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_SMALL: Json = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "100m"}}


def an_app(name: str = "app", roles: Mapping[str, str] | None = None, **spec: Any) -> Json:
    """Return a KubeDirectorApp with roles, by default one role `worker` of any size.

    `roles` gives each role its cardinality, such as `{"head": "1", "worker": "0+"}`; `spec` sets further fields.
    """
    wanted = {"worker": "0+"} if roles is None else roles
    return {
        "apiVersion": KD_APP.api_version,
        "kind": KD_APP.name,
        "metadata": {"name": name},
        "spec": {
            "label": {"name": name},
            "distroID": f"example.org/{name}",
            "version": "1",
            "configSchemaVersion": 8,
            "defaultImageRepoTag": f"example.org/{name}:1",
            "defaultConfigPackage": {"packageURL": f"file:///opt/{name}.tgz", "useNewSetupLayout": True},
            "roles": [{"id": role, "cardinality": cardinality} for role, cardinality in wanted.items()],
            "config": {
                "selectedRoles": [*wanted],
                "roleServices": [{"roleID": role, "serviceIDs": []} for role in wanted],
            },
            **spec,
        },
    }


def a_cluster(name: str = "cluster", app: str = "app", members: Mapping[str, int] | None = None, **spec: Any) -> Json:
    """Return a KubeDirectorCluster of an app, by default with one `worker`; `spec` sets further fields."""
    wanted = {"worker": 1} if members is None else members
    roles = [{"id": role, "members": count, "resources": _SMALL} for role, count in wanted.items()]
    return {
        "apiVersion": KD_CLUSTER.api_version,
        "kind": KD_CLUSTER.name,
        "metadata": {"name": name},
        "spec": {"app": app, "serviceType": "ClusterIP", "roles": roles, **spec},
    }


def a_config_map(name: str = "config", **data: str) -> Json:
    """Return a ConfigMap with this data."""
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": {"name": name},
        "data": data,
    }


def a_secret(name: str = "secret", **data: str) -> Json:
    """Return a Secret with this data, in clear as `stringData`."""
    return {"apiVersion": SECRET.api_version, "kind": SECRET.name, "metadata": {"name": name}, "stringData": data}


def a_definition(kind: Kind, spec: Json | None = None) -> Json:
    """Return the CustomResourceDefinition of a kind, with a status of its own; `spec` is the schema of its spec.

    Without a schema anything may stand in the spec.
    """
    properties = {"spec": spec or _OPEN, "status": _OPEN}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
            },
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
                }
            ],
        },
    }
