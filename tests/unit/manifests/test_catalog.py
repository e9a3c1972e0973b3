"""The objects of every app of the catalog, as they are in users' clusters."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from kdlib import graph, manifests, model, rules
from kdlib.model import Seen

CATALOG = Path(__file__).parents[3] / "catalog"
APPS = sorted(path.parent.name for path in CATALOG.glob("*/app.yaml"))


@pytest.mark.parametrize("name", APPS)
def test_a_cluster_with_one_member_in_each_role_is_golden(name, golden) -> None:
    app = model.App.model_validate(yaml.safe_load((CATALOG / name / "app.yaml").read_text()))
    resources = {"limits": {"memory": "64Gi", "cpu": "16"}}
    root = {
        "apiVersion": "kubedirector.hpe.com/v1beta1",
        "kind": "KubeDirectorCluster",
        "metadata": {"name": "one", "namespace": "team", "uid": "u1", "generation": 1},
        "spec": {
            "app": app.name,
            "serviceType": "NodePort",
            "roles": [{"id": role.id, "members": 1, "resources": resources} for role in app.spec.roles],
        },
    }
    seen = Seen(datetime(2026, 1, 1, tzinfo=UTC), root)

    desired = manifests.build(rules.resolve(model.Cluster.of(root), app, seen))

    pod = desired.life.status.roles[0].members[0].pod
    golden(f"catalog-{name}", {"objects": list(desired.graph), "configmeta": manifests.configmeta(desired, pod)})
    assert graph.plan(desired.graph, desired.graph.objects, root=root).is_empty
