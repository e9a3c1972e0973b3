"""W-42: a number of members is anybody's to ask for, alone; who applies all else leaves it. On both servers."""

import pytest

from kdlib.errors import ApiError, ConflictError
from kdlib.wire import KD_CLUSTER, Ref

SMALL = {"limits": {"memory": "16Mi", "cpu": "10m"}}
REF = Ref(KD_CLUSTER, "team", "c1")


def manifest(*roles, **spec):
    metadata = {"namespace": "team", "name": "c1"}
    spec = {"app": "demo", "roles": list(roles), **spec}
    return {"apiVersion": KD_CLUSTER.api_version, "kind": KD_CLUSTER.name, "metadata": metadata, "spec": spec}


def role(name, **more):
    return {"id": name, "resources": SMALL, **more}


def test_w42_a_number_that_kdd_asks_for_stays_when_the_rest_is_applied_again(server):
    written = manifest(role("head", members=1), role("tail"))
    server.apply(written)
    assert server.kdd("scale", "c1", "tail=5")[0] == 0
    assert server.members() == {"head": 1, "tail": 5}
    server.apply(manifest(role("head", members=1), role("tail", podLabels={"a": "b"})))
    assert server.members() == {"head": 1, "tail": 5}
    assert server.spec()["roles"][1] == role("tail", members=5, podLabels={"a": "b"})


def test_w42_an_autoscaler_applies_a_role_s_number_and_need_not_repeat_what_is_required(server):
    server.apply(manifest(role("head"), role("tail")))
    asked = {**manifest(), "spec": {"roles": [{"id": "tail", "members": 7}]}}
    server.apply(asked, manager="autoscaler")
    server.apply(manifest(role("head"), role("tail"), serviceType="ClusterIP"))
    assert (server.members(), server.spec()["serviceType"]) == ({"head": None, "tail": 7}, "ClusterIP")


def test_who_writes_the_number_in_a_manifest_hears_who_else_asks_for_it(server):
    server.apply(manifest(role("head"), role("tail", members=2)))
    assert server.kdd("scale", "c1", "tail=5")[0] == 0
    with pytest.raises(ConflictError, match="kdd-scale"):
        server.apply(manifest(role("head"), role("tail", members=2), serviceType="ClusterIP"))
    assert server.members()["tail"] == 5


def test_numbers_asked_for_one_after_the_other_all_stay(server):
    server.apply(manifest(role("head"), role("tail")))
    words = "KubeDirectorCluster team/c1: tail from its least number to 5 members\n"
    assert server.kdd("scale", "c1", "tail=5") == (0, words)
    assert server.kdd("scale", "c1", "head=2")[0] == 0
    assert server.members() == {"head": 2, "tail": 5}
    assert server.kdd("scale", "c1", "tail=0", "head=3")[0] == 0
    assert server.members() == {"head": 3, "tail": 0}


def test_who_scales_a_cluster_that_is_applied_on_the_client_s_side_is_warned(server):
    """Such an apply writes the whole list of roles, and members would go with their claims."""
    written, query = manifest(role("head"), role("tail")), {"fieldManager": "kubectl-client-side-apply"}
    path = KD_CLUSTER.path("team")
    server.ask(lambda api: api._request("POST", path, written, query=query))
    code, output = server.kdd("scale", "c1", "tail=5")
    assert (code, "apply it with --server-side" in output) == (0, True)


def test_a_role_that_is_not_there_and_a_number_that_cannot_be_are_refused_in_one_line(server):
    server.apply(manifest(role("head"), role("tail")))
    before = server.spec()
    for arguments, words in (
        (["side=3"], "the cluster has no role 'side'; its roles are: 'head', 'tail'"),
        (["tail=-1"], "'tail=-1' is not ROLE=N"),
        (["tail=many"], "'tail=many' is not ROLE=N"),
        (["tail=1", "tail=2"], "role 'tail' is given twice"),
        (["tail=1001"], "has more than 1000 members in all; ask for at most 1000 members"),
    ):
        code, output = server.kdd("scale", "c1", *arguments)
        assert (code, words in output, output.count("\n")) == (2, True, 1), output
    assert server.spec() == before
    code, output = server.kdd("scale", "c2", "tail=1")
    assert (code, "there is no cluster 'c2'" in output) == (2, True)


def test_a_role_stays_until_who_owns_its_number_lets_go(server):
    server.apply(manifest(role("head"), role("tail")))
    counted = {**manifest(), "spec": {"roles": [{"id": "tail", "members": 7}]}}
    server.apply(counted, manager="autoscaler")
    with pytest.raises(ApiError, match=r"spec.roles\[1\].resources: Required value"):
        server.apply(manifest(role("head")))
    server.apply({**manifest(), "spec": {"roles": []}}, manager="autoscaler")
    server.apply(manifest(role("head")))
    assert server.members() == {"head": None}


def test_pause_and_resume_set_one_field(server):
    server.apply(manifest(role("head")))
    before = server.spec()
    assert server.kdd("pause", "c1") == (0, "KubeDirectorCluster team/c1: paused\n")
    assert server.spec() == {**before, "paused": True}
    assert server.kdd("pause", "c1") == (0, "KubeDirectorCluster team/c1: is paused already\n")
    assert server.kdd("resume", "c1") == (0, "KubeDirectorCluster team/c1: resumed\n")
    assert server.spec() == before
    assert server.kdd("resume", "c1") == (0, "KubeDirectorCluster team/c1: is not paused\n")
