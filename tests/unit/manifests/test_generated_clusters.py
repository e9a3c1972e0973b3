"""Laws that hold for the objects of any cluster, applied as an API server applies them."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlib import graph, manifests, wire
from kdlib.model import Life, MemberState
from kdlib.names import is_dns_label

SCHEMAS = wire.builtin_schemas()
QUANTITIES = st.sampled_from(["1", "500m", "1.5", "1024Mi", "1Gi", "2Gi", "1e3"])
TEXTS = st.dictionaries(st.sampled_from(["a", "b", "example.com/c"]), st.sampled_from(["x", "", "y"]), max_size=2)
RESOURCES = st.fixed_dictionaries(
    {"limits": st.fixed_dictionaries({"memory": st.just("4096Mi"), "cpu": st.sampled_from(["2", "1500m"])})},
    optional={
        "requests": st.none()
        | st.fixed_dictionaries({}, optional={"memory": st.sampled_from(["1Gi", "1024Mi"]), "cpu": st.just("0.5")})
    },
)
ROLE = st.fixed_dictionaries(
    {"members": st.integers(0, 3), "resources": RESOURCES},
    optional={
        "podLabels": TEXTS,
        "podAnnotations": TEXTS,
        "serviceLabels": TEXTS,
        "serviceAnnotations": TEXTS,
        "storage": st.fixed_dictionaries(
            {"size": st.sampled_from(["1Gi", "2048Mi"])}, optional={"storageClassName": st.just("fast")}
        ),
        "blockStorage": st.fixed_dictionaries(
            {"storageClassName": st.just("raw"), "pathPrefix": st.just("/dev/b"), "numDevices": st.integers(1, 2)}
        ),
        "env": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from("ABC"), "value": st.sampled_from(["", "1"])}),
            max_size=2,
            unique_by=lambda item: item["name"],
        ),
        "sharedMemory": st.sampled_from(["1Gi", "1024Mi"]),
        "secret": st.fixed_dictionaries({"name": st.sampled_from(["s", "dotted.name"]), "mountPath": st.just("/keys")}),
        "serviceAccountName": st.just("robot"),
        "affinity": st.just({"nodeAffinity": None, "podAntiAffinity": {"x": None}}) | st.none(),
    },
)
CLUSTERS = st.fixed_dictionaries(
    {"seed": ROLE.map(lambda role: {**role, "members": 1}), "data": ROLE, "edge": ROLE}
).map(lambda roles: [{"id": name, **role} for name, role in roles.items()])
RESERVED = st.fixed_dictionaries(
    {"namingScheme": st.sampled_from(["UID", "CrNameRole"])},
    optional={"podLabels": TEXTS, "serviceLabels": TEXTS, "nativeSystemdSupport": st.booleans()},
)
APPS = st.fixed_dictionaries({}, optional={"capabilities": st.just(["SYS_ADMIN"]), "systemdRequired": st.booleans()})


def laws(**examples):
    return lambda function: settings(max_examples=15, deadline=None)(given(**examples)(function))


def quantities_rewritten(value, key=""):
    """Return a value with quantities as a server writes them, and without what it drops."""
    match value:
        case dict():
            inner = key in ("limits", "requests")
            kept = {name: item for name, item in value.items() if item not in (None, "", [], {}) or name in ("value",)}
            kept = {name: item for name, item in kept.items() if not (name == "value" and item == "")}
            return {name: quantities_rewritten(item, "quantity" if inner else name) for name, item in kept.items()}
        case list():
            return [quantities_rewritten(item, key) for item in value]
        case str() if key in ("quantity", "sizeLimit"):
            return wire.Quantity.parse(value).canonical
        case _:
            return value


def served(intent, live=None):
    """Return the object as an API server keeps it once it was applied: merged, defaulted, canonical."""
    schema = SCHEMAS.kind(intent["apiVersion"], intent["kind"])
    writer = wire.Writer("kubedirector", intent["apiVersion"], "2026-01-01T00:00:00Z")
    merged, fields = wire.applied(schema, live, intent, writer, force=True)
    data = merged.get("data")
    merged = json.loads(json.dumps(quantities_rewritten(copy.deepcopy(merged))))
    if intent["kind"] == "ControllerRevision":
        merged["data"] = data
    metadata = {**merged["metadata"], "uid": f"uid-{merged['metadata']['name']}", "resourceVersion": "1"}
    merged["metadata"] = {**metadata, "managedFields": fields}
    if merged["kind"] == "StatefulSet":
        merged["spec"] |= {"revisionHistoryLimit": 10}
        merged["spec"]["template"]["spec"] |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}
        for claim in merged["spec"].get("volumeClaimTemplates", []):
            claim["spec"].setdefault("volumeMode", "Filesystem")
            claim["status"] = {"phase": "Pending"}
    if merged["kind"] == "Service":
        merged["spec"] |= {"sessionAffinity": "None", "ipFamilies": ["IPv4"]}
        for port in merged["spec"]["ports"]:
            port.setdefault("targetPort", port["port"])
    return merged


def planned(objects, live, resolved):
    return graph.plan(objects, live, root=resolved.seen.root, deletable=manifests.MANAGED)


@laws(roles=CLUSTERS, reserved=RESERVED, app=APPS)
def test_applied_objects_need_nothing_more(make, roles, reserved, app) -> None:
    resolved, life = make(roles, reserved=reserved, app=app)
    live = [served(obj) for obj in manifests.graph_of(resolved, life)]

    again, life = make(roles, reserved=reserved, app=app, children=live)

    assert planned(manifests.graph_of(again, life), live, again).is_empty


@laws(before=CLUSTERS, after=CLUSTERS, types=st.permutations(["ClusterIP", "NodePort", "LoadBalancer"]))
def test_from_any_cluster_one_plan_leads_to_any_other(make, before, after, types) -> None:
    resolved, life = make(before, spec={"serviceType": types[0]})
    live = {graph.ref_of(obj): served(obj) for obj in manifests.graph_of(resolved, life)}

    def computed():
        resolved, life = make(after, spec={"serviceType": types[1]}, children=live.values())
        objects = manifests.graph_of(resolved, life)
        return planned(objects, live.values(), resolved), objects

    plan, _ = computed()
    for step in plan.steps:
        match step:
            case graph.Apply(ref, target):
                live[ref] = served(target, live.get(ref))
            case graph.Delete(ref):
                del live[ref]
    rest, objects = computed()

    assert rest.is_empty
    assert set(live) == set(objects.by_ref)


@laws(roles=CLUSTERS, random=st.randoms(use_true_random=False))
def test_the_order_of_what_was_seen_changes_nothing(make, roles, random) -> None:
    resolved, life = make(roles)
    live = [served(obj) for obj in manifests.graph_of(resolved, life)]
    expected = manifests.graph_of(*make(roles, children=live))
    random.shuffle(live)
    assert manifests.graph_of(*make(roles, children=live)) == expected


@laws(roles=CLUSTERS, states=st.lists(st.sampled_from(list(MemberState)), min_size=9, max_size=9))
def test_a_pod_template_does_not_depend_on_members(make, roles, states) -> None:
    resolved, life = make(roles)
    left = list(states)
    status = life.status.changed(
        roles=tuple(
            role.changed(members=tuple(member.changed(state=left.pop(), node_id=99) for member in role.members))
            for role in life.status.roles
        ),
        spec_generation_to_process=77,
    )
    moved = Life(status=status, replicas=tuple((role, 7) for role, _ in life.replicas))

    def templates(members):
        sets = manifests.graph_of(resolved, members).of_kind(wire.STATEFUL_SET)
        return [obj["spec"]["template"] for obj in sets]

    assert templates(moved) == templates(life)


@laws(roles=CLUSTERS, reserved=RESERVED, app=APPS)
def test_volumes_and_mounts_fit_together(make, roles, reserved, app) -> None:
    for obj in manifests.graph_of(*make(roles, reserved=reserved, app=app)).of_kind(wire.STATEFUL_SET):
        spec = obj["spec"]["template"]["spec"]
        claims = [item["metadata"]["name"] for item in obj["spec"].get("volumeClaimTemplates", [])]
        names = [*(item["name"] for item in spec["volumes"]), *claims]
        containers = [*spec["containers"], *spec.get("initContainers", [])]
        used = {item["name"] for c in containers for item in [*c.get("volumeMounts", []), *c.get("volumeDevices", [])]}
        assert sorted(names) == sorted(used)
        assert [name for name in names if not is_dns_label(name)] == []
        for container in containers:
            paths = [item["mountPath"] for item in container.get("volumeMounts", [])]
            assert len(paths) == len(set(paths))


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_w50_a_change_of_service_type_is_applied_in_place(make, kind) -> None:
    resolved, life = make(spec={"serviceType": "NodePort"})
    live = [served(obj) for obj in manifests.graph_of(resolved, life)]
    for service in live:
        if service["kind"] == "Service" and service["spec"].get("type"):
            service["spec"]["ports"][0]["nodePort"] = 30001

    resolved, life = make(spec={"serviceType": kind}, children=live)
    plan = planned(manifests.graph_of(resolved, life), live, resolved)

    assert [type(step) for step in plan.steps] == ([] if kind == "NodePort" else [graph.Apply] * 3)
    assert not plan.irreversible
