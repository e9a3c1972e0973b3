"""configmeta.json, the document that members read (5.4, IC-12, W-22, W-31)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlib import manifests
from kdlib.manifests import Desired
from kdlib.model import Life, MemberState

LIMITS = {"limits": {"memory": "4Gi", "cpu": "1500m"}}
ROLES = [
    {"id": "seed", "members": 1, "resources": LIMITS},
    {"id": "data", "members": 2, "resources": {"limits": {"memory": "1500M", "cpu": "2"}}},
    {"id": "edge", "members": 1, "resources": LIMITS},
]
BLOCKS = {"storageClassName": "raw", "pathPrefix": "/dev/blk", "numDevices": 2}


@pytest.fixture
def desire(make):
    """Return a function that makes what one pass wants."""

    def made(roles=ROLES, **options):
        resolved, life = make(roles, **options)
        return Desired(manifests.graph_of(resolved, life), life, resolved)

    return made


def put(pod, state):
    """Return a change of the status: the member of this pod is in this state."""

    def change(status):
        def moved(member):
            return member.changed(state=state) if member.pod == pod else member

        return status.changed(
            roles=tuple(role.changed(members=tuple(map(moved, role.members))) for role in status.roles)
        )

    return change


@pytest.mark.parametrize("scheme", ["UID", "CrNameRole"])
def test_the_document_is_golden(desire, golden, scheme) -> None:
    wanted = desire(reserved={"namingScheme": scheme})
    pod = wanted.life.status.roles[1].members[0].pod
    golden(f"configmeta-{scheme}", manifests.configmeta(wanted, pod))


def test_the_smallest_cluster_reads_as_the_specification_shows(desire) -> None:
    app = {
        "services": [{"id": "db", "label": {"name": "DB"}, "endpoint": {"port": 9042, "urlScheme": "cql"}}],
        "roles": [{"id": "seed", "cardinality": "1"}],
        "config": {
            "selectedRoles": ["seed"],
            "roleServices": [{"roleID": "seed", "serviceIDs": ["db"]}],
            "configMeta": {},
        },
    }
    wanted = desire([{"id": "seed", "resources": {"limits": {"memory": "4Gi", "cpu": "2"}}}], app=app)
    name = "kdss-seed-0.kdhs-x7k2p.team.svc.cluster.local"

    def reference(*keys):
        return {"bdvlibrefkey": list(keys)}

    assert manifests.configmeta(wanted, "kdss-seed-0") == {
        "version": "7",
        "services": {"db": {"1": {"seed": reference("nodegroups", "1", "roles", "seed", "services", "db")}}},
        "nodegroups": {
            "1": {
                "roles": {
                    "seed": {
                        "services": {
                            "db": {
                                "qualifiers": [],
                                "name": "DB",
                                "id": "db",
                                "hostnames": reference("nodegroups", "1", "roles", "seed", "hostnames"),
                                "global_id": "1_seed_db",
                                "fqdns": reference("nodegroups", "1", "roles", "seed", "fqdns"),
                                "exported_service": "",
                                "endpoints": [f"cql://{name}:9042"],
                                "authToken": "",
                            }
                        },
                        "node_ids": ["1"],
                        "hostnames": [name],
                        "fqdns": [name],
                        "fqdn_mappings": {name: "1"},
                        "flavor": {
                            "storage": "n/a",
                            "name": "n/a",
                            "memory": "4096",
                            "description": "n/a",
                            "cores": "2",
                        },
                    }
                },
                "distro_id": "example/db",
                "catalog_entry_version": "1.0",
                "config_metadata": {},
            }
        },
        "distros": {"example/db": {"1": reference("nodegroups", "1")}},
        "cluster": {
            "name": "db1",
            "isolated": False,
            "id": "11111111-2222",
            "config_metadata": {"1": reference("nodegroups", "1", "config_metadata")},
        },
        "node": {
            "role_id": "seed",
            "nodegroup_id": "1",
            "id": "1",
            "hostname": name,
            "fqdn": name,
            "domain": "kdhs-x7k2p.team.svc.cluster.local",
            "distro_id": "example/db",
            "depends_on": {},
        },
        "connections": {"clusters": {}, "configmaps": {}, "secrets": {}},
    }


def test_an_app_without_free_texts_has_null_there(desire) -> None:
    config = {"selectedRoles": [], "roleServices": []}
    document = manifests.configmeta(desire(app={"config": config}), "kdss-seed-0")
    assert document["nodegroups"]["1"]["config_metadata"] is None
    assert document["services"] == {}


def test_flavors_round_memory_down_and_cores_up(desire) -> None:
    roles = manifests.configmeta(desire(), "kdss-seed-0")["nodegroups"]["1"]["roles"]
    assert {role: (item["flavor"]["memory"], item["flavor"]["cores"]) for role, item in roles.items()} == {
        "seed": ("4096", "2"),
        "data": ("1430", "2"),
        "edge": ("4096", "2"),
    }


def test_services_without_port_or_scheme_have_no_or_odd_endpoints(desire) -> None:
    services = manifests.configmeta(desire(), "kdss-seed-0")["nodegroups"]["1"]["roles"]["data"]["services"]
    assert services["agent"]["endpoints"] is None
    assert services["raw"]["endpoints"][0] == "://kdss-data-0.kdhs-x7k2p.team.svc.cluster.local:7000"
    assert services["db"]["exported_service"] == "cql"


def test_block_devices_are_in_the_members_own_part(desire) -> None:
    roles = [ROLES[0], {**ROLES[1], "blockStorage": BLOCKS}]
    wanted = desire(roles)
    assert manifests.configmeta(wanted, "kdss-data-1")["node"]["block_device_paths"] == ["/dev/blk0", "/dev/blk1"]
    assert "block_device_paths" not in manifests.configmeta(wanted, "kdss-seed-0")["node"]


def test_a_member_reads_its_own_token_and_others_that_of_the_last(desire) -> None:
    roles = [{**ROLES[0], "members": 2}, ROLES[1]]
    app = {"roles": [{"id": role, "cardinality": "0+"} for role in ("seed", "data", "edge")]}
    wanted = desire(roles, app=app)

    def token(pod):
        services = manifests.configmeta(wanted, pod)["nodegroups"]["1"]["roles"]["seed"]["services"]
        return services["web"]["authToken"], services["db"]["authToken"]

    assert token("kdss-seed-0") == ("token1", "")
    assert token("kdss-seed-1") == ("token2", "")
    assert token("kdss-data-0") == ("token2", "")


@pytest.mark.parametrize("state", list(MemberState))
def test_w31_the_lists_do_not_depend_on_what_members_do(desire, state) -> None:
    before = desire()
    after = desire(change=put("kdss-data-0", state))
    leaving = state in (MemberState.DELETE_PENDING, MemberState.DELETING)

    listed = manifests.configmeta(after, "kdss-seed-0")["nodegroups"]["1"]["roles"]["data"]["node_ids"]

    assert listed == (["3"] if leaving else ["2", "3"])
    if not leaving:
        assert manifests.configmeta(after, "kdss-data-1") == manifests.configmeta(before, "kdss-data-1")


def test_roles_without_listed_members_are_named_nowhere(desire) -> None:
    document = manifests.configmeta(desire(change=put("kdss-edge-0", MemberState.DELETING)), "kdss-seed-0")
    assert set(document["nodegroups"]["1"]["roles"]) == {"seed", "data"}
    assert set(document["services"]["agent"]["1"]) == {"data"}


def test_a_member_that_is_not_listed_has_no_document(desire) -> None:
    wanted = desire(change=put("kdss-edge-0", MemberState.DELETING))
    with pytest.raises(KeyError):
        manifests.configmeta(wanted, "kdss-edge-0")
    with pytest.raises(KeyError):
        manifests.configmeta(wanted, "kdss-none-0")


def test_all_members_read_the_same_but_for_who_they_are(desire) -> None:
    wanted = desire(ROLES[1:], app={"config": {"selectedRoles": [], "roleServices": []}})
    documents = [manifests.configmeta(wanted, pod) for pod in ("kdss-data-0", "kdss-data-1", "kdss-edge-0")]
    assert [document.pop("node")["id"] for document in documents] == ["1", "2", "3"]
    assert documents[0] == documents[1] == documents[2]


def test_the_bytes_are_the_document_in_canonical_form(desire) -> None:
    wanted = desire()
    written = manifests.configmeta_bytes(wanted, "kdss-seed-0")
    document = manifests.configmeta(wanted, "kdss-seed-0")
    assert json.loads(written) == document
    assert written == json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def referenced(value):
    """Yield every reference in a document."""
    if isinstance(value, dict):
        if "bdvlibrefkey" in value:
            yield value["bdvlibrefkey"]
        for item in value.values():
            yield from referenced(item)
    elif isinstance(value, list):
        for item in value:
            yield from referenced(item)


COUNTS = st.tuples(*[st.integers(0, 3)] * 2).map(lambda more: (1, *more))
STATES = st.lists(st.sampled_from(list(MemberState)), min_size=7, max_size=7)


@settings(max_examples=40, deadline=None)
@given(COUNTS, STATES)
def test_every_reference_leads_somewhere(make, counts, states) -> None:
    roles = [{**role, "members": count} for role, count in zip(ROLES, counts, strict=True) if count]
    resolved, life = make(roles)
    left = list(states)

    def moved(member):
        return member.changed(state=left.pop() if member.pod != "kdss-seed-0" else MemberState.CONFIGURED)

    status = life.status.changed(
        roles=tuple(role.changed(members=tuple(map(moved, role.members))) for role in life.status.roles)
    )
    life = Life(status=status, replicas=life.replicas)
    wanted = Desired(manifests.graph_of(resolved, life), life, resolved)
    document = manifests.configmeta(wanted, "kdss-seed-0")
    for keys in referenced(document):
        found = document
        for key in keys:
            found = found[key]
