"""`kdd plan` says what the user's `kubectl apply` would do, where others own fields too. On both servers."""

import json

import pytest

from kdd.plan import forecast
from kdlib.offline import LAST_APPLIED
from kdlib.wire import KD_APP, KD_CLUSTER, Ref

SMALL = {"limits": {"memory": "16Mi", "cpu": "10m"}}
REF = Ref(KD_CLUSTER, "team", "c1")


def app():
    spec = {
        "label": {"name": "demo"},
        "distroID": "test/demo",
        "version": "1",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": "test/demo:1",
        "roles": [{"id": "head", "cardinality": "1"}, {"id": "tail", "cardinality": "0+"}],
        "config": {"selectedRoles": ["head", "tail"], "roleServices": []},
    }
    return {
        "apiVersion": KD_APP.api_version,
        "kind": KD_APP.name,
        "metadata": {"namespace": "team", "name": "demo"},
        "spec": spec,
    }


def manifest(head=None, tail=None, **spec):
    roles = [{"id": "head", "resources": SMALL, **(head or {})}, {"id": "tail", "resources": SMALL, **(tail or {})}]
    metadata = {"namespace": "team", "name": "c1"}
    spec = {"app": "demo", "serviceType": "ClusterIP", "roles": roles, **spec}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": spec}


def noted(written):
    """Return a manifest as client-side kubectl stores it: with a copy of itself."""
    metadata = {**written["metadata"], "annotations": {LAST_APPLIED: json.dumps(written)}}
    return {**written, "metadata": metadata}


@pytest.fixture
def planned(server):
    """Say what applying a manifest would do, with the app there."""
    server.apply(app())

    def run(written, **how):
        asked = {REF: written}
        return server.ask(lambda api: forecast(api, REF, asked, system_namespace="kubedirector", **how))

    return run


def test_a_number_that_another_owns_and_the_manifest_does_not_say_is_no_change(server, planned):
    server.apply(manifest())
    assert server.kdd("scale", "c1", "tail=5")[0] == 0
    found = planned(manifest(tail={"podLabels": {"a": "b"}}))
    assert found.problems == ()
    changed = [step for step in found.steps if step.startswith("spec.")]
    assert changed == ["spec.roles[1].podLabels changes from nothing to {'a': 'b'}"]
    assert server.members()["tail"] == 5


def test_a_number_that_another_owns_and_the_manifest_says_is_the_conflict_that_applying_it_would_be(server, planned):
    server.apply(manifest())
    assert server.kdd("scale", "c1", "tail=5")[0] == 0
    (problem,) = planned(manifest(tail={"members": 2})).problems
    assert "kdd-scale" in problem.what
    assert '.spec.roles[id="tail"].members' in problem.what
    assert "--force-conflicts" in problem.remedy
    assert server.members()["tail"] == 5


def test_client_side_apply_takes_lists_whole_and_leaves_what_the_manifest_never_said(server, planned):
    server.apply(noted(manifest(tail={"members": 3}, namingScheme="UID")), manager="kubectl-client-side-apply")
    server.apply({**manifest(), "spec": {"paused": True}}, manager="someone")
    assert server.kdd("scale", "c1", "head=1")[0] == 0
    found = planned(manifest(tail={"members": 2}))
    changed = [step for step in found.steps if step.startswith("spec.")]
    assert changed == [
        "spec.namingScheme changes from 'UID' to nothing",
        "spec.roles[0].members changes from 1 to nothing",
        "spec.roles[1].members changes from 3 to 2",
    ]


def test_the_way_of_applying_is_chosen_by_an_option_and_nothing_is_written(server, planned, tmp_path):
    server.apply(manifest())
    assert server.kdd("scale", "c1", "tail=5")[0] == 0
    path, before = tmp_path / "c1.yaml", server.ask(lambda api: api.get(REF))
    path.write_text(json.dumps(manifest(tail={"members": 2})))
    code, output = server.kdd("plan", str(path))
    assert (code, "refused: (the manifest): " in output) == (2, True)
    assert server.kdd("plan", "--server-side", str(path)) == (code, output)
    code, output = server.kdd("plan", "--client-side", str(path))
    assert (code, "spec.roles[1].members changes from 5 to 2" in output) == (0, True)
    assert server.ask(lambda api: api.get(REF)) == before


def test_a_cluster_that_is_not_there_is_planned_as_it_will_be_made(server, planned, tmp_path):
    path = tmp_path / "c1.yaml"
    path.write_text(json.dumps(manifest(tail={"members": 2})))
    code, output = server.kdd("plan", str(path))
    assert code == 0
    assert "create StatefulSet of role 'tail'" in output
    assert output.startswith(f"{REF}:")


def test_files_without_a_cluster_are_one_line(server, tmp_path):
    path = tmp_path / "app.yaml"
    path.write_text(json.dumps(app()))
    code, output = server.kdd("plan", str(path))
    assert (code, output.count("\n"), "hold no KubeDirectorCluster" in output) == (2, 1, True)
