"""The connections that members read in configmeta.json (5.4), and the versions by which changes are told (3.16)."""

import base64
import copy
from dataclasses import replace

import pytest

from kdlib import frozen, lifecycle, manifests, wire
from kdlib.manifests import Desired
from kdlib.model import Life, MemberState

LIMITS = {"limits": {"memory": "4Gi", "cpu": "1500m"}}
OTHER_APP = {
    "label": {"name": "Warehouse"},
    "distroID": "example/warehouse",
    "version": "2",
    "configSchemaVersion": 8,
    "defaultImageRepoTag": "registry.example/wh:1",
    "defaultConfigPackage": {"packageURL": "file:///opt/wh.tgz"},
    "services": [{"id": "sql", "label": {"name": "SQL"}, "endpoint": {"port": 5432, "urlScheme": "pg"}}],
    "roles": [{"id": "node", "cardinality": "1+"}, {"id": "spare", "cardinality": "0+"}],
    "config": {
        "selectedRoles": ["node"],
        "roleServices": [{"roleID": "node", "serviceIDs": ["sql"]}, {"roleID": "spare", "serviceIDs": []}],
        "configMeta": {"flavour": "columnar"},
    },
}


def other_cluster(members=2, **changes):
    found = [
        {
            "pod": f"kdss-node-{number}",
            "nodeID": number + 1,
            "service": f"s-kdss-node-{number}",
            "state": "configured" if number else "deleting",
            "stateDetail": {},
        }
        for number in range(members)
    ]
    return {
        "apiVersion": "kubedirector.hpe.com/v1beta1",
        "kind": "KubeDirectorCluster",
        "metadata": {"name": "warehouse", "namespace": "team", "uid": "33333333-4444", "generation": 1},
        "spec": {"app": "wh", "roles": [{"id": "node", "members": members, "resources": LIMITS}]},
        "status": {
            "clusterService": "kdhs-other",
            "specGenerationToProcess": 7,
            "lastNodeID": members,
            "roles": [{"id": "node", "statefulSet": "kdss-node", "members": found}],
            "reserved": {"appCopy": "kdapp-other", "domainBase": ".svc.cluster.local"},
        },
        **changes,
    }


COPY = {
    "apiVersion": "apps/v1",
    "kind": "ControllerRevision",
    "metadata": {"name": "kdapp-other", "namespace": "team"},
    "data": {"app": "wh", "spec": OTHER_APP},
}


def config_map(name, kind="jdbc", **changes):
    metadata = {
        "name": name,
        "namespace": "team",
        "resourceVersion": "11",
        "labels": {"kubedirector.hpe.com/cmType": kind},
    }
    return {"metadata": metadata, "data": {"url": "pg://x", "colour": "blue"}, **changes}


def secret(name, **changes):
    labels = {"kubedirector.hpe.com/secretType": "login", "tier": "gold"}
    metadata = {"name": name, "namespace": "team", "resourceVersion": "12", "labels": labels}
    data = {"password": base64.b64encode(b"hunter2").decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data, **changes}


def ref(kind, name):
    return wire.Ref(kind, "team", name)


def seen(*, clusters=None, copies=(COPY,), config_maps=(), secrets=()):
    pairs = [(ref(wire.KD_CLUSTER, name), item) for name, item in (clusters or {}).items()]
    pairs += [(ref(wire.CONTROLLER_REVISION, item["metadata"]["name"]), item) for item in copies]
    pairs += [(ref(wire.CONFIG_MAP, item["metadata"]["name"]), item) for item in config_maps]
    return pairs + [(ref(wire.SECRET, item["metadata"]["name"]), item) for item in secrets]


@pytest.fixture
def connect(make):
    """Return a function that makes what one pass wants of a cluster with connections."""

    def made(connections, related):
        resolved, life = make(spec={"connections": connections}, related=related)
        return Desired(manifests.graph_of(resolved, life), life, resolved)

    return made


def read(desired, key="connections"):
    return manifests.configmeta(desired, desired.life.status.roles[0].members[0].pod)[key]


def versions(desired):
    return {item.name: item.version for item in manifests.connection_versions(desired.resolved)}


def follow(document, *keys):
    """Walk as configcli does: a reference begins anew at the document's top."""
    place = document
    for key in keys:
        if isinstance(place, dict) and "bdvlibrefkey" in place:
            place = follow(document, *place["bdvlibrefkey"])
        place = place[key]
    if isinstance(place, dict) and "bdvlibrefkey" in place:
        return follow(document, *place["bdvlibrefkey"])
    return place


