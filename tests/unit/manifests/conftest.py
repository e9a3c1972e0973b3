"""Clusters to build manifests of, and golden files to compare them with.

Golden files are written anew by `GOLDEN=write pytest tests/unit/manifests`; look at the difference before committing.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from kdlib import model, rules
from kdlib.model import ClusterStatus, Life, MemberState, MemberStatus, Reserved, RoleStatus, Seen, StateDetail

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

APP = {
    "label": {"name": "Example database"},
    "distroID": "example/db",
    "version": "1.0",
    "configSchemaVersion": 7,
    "defaultImageRepoTag": "registry.example/db:1",
    "defaultConfigPackage": {"packageURL": "file:///opt/db.tgz", "useNewSetupLayout": True},
    "services": [
        {
            "id": "db",
            "label": {"name": "DB"},
            "endpoint": {"port": 9042, "urlScheme": "cql"},
            "exported_service": "cql",
        },
        {
            "id": "web",
            "label": {"name": "Web"},
            "endpoint": {"port": 8080, "urlScheme": "http", "isDashboard": True, "hasAuthToken": True},
        },
        {"id": "raw", "label": {"name": "Raw"}, "endpoint": {"port": 7000}},
        {"id": "agent", "label": {"name": "Agent"}},
    ],
    "roles": [
        {"id": "seed", "cardinality": "1"},
        {
            "id": "data",
            "cardinality": "0+",
            "configPackage": {"packageURL": "http://x/y.tgz"},
            "persistDirs": ["/srv/data"],
        },
        {"id": "edge", "cardinality": "0+", "configPackage": None},
    ],
    "config": {
        "selectedRoles": ["seed", "data"],
        "roleServices": [
            {"roleID": "seed", "serviceIDs": ["web", "db"]},
            {"roleID": "data", "serviceIDs": ["db", "raw", "agent"]},
            {"roleID": "edge", "serviceIDs": ["agent"]},
        ],
        "configMeta": {"colour": "blue"},
    },
}
LIMITS = {"limits": {"memory": "4Gi", "cpu": "1500m"}, "requests": {"memory": "2Gi", "cpu": "1"}}
ROLES = [
    {"id": "seed", "members": 1, "resources": LIMITS},
    {"id": "data", "members": 2, "resources": LIMITS},
]
RESERVED = {
    "serviceType": "NodePort",
    "namingScheme": "UID",
    "domainBase": ".svc.cluster.local",
    "appCopy": "kdapp-z5t4h",
    "appNamespace": "team",
    "appCatalog": "local",
}


def root_of(spec, **metadata):
    named = {"name": "db1", "namespace": "team", "uid": "11111111-2222", "generation": 3, **metadata}
    return {
        "apiVersion": "kubedirector.hpe.com/v1beta1",
        "kind": "KubeDirectorCluster",
        "metadata": named,
        "spec": {"app": "exampledb", **spec},
    }


def status_of(roles, scheme):
    """Return the status of a cluster whose members are all configured, and whose objects are named."""
    found, node_id = [], 0
    for role in roles:
        name = f"kdss-{role['id']}" if scheme == "UID" else f"db1-{role['id']}-z5t4h"
        members = []
        for index in range(role.get("members", 1)):
            node_id += 1
            pod = f"{name}-{index}"
            service = "n/a" if role["id"] == "edge" else f"s-{pod}" if scheme == "UID" else pod
            members.append(
                MemberStatus(
                    pod=pod,
                    node_id=node_id,
                    service=service,
                    auth_token=f"token{node_id}" if role["id"] == "seed" else None,
                    pvc=f"p-{pod}" if role.get("storage") else None,
                    block_device_paths=tuple(f"/dev/blk{n}" for n in range(2)) if role.get("blockStorage") else None,
                    state=MemberState.CONFIGURED,
                    state_detail=StateDetail(last_configured_container=f"containerd://{pod}"),
                )
            )
        found.append(RoleStatus(id=role["id"], stateful_set=name, members=tuple(members)))
    return tuple(found)


def answered(roles=None, *, app=None, reserved=None, children=(), gone=(), spec=None, change=None, related=()):
    """Return a cluster with all questions answered, and its members, configured unless `change` moves them.

    `roles` are those of the spec, `gone` roles that left it; `app`, `reserved` and `spec` replace fields.
    """
    roles = ROLES if roles is None else roles
    values = Reserved.model_validate({**RESERVED, **(reserved or {})})
    status = ClusterStatus(
        cluster_service="kdhs-x7k2p" if values.naming_scheme == "UID" else "db1x7k2p",
        roles=status_of([*roles, *gone], values.naming_scheme),
        reserved=values,
    )
    root = {**root_of({**(spec or {}), "roles": roles}), "status": status.dumped()}
    parsed = model.App.of("exampledb", {**APP, **(app or {})})
    resolved = rules.resolve(model.Cluster.of(root), parsed, Seen(NOW, root, tuple(children), tuple(related)))
    advanced = change(resolved.status) if change else resolved.status
    counts = {role["id"]: role.get("members", 1) for role in roles if role.get("members", 1)}
    counts |= {role["id"]: 0 for role in gone}
    return resolved, Life(status=advanced, replicas=tuple(counts.items()))


@pytest.fixture(scope="session")
def make():
    """Return the function that answers all questions of a cluster."""
    return answered


class _Dumper(yaml.SafeDumper):
    """Writes texts of many lines as such, and nothing as a reference."""

    def ignore_aliases(self, data):
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


@pytest.fixture
def golden():
    """Return a function that compares a value with the golden file of this name."""

    def compared(name, value):
        path = GOLDEN / f"{name}.yaml"
        if os.environ.get("GOLDEN") == "write":
            path.write_text(yaml.dump(value, Dumper=_Dumper, sort_keys=True, width=110))
        assert yaml.safe_load(path.read_text()) == value, f"{path} differs; GOLDEN=write pytest writes it anew"

    return compared
