"""made_ours(): an operator's own objects are found again, because they carry label and owner."""

import pytest

from kdlib.errors import KubeDirectorError
from kdlib.graph import ObjectGraph, controller_of, owner_reference
from kdlib.names import LABEL_CLUSTER
from kdlib.reconcile.ours import made_ours
from kdlib.wire import CONFIG_MAP, PERSISTENT_VOLUME_CLAIM, Ref

ROOT = {"apiVersion": "e/v1", "kind": "Pool", "metadata": {"namespace": "ns", "name": "a", "uid": "u"}}


def config_map(**metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "x", **metadata}}


def test_an_object_without_label_and_owner_gets_both():
    made = next(iter(made_ours(ObjectGraph((config_map(labels={"own": "1"}),)), ROOT, [CONFIG_MAP])))
    assert made["metadata"]["labels"] == {"own": "1", LABEL_CLUSTER: "a"}
    assert controller_of(made) == owner_reference(ROOT)


def test_a_graph_that_is_ours_stays_the_same():
    graph = ObjectGraph((config_map(labels={LABEL_CLUSTER: "a"}, ownerReferences=[owner_reference(ROOT)]),))
    assert made_ours(graph, ROOT, [CONFIG_MAP]) is graph


def test_a_claim_is_given_nothing_but_its_owner():
    claim = {**config_map(ownerReferences=[owner_reference(ROOT)]), "kind": "PersistentVolumeClaim"}
    graph = ObjectGraph((claim,))
    assert made_ours(graph, ROOT, [PERSISTENT_VOLUME_CLAIM]) is graph


def test_a_kind_that_is_not_followed_is_a_loud_mistake():
    with pytest.raises(KubeDirectorError, match="ConfigMap"):
        made_ours(ObjectGraph((config_map(),)), ROOT, [PERSISTENT_VOLUME_CLAIM])


def test_what_else_a_graph_says_is_kept():
    ref = Ref(CONFIG_MAP, "ns", "other")
    graph = ObjectGraph((config_map(),), kept=(ref,), renewed=(ref,), released=(ref,), forced=(ref,))
    made = made_ours(graph, ROOT, [CONFIG_MAP])
    assert (made.kept, made.renewed, made.released, made.forced) == ((ref,), (ref,), (ref,), (ref,))