def references(value):
    if isinstance(value, dict):
        if "bdvlibrefkey" in value:
            yield value["bdvlibrefkey"]
        for item in value.values():
            yield from references(item)
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_connections_are_golden(connect, golden) -> None:
    """Every member is itself, and every reference of a connected cluster leads into its part."""
    annotated = secret("second")
    annotated["metadata"]["annotations"] = {"note": "x"}
    related = seen(
        clusters={"warehouse": other_cluster()},
        config_maps=[config_map("one"), config_map("two", "tuning")],
        secrets=[secret("first"), annotated],
    )
    wanted = connect({"clusters": ["warehouse"], "configmaps": ["two", "one"], "secrets": ["second", "first"]}, related)
    golden("configmeta-connections", read(wanted))


def test_w20_each_member_of_a_connected_cluster_is_itself(connect) -> None:
    """All members are there, whatever their states."""
    wanted = connect({"clusters": ["warehouse"]}, seen(clusters={"warehouse": other_cluster(3)}))
    role = read(wanted)["clusters"]["warehouse"]["nodegroups"]["1"]["roles"]["node"]
    names = [f"kdss-node-{number}.kdhs-other.team.svc.cluster.local" for number in range(3)]
    assert role["fqdns"] == role["hostnames"] == names
    assert role["node_ids"] == ["1", "2", "3"]
    assert role["services"]["sql"]["endpoints"] == [f"pg://{name}:5432" for name in names]
    assert role["fqdn_mappings"] == dict(zip(names, ["1", "2", "3"], strict=True))


def test_w21_every_reference_leads_to_something_and_stays_in_its_cluster(connect) -> None:
    """IC-13."""
    wanted = connect({"clusters": ["warehouse"]}, seen(clusters={"warehouse": other_cluster()}))
    pod = wanted.life.status.roles[0].members[0].pod
    document = manifests.configmeta(wanted, pod)
    part = document["connections"]["clusters"]["warehouse"]
    inside = list(references(part))
    assert len(inside) == 5
    assert all(keys[:3] == ["connections", "clusters", "warehouse"] for keys in inside)
    assert all(follow(document, *keys) is not None for keys in references(document))
    prefix = ("connections", "clusters", "warehouse")
    assert follow(document, *prefix, "services", "sql", "1", "node", "fqdns") == follow(
        document, *prefix, "nodegroups", "1", "roles", "node", "fqdns"
    )
    assert follow(document, *prefix, "cluster", "config_metadata", "1", "flavour") == "columnar"
    assert (part["node"], set(part["connections"].values())) == (None, {None})


def test_w14_a_connected_cluster_keeps_its_secret_keys(connect) -> None:
    other = other_cluster()
    other["spec"]["roles"][0]["secretKeys"] = [{"name": "k", "encryptedValue": "00ff"}]
    wanted = connect({"clusters": ["warehouse"]}, seen(clusters={"warehouse": other}))
    assert b"secret_keys" not in frozen.canonical(read(wanted))


@pytest.mark.parametrize("place", ["team", "kd"])
def test_w21_before_there_is_a_copy_the_app_is_found_in_either_catalog(connect, place) -> None:
    app = {"metadata": {"name": "wh", "namespace": place}, "spec": OTHER_APP}
    related = [
        *seen(clusters={"warehouse": other_cluster()}, copies=()),
        (wire.Ref(wire.KD_APP, "team", "wh"), app if place == "team" else None),
        (wire.Ref(wire.KD_APP, "kd", "wh"), app if place == "kd" else None),
    ]
    wanted = connect({"clusters": ["warehouse"]}, related)
    assert read(wanted)["clusters"]["warehouse"]["nodegroups"]["1"]["distro_id"] == "example/warehouse"


@pytest.mark.parametrize(
    ("changes", "problem", "is_known"),
    [
        ({"status": None}, "has no members yet", True),
        ({"status": {"state": "creating", "roles": []}}, "has no members yet", True),
        ({"spec": {"app": 5}}, "cannot be read: ", False),
    ],
    ids=["no status", "no names", "unreadable"],
)
def test_w04_a_cluster_that_is_not_ready_to_be_told_of_is_left_out(connect, changes, problem, is_known) -> None:
    """One without a status ended the original."""
    wanted = connect({"clusters": ["warehouse"]}, seen(clusters={"warehouse": other_cluster(**changes)}))
    (found,) = wanted.resolved.connections
    assert found.problem.startswith(problem)
    assert found.is_known is is_known
    assert read(wanted) == {"clusters": {}, "configmaps": {}, "secrets": {}}
    assert versions(wanted) == {"warehouse": None}


