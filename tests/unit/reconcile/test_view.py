"""View: a Seen depends on what is there, never on the order in which it came."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from kdlib.kube import Cache, Kind
from kdlib.names import LABEL_CLUSTER
from kdlib.reconcile import CLUSTER_INDEX, OWNER_INDEX, View, cluster_terms, owner_terms
from kdlib.wire import KD_APP, POD, SERVICE, Ref

POOL = Kind("example.org/v1", "NotebookPool")
ROOT = {"apiVersion": "example.org/v1", "kind": "NotebookPool"} | {
    "metadata": {"namespace": "ns", "name": "a", "uid": "u"}
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def child(kind, name, *, namespace="ns", label="", owner=""):
    metadata = {"namespace": namespace, "name": name, "uid": f"{kind.name}-{name}", "resourceVersion": "1"}
    if label:
        metadata["labels"] = {LABEL_CLUSTER: label}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner, "kind": "NotebookPool", "name": "a"}]
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


CHILDREN = [
    child(POD, "p-1", label="a"),
    child(POD, "p-0", label="a", owner="u"),
    child(POD, "own", owner="u"),
    child(SERVICE, "s", label="a", owner="former"),
    child(POD, "other", label="b"),
    child(POD, "p-1", namespace="elsewhere", label="a"),
    child(SERVICE, "strange", owner="v"),
]
EXPECTED = [("Service", "s"), ("Pod", "own"), ("Pod", "p-0"), ("Pod", "p-1")]


def view(objects, apps=(), refs=lambda _, __: ()):
    indexes = {CLUSTER_INDEX: cluster_terms, OWNER_INDEX: owner_terms}
    children = {POD: Cache(indexes=indexes), SERVICE: Cache(indexes=indexes)}
    roots, others = Cache(), {KD_APP: Cache()}
    roots.put(ROOT)
    for obj in objects:
        children[POD if obj["kind"] == "Pod" else SERVICE].put(obj)
    for app in apps:
        others[KD_APP].put(app)
    return View(POOL, roots, children, others=others, refs=refs)


@given(st.permutations(CHILDREN))
def test_children_come_by_label_or_owner_in_one_order(objects):
    seen = view(objects).seen(ROOT, (), now=NOW, entropy="ab")
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in seen.children] == sorted(EXPECTED)
    assert (seen.now, seen.entropy, seen.root) == (NOW, "ab", ROOT)


def test_what_a_root_refers_to_is_there_or_known_to_be_missing():
    app = child(KD_APP, "app")
    wanted = (Ref(KD_APP, "ns", "app"), Ref(KD_APP, "kd", "app"), Ref(SERVICE, "ns", "s"), Ref(POOL, "ns", "a"))
    unknown = Ref(Kind("x/v1", "Unknown"), "ns", "y")
    made = view(CHILDREN, [app], refs=lambda _, __: (*wanted, unknown, wanted[0]))
    seen = made.seen(ROOT, (), now=NOW, entropy="")
    assert seen.related == tuple(zip(wanted, (app, None, CHILDREN[3], ROOT), strict=True))