def test_the_digest_of_a_cluster_changes_with_what_is_told_of_it_alone(connect) -> None:
    """A generation that is counted on does not count: two clusters that are connected to each other come to rest."""

    def version(other):
        return versions(connect({"clusters": ["warehouse"]}, seen(clusters={"warehouse": other})))["warehouse"]

    before = version(other_cluster())
    same = copy.deepcopy(other_cluster())
    same["status"] |= {"specGenerationToProcess": 99, "state": "updating", "lastConnectionHash": "x"}
    same["status"]["roles"][0]["members"][0] |= {"state": "config error", "stateDetail": {"attempt": 4}}
    same["metadata"] |= {"generation": 5, "resourceVersion": "9"}
    assert version(same) == before
    assert version(other_cluster(3)) != before
    moved = copy.deepcopy(other_cluster())
    moved["status"]["clusterService"] = "kdhs-new"
    assert version(moved) != before


def test_a_config_map_is_told_as_it_is_under_its_type(connect) -> None:
    bare = config_map("two")
    del bare["data"]
    wanted = connect({"configmaps": ["two", "one"]}, seen(config_maps=[config_map("one"), bare]))
    labels = {"kubedirector.hpe.com/cmType": "jdbc"}
    assert read(wanted)["configmaps"] == {
        "jdbc": [
            {"metadata": {"name": "two"}, "data": None, "labels": labels, "annotations": None},
            {
                "metadata": {"name": "one"},
                "data": {"url": "pg://x", "colour": "blue"},
                "labels": labels,
                "annotations": None,
            },
        ]
    }


def test_every_value_of_a_secret_is_in_base64(connect) -> None:
    found = read(connect({"secrets": ["first"]}, seen(secrets=[secret("first")])))["secrets"]["login"][0]

    def clear(part):
        return {key: base64.b64decode(value).decode() for key, value in part.items()}

    assert clear(found["metadata"]) == {"name": "first"}
    assert clear(found["data"]) == {"password": "hunter2"}
    assert clear(found["labels"]) == {"kubedirector.hpe.com/secretType": "login", "tier": "gold"}
    assert found["annotations"] == {}


def test_without_its_label_an_object_counts_and_is_not_told(connect) -> None:
    """RC-38."""
    plain = secret("first")
    plain["metadata"]["labels"] = {}
    wanted = connect({"secrets": ["first"]}, seen(secrets=[plain]))
    assert read(wanted)["secrets"] == {}
    assert versions(wanted) == {"first": "12"}


def test_what_cannot_be_read_counts_as_it_did_before(make) -> None:
    """A refusal is no change: nobody is told to reconnect to something that may be there as ever."""
    resolved, _ = make(spec={"connections": {"secrets": ["first"], "configmaps": ["gone"]}})
    stored = manifests.connection_versions(
        make(spec={"connections": {"secrets": ["first"]}}, related=seen(secrets=[secret("first")]))[0]
    )
    assert [item.problem for item in resolved.connections] == ["is not looked up by this operator"] * 2
    kept = replace(resolved, status=resolved.status.changed(connections=stored))
    assert versions(Desired(None, None, kept)) == {"gone": None, "first": "12"}


def test_no_secret_value_can_be_guessed_from_what_is_stored(connect) -> None:
    """Law 7: the status of a cluster is read by many, a Secret by few."""
    one, two = (secret("first", data={"password": base64.b64encode(text).decode()}) for text in (b"hunter2", b"other"))
    first, second = (connect({"secrets": ["first"]}, seen(secrets=[item])) for item in (one, two))
    stored = [manifests.connection_versions(item.resolved) for item in (first, second)]
    assert stored[0] == stored[1]
    assert lifecycle.connection_hash(stored[0]) == lifecycle.connection_hash(stored[1])


def test_a_secret_is_in_no_text_that_is_made_of_a_pass(connect) -> None:
    """Law 7."""
    wanted = connect({"secrets": ["first"]}, seen(secrets=[secret("first")]))
    encoded = base64.b64encode(b"hunter2").decode()
    assert encoded in str(wanted.shared_document)
    assert encoded not in repr(wanted)
    assert encoded not in repr(wanted.resolved.connections)
    assert isinstance(wanted.life, Life)
    assert all(member.state is MemberState.CONFIGURED for role in wanted.life.status.roles for member in role.members)
