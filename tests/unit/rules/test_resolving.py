"""resolve() finds the app, keeps what is reserved, and chooses names that nobody else holds."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdlib.errors import RefusedError
from kdlib.model import App, Cluster, Seen, parse_app
from kdlib.names import LABEL_CATALOG, LABEL_CLUSTER, LABEL_ROLE, is_dns_label
from kdlib.rules import related, resolve
from kdlib.wire import KD_APP, KD_CONFIG, SERVICE, STATEFUL_SET, Ref

NOW = datetime(2030, 1, 1, tzinfo=UTC)
VERSION = "kubedirector.hpe.com/v1beta1"
LIMITS = {"limits": {"cpu": "1", "memory": "1Gi"}}
READY = {"pod": "s-0", "nodeID": 1, "state": "configured"}
FAILED = {"pod": "s-0", "nodeID": 1, "state": "config error"}


def app(name="demo", namespace="team", **changes):
    spec = {
        "label": {"name": "Demo"},
        "distroID": "example/demo",
        "version": "1.0",
        "configSchemaVersion": 8,
        "defaultImageRepoTag": "example/demo:1",
        "services": [{"id": "web", "endpoint": {"port": 80}}, {"id": "cron"}],
        "roles": [{"id": "front", "cardinality": "1"}, {"id": "back", "cardinality": "0+"}],
        "config": {
            "selectedRoles": ["front"],
            "roleServices": [{"roleID": "front", "serviceIDs": ["web"]}, {"roleID": "back", "serviceIDs": ["cron"]}],
        },
    }
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {**spec, **changes}}


def root(name="c", uid="u1", status=None, **spec):
    roles = [{"id": "front", "resources": LIMITS}, {"id": "back", "members": 2, "resources": LIMITS}]
    metadata = {"name": name, "namespace": "team", "uid": uid, "generation": 7}
    made = {"apiVersion": VERSION, "kind": "KubeDirectorCluster", "metadata": metadata}
    return {**made, "spec": {"app": "demo", "roles": roles, **spec}, **({"status": status} if status else {})}


def nothing(_):
    """Return what is known of an object that a root refers to: there is none."""
    return


def seen(cluster, *, apps=None, config=None, children=(), held=()):
    named = [(item["metadata"], item) for item in (apps or [app()])]
    pairs = [(Ref(KD_APP, metadata["namespace"], metadata["name"]), item) for metadata, item in named]
    pairs.append((Ref(KD_CONFIG, "kd", "kd-global-config"), config))
    pairs += [(Ref(kind, "team", name), {"kind": kind.name}) for kind, name in held]
    return Seen(NOW, cluster, children=tuple(children), related=tuple(pairs))


def resolved(cluster=None, **circumstances):
    cluster = cluster or root()
    return resolve(Cluster.of(cluster), None, seen(cluster, **circumstances))


def names(answer):
    return answer.cluster_service, answer.reserved.app_copy, *(role.stateful_set for role in answer.roles)


def config(**spec):
    return {"metadata": {"name": "kd-global-config"}, "spec": spec}


def child(kind, name, *, role="", cluster="c", owner=None, **more):
    labels = {LABEL_CLUSTER: cluster, **({LABEL_ROLE: role} if role else {})}
    metadata = {"name": name, "namespace": "team", "labels": labels}
    if owner:
        owner_name, owner_uid = owner
        reference = {
            "apiVersion": VERSION,
            "kind": "KubeDirectorCluster",
            "name": owner_name,
            "uid": owner_uid,
            "controller": True,
        }
        metadata["ownerReferences"] = [reference]
    return {"kind": kind, "metadata": {**metadata, **more.pop("metadata", {})}, **more}


def headless(name, **more):
    return child("Service", name, spec={"clusterIP": "None"}, **more)


# Names


def test_new_names_have_the_prefixes_of_their_scheme():
    service, copy, front, back = names(resolved())
    assert [name[:-5] for name in (service, copy, front, back)] == ["kdhs-", "kdapp-", "kdss-", "kdss-"]
    assert len({front, back}) == 2
    service, copy, front, back = names(resolved(root("My.Cluster_1".lower(), namingScheme="CrNameRole")))
    assert [name[:-5] for name in (service, front, back)] == [
        "my-cluster-1",
        "my-cluster-1-front-",
        "my-cluster-1-back-",
    ]


def test_a_name_that_begins_with_a_digit_gets_a_letter_first():
    service, _, front, _ = names(resolved(root("7up", namingScheme="CrNameRole")))
    assert (service[:-5], front[:-5]) == ("kd-7up", "kd-7up-front-")


def test_a_name_depends_on_the_roots_uid_and_nothing_that_passes():
    assert names(resolved()) == names(resolved(config=config(defaultServiceType="NodePort")))
    assert not set(names(resolved())) & set(names(resolved(root(uid="u2"))))


def test_a_name_that_somebody_holds_is_not_taken():
    service, _, front, _ = names(resolved())
    other_service, _, other_front, _ = names(resolved(held=[(SERVICE, service), (STATEFUL_SET, front)]))
    assert (other_service != service, other_front != front) == (True, True)
    assert names(resolved(held=[(SERVICE, front), (STATEFUL_SET, service)])) == names(resolved())


def test_names_in_the_status_stay():
    status = {
        "clusterService": "old-service",
        "roles": [{"id": "back", "statefulSet": "old-back"}],
        "reserved": {"appCopy": "old-copy", "appNamespace": "team"},
    }
    service, copy, front, back = names(resolved(root(status=status), held=[(SERVICE, "old-service")]))
    assert (service, copy, back) == ("old-service", "old-copy", "old-back")
    assert front.startswith("kdss-")


def test_our_objects_lend_their_names_to_a_restored_cluster():
    children = [
        headless("restored-service"),
        child("StatefulSet", "restored-front", role="front", owner=("c", "the uid before")),
        child("ControllerRevision", "restored-copy", data={"app": "demo"}),
    ]
    service, copy, front, back = names(resolved(children=children))
    assert (service, copy, front) == ("restored-service", "restored-copy", "restored-front")
    assert back.startswith("kdss-")


@pytest.mark.parametrize(
    "foreign",
    [
        headless("x", owner=("other", "u9")),
        headless("x", cluster="other"),
        headless("x", metadata={"deletionTimestamp": "2030-01-01T00:00:00Z"}),
        child("Service", "x", spec={"clusterIP": "10.0.0.1"}),
        headless("x", role="front"),
    ],
    ids=["owned by another", "labelled for another", "on its way out", "not headless", "of a role"],
)
def test_what_is_not_ours_to_take_lends_no_name(foreign):
    assert names(resolved(children=[foreign])) == names(resolved())


def test_of_several_objects_the_one_that_is_owned_comes_first_then_the_first_name():
    unowned = [headless("b"), headless("a")]
    assert resolved(children=unowned).cluster_service == "a"
    assert resolved(children=[*unowned, headless("z", owner=("c", "u1"))]).cluster_service == "z"


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True), st.sampled_from(["UID", "CrNameRole"]))
def test_every_name_is_a_dns_label_with_room_for_a_thousand_members(name, scheme):
    for made in names(resolved(root(name, namingScheme=scheme))):
        assert is_dns_label(f"s-{made}-9999")


def test_what_may_hold_a_name_is_looked_up_until_the_name_is_reserved():
    wanted = related(root(), nothing, "kd")
    service, _, front, back = names(resolved())
    assert {Ref(SERVICE, "team", service), Ref(STATEFUL_SET, "team", front), Ref(STATEFUL_SET, "team", back)} <= set(
        wanted
    )
    status = {"clusterService": "s", "roles": [{"id": "front", "statefulSet": "f"}, {"id": "back", "statefulSet": "b"}]}
    assert [str(ref) for ref in related(root(status=status), nothing, "kd")] == [
        "KubeDirectorApp team/demo",
        "KubeDirectorApp kd/demo",
        "KubeDirectorConfig kd/kd-global-config",
        "KubeDirectorStatusBackup team/c",
    ]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["metadata", "name", "uid", "namespace", "spec", "status", "roles", "app", "appCatalog", "id"]
                ),
                inner,
            )
        ),
    )
)
def test_any_object_can_be_asked_what_it_refers_to(value):
    assert related(value if isinstance(value, dict) else {}, nothing, "kd")


# The app and its copy


def copy_of(spec, name="copy", of="demo"):
    return child("ControllerRevision", name, owner=("c", "u1"), data={"app": of, "spec": spec})


RESERVED = {"reserved": {"appCopy": "copy", "appNamespace": "team", "appCatalog": "local"}}


def test_a_cluster_runs_from_its_own_copy():
    first = resolved()
    children = [copy_of(first.app.dumped())]
    edited = app(version="2.0", roles=[{"id": "front", "cardinality": "3"}])
    again = resolved(root(status=RESERVED), apps=[edited], children=children)
    assert (again.app, again.app_name) == (first.app, "demo")
    gone = Seen(NOW, root(status=RESERVED), children=tuple(children))
    assert resolve(Cluster.of(gone.root), None, gone).app == first.app


def ran(state):
    member = {"pod": "kdss-x-0", "nodeID": 1, "state": state}
    return {**RESERVED, "roles": [{"id": "front", "statefulSet": "kdss-x", "members": [member]}]}


def test_a_corrected_app_takes_the_copys_place_until_a_member_ran_from_it():
    first = resolved()
    children = [copy_of(first.app.dumped())]
    corrected = app(version="2.0")
    for state, version in [("config error", "2.0"), ("creating", "2.0"), ("configured", first.app.version)]:
        again = resolved(root(status=ran(state)), apps=[corrected], children=children)
        assert again.app.version == version, state
        assert (again.reserved.app_copy == "copy") == (version == first.app.version), state


def test_a_role_never_set_up_takes_image_and_package_of_a_corrected_app_while_others_run():
    package = {"packageURL": "file:///opt/right.tgz"}
    first = resolved()
    status = {
        **RESERVED,
        "roles": [
            {"id": "front", "statefulSet": "s", "members": [READY]},
            {"id": "back", "statefulSet": "t", "members": [{**FAILED, "pod": "t-0", "nodeID": 2}]},
        ],
    }
    corrected = app(version="2.0", defaultConfigPackage=package, defaultImageRepoTag="example/other:2")
    again = resolved(root(status=status), apps=[corrected], children=[copy_of(first.app.dumped())])
    front, back = again.app.roles
    assert front == first.app.roles[0]
    assert (back.image_repo_tag, back.config_package.package_url) == ("example/other:2", package["packageURL"])
    assert again.app.version == first.app.version
    assert again.reserved.app_copy != "copy"


def test_a_copy_without_the_nulls_of_its_app_is_no_other_app():
    demo = app(defaultConfigPackage=None, more={"a": None})
    copied = {**resolved(apps=[demo]).app.dumped(), "more": {}}
    copied["roles"] = [{key: item for key, item in role.items() if item is not None} for role in copied["roles"]]
    again = resolved(root(status=ran("creating")), apps=[demo], children=[copy_of(copied)])
    assert again.reserved.app_copy == "copy"


def test_a_copy_that_is_gone_is_made_again_from_the_app():
    assert resolved(root(status=RESERVED)).reserved.app_copy == "copy"


RUNNING = {"roles": [{"id": "front", "statefulSet": "s", "members": [READY]}]}
NEWER = app("newer", version="2.0", defaultImageRepoTag="example/demo:2")
MOVES = {
    "no such app": ({"app": "absent"}, [], "spec.app", "does not exist"),
    "another distribution": ({"app": "newer"}, [app("newer", distroID="x")], "spec.app", "distroID"),
    "another distribution's catalog": (
        {"appCatalog": "system"},
        [app("demo", "kd", distroID="x")],
        "spec.appCatalog",
        "distroID",
    ),
    "a role less": ({"app": "newer"}, [app("newer", roles=NEWER["spec"]["roles"][1:])], "spec.app", "role 'front'"),
    "too few members": (
        {"app": "newer"},
        [app("newer", roles=[{"id": "front", "cardinality": "1"}, {"id": "back", "cardinality": "3+"}])],
        "spec.roles[1].members",
        "cardinality",
    ),
}


@pytest.mark.parametrize(("change", "others", "path", "words"), MOVES.values(), ids=list(MOVES))
def test_a_move_that_cannot_be_made_is_told_and_the_cluster_goes_on_with_the_old_app(change, others, path, words):
    """CL-V-40, CL-V-41, CL-X-25, where no webhook refused the change."""
    children = [copy_of(resolved().app.dumped())]
    answer = resolved(root(status={**RESERVED, **RUNNING}, **change), apps=[app(), *others], children=children)
    assert any(text.startswith(path) and words in text for text in answer.not_accepted)
    assert (answer.app_name, answer.spec.app, answer.spec.app_catalog) == ("demo", "demo", "local")
    assert (answer.reserved.app_copy, answer.former_app) == ("copy", None)


def test_a_cluster_moves_to_another_app_of_its_distribution():
    """W-32: from a further copy, and what it ran until now is known in that very pass."""
    children = [copy_of(resolved().app.dumped())]
    answer = resolved(root(status={**RESERVED, **RUNNING}, app="newer"), apps=[app(), NEWER], children=children)
    assert (answer.app_name, answer.app.version, answer.not_accepted) == ("newer", "2.0", ())
    assert answer.reserved.app_copy not in ("", "copy")
    assert answer.former_app is not None
    assert answer.former_app.version == "1.0"
    system = app("demo", "kd", version="3.0")
    elsewhere = resolved(root(status=RESERVED, appCatalog="system"), apps=[app(), system], children=children)
    assert (elsewhere.app.version, elsewhere.reserved.app_catalog, elsewhere.reserved.app_namespace) == (
        "3.0",
        "system",
        "kd",
    )


def left_copy():
    """Return the copy of the app that a cluster ran from before it began to move."""
    copy = copy_of(resolved().app.dumped())
    copy["metadata"]["labels"][LABEL_CATALOG] = "local"
    return copy


MOVING = {**RUNNING, "reserved": {"appCopy": "further", "appNamespace": "kd", "appCatalog": "system"}}


def test_a_cluster_whose_new_app_is_deleted_in_the_middle_of_a_move_stays_with_the_old_one_and_says_so():
    """The further copy is recorded, and was never written; the one before is there still."""
    answer = resolved(root(status=MOVING, app="newer"), apps=[], children=[left_copy()])
    assert (answer.app_name, answer.app.version) == ("demo", "1.0")
    assert (answer.reserved.app_copy, answer.reserved.app_namespace, answer.reserved.app_catalog) == (
        "copy",
        "team",
        "local",
    )
    assert any(text.startswith("spec.app: ") and "does not exist" in text for text in answer.not_accepted)


def test_a_move_that_was_begun_goes_on_under_the_name_that_was_recorded_for_the_further_copy():
    begun = resolved(root(status={**RESERVED, **RUNNING}, app="newer"), apps=[NEWER], children=[left_copy()])
    status = {**RUNNING, "reserved": begun.reserved.dumped()}
    again = resolved(root(status=status, app="newer"), apps=[NEWER], children=[left_copy()])
    assert (again.reserved, again.app_name, again.not_accepted) == (begun.reserved, "newer", ())
    elsewhere = {"reserved": {**RESERVED["reserved"], "appCatalog": "system", "appNamespace": "kd"}, **RUNNING}
    elsewhere["reserved"]["appCopy"] = begun.reserved.app_copy
    system = app("demo", "kd", version="3.0")
    moved = resolved(root(status=elsewhere, appCatalog="system"), apps=[app(), system], children=[left_copy()])
    assert (moved.app.version, moved.reserved.app_copy) == ("3.0", begun.reserved.app_copy)


def test_a_correction_whose_copy_was_not_written_yet_changes_no_role_that_was_set_up():
    back = {"id": "back", "statefulSet": "t", "members": [{"pod": "t-0", "nodeID": 2, "state": "config error"}]}
    entries = [*RUNNING["roles"], back]
    edited = app(defaultImageRepoTag="example/demo:2")
    reserved = RESERVED["reserved"]
    for name in ("copy", "further"):
        status = {"reserved": {**reserved, "appCopy": name}, "roles": entries}
        answer = resolved(root(status=status), apps=[edited], children=[left_copy()])
        assert [item.image_repo_tag for item in answer.app.roles] == ["example/demo:1", "example/demo:2"]


def test_a_stranger_s_copy_is_no_app_to_fall_back_on():
    stranger = child("ControllerRevision", "copy", owner=("c", "other"), data={"app": "demo", "spec": app()["spec"]})
    stranger["metadata"]["ownerReferences"][0]["kind"] = "StatefulSet"
    with pytest.raises(RefusedError, match="does not exist"):
        resolved(root(status=MOVING, app="newer"), apps=[], children=[stranger])


@pytest.mark.parametrize("accepted", [{"role": {"id": "front", "members": "x"}}, {"other": 1}], ids=str)
def test_a_role_whose_accepted_form_cannot_be_read_takes_no_change_unseen(accepted):
    """CL-X-76: nothing is done, and what helps is told; of a role that never was set up all is accepted anew."""
    entry = {"id": "front", "statefulSet": "s", "accepted": accepted, "members": [READY]}
    roles = [{"id": "front", "resources": LIMITS, "serviceAccountName": "other"}]
    children = [copy_of(resolved().app.dumped())]
    with pytest.raises(RefusedError) as caught:
        resolved(root(status={**RESERVED, "roles": [entry]}, roles=roles), children=children)
    (problem,) = caught.value.problems
    assert (problem.path, problem.rule) == ("status.roles[0].accepted", "CL-X-76")
    assert "kubectl patch kdcluster c -n team --subresource status" in problem.remedy
    fresh = {**entry, "members": [{**READY, "state": "create pending"}]}
    assert resolved(root(status={**RESERVED, "roles": [fresh]}, roles=roles), children=children).not_accepted == ()
    removed = {key: value for key, value in entry.items() if key != "accepted"}
    answer = resolved(root(status={**RESERVED, "roles": [removed]}, roles=roles), children=children)
    assert answer.spec.role("front").service_account_name == "other"


def test_a_change_of_a_role_with_members_is_told_and_the_old_form_stays_in_force():
    """CL-V-43, where no webhook refused the change: the status records what was accepted."""
    accepted = {"role": {"id": "front", "resources": LIMITS, "sharedMemory": "1Gi"}}
    status = {**RESERVED, "roles": [{"id": "front", "statefulSet": "s", "accepted": accepted, "members": [READY]}]}
    roles = [{"id": "front", "resources": LIMITS, "sharedMemory": "2Gi", "podLabels": {"a": "b"}}]
    answer = resolved(root(status=status, roles=roles), children=[copy_of(resolved().app.dumped())])
    assert [text.partition(":")[0] for text in answer.not_accepted] == [
        "spec.roles[0].podLabels",
        "spec.roles[0].sharedMemory",
    ]
    assert (answer.spec.roles[0].shared_memory, answer.spec.roles[0].pod_labels) == ("1Gi", None)
    same = [{"id": "front", "resources": LIMITS, "sharedMemory": "1024Mi"}]
    assert resolved(root(status=status, roles=same)).not_accepted == ()


def test_a_role_with_members_takes_what_can_be_rolled_out():
    """W-32; what means the same stays as it was accepted, so that no pod is made anew for another notation (W-10)."""
    accepted = {"role": {"id": "front", "resources": LIMITS, "sharedMemory": "1Gi"}}
    status = {**RESERVED, "roles": [{"id": "front", "statefulSet": "s", "accepted": accepted, "members": [READY]}]}
    more = {"env": [{"name": "A", "value": "b"}], "imageRepoTag": "x:2", "sharedMemory": "1Gi"}
    roles = [{"id": "front", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}, **more}]
    answer = resolved(root(status=status, roles=roles), children=[copy_of(resolved().app.dumped())])
    (role,) = answer.spec.roles
    assert (answer.not_accepted, role.env[0].value, role.image_repo_tag) == ((), "b", "x:2")
    assert role.resources.amounts() == LIMITS


def test_a_role_never_set_up_takes_corrections_of_all_but_its_volumes():
    """CL-V-43: who mends a mistake goes on from there without deleting anything."""
    accepted = {"role": {"id": "front", "resources": LIMITS}}
    status = {**RESERVED, "roles": [{"id": "front", "statefulSet": "s", "accepted": accepted, "members": [FAILED]}]}
    copies = [copy_of(resolved().app.dumped())]
    roles = [{"id": "front", "resources": LIMITS, "env": [{"name": "A", "value": "b"}]}]
    answer = resolved(root(status=status, roles=roles), children=copies)
    assert (answer.not_accepted, answer.spec.roles[0].env[0].name) == ((), "A")
    roles = [{**roles[0], "storage": {"size": "1Gi", "storageClassName": "fast"}}]
    answer = resolved(root(status=status, roles=roles), children=copies)
    assert [text.partition(":")[0] for text in answer.not_accepted] == ["spec.roles[0].storage"]
    assert (answer.spec.roles[0].storage, answer.spec.roles[0].env[0].name) == (None, "A")


def test_a_correction_obeys_the_global_configuration():
    """CL-V-34: what a role was accepted with stays; what it takes now is checked."""
    accepted = {"role": {"id": "front", "resources": LIMITS}}
    status = {**RESERVED, "roles": [{"id": "front", "statefulSet": "s", "accepted": accepted, "members": [FAILED]}]}
    roles = [{"id": "front", "resources": LIMITS, "secret": {"name": "theirs", "mountPath": "/s"}}]
    with pytest.raises(RefusedError, match="'theirs' does not start with 'ours-'"):
        resolved(root(status=status, roles=roles), config=config(requiredSecretPrefix="ours-"))


def test_a_new_default_secret_is_for_later_roles():
    """1.2: a role that is there keeps the one that it was accepted with."""
    secret = {"name": "first", "mountPath": "/s"}
    accepted = {"role": {"id": "front", "resources": LIMITS}, "defaultSecret": secret}
    status = {**RESERVED, "roles": [{"id": "front", "statefulSet": "s", "accepted": accepted, "members": [READY]}]}
    for default, later in (({**secret, "name": "second"}, "second"), (None, None)):
        answer = resolved(root(status=status, defaultSecret=default))
        found = [role.secret and role.secret.name for role in answer.spec.roles]
        assert (found, answer.not_accepted) == (["first", later], ())


def test_a_copy_that_cannot_be_read_says_how_to_go_on():
    with pytest.raises(RefusedError, match="delete ControllerRevision 'copy'"):
        resolved(root(status=RESERVED), children=[copy_of({"version": 1})])


CATALOGS = [
    (None, ["team", "kd"], "team", "local"),
    (None, ["kd"], "kd", "system"),
    ("local", ["team", "kd"], "team", "local"),
    ("system", ["team", "kd"], "kd", "system"),
]


@pytest.mark.parametrize(("catalog", "places", "namespace", "found"), CATALOGS, ids=range(len(CATALOGS)))
def test_the_catalog_decides_where_the_app_comes_from(catalog, places, namespace, found):
    """CL-V-10 and CL-M-02."""
    cluster = root(**({"appCatalog": catalog} if catalog else {}))
    answer = resolved(cluster, apps=[app(namespace=place) for place in places])
    assert (answer.reserved.app_namespace, answer.reserved.app_catalog) == (namespace, found)
    assert answer.spec.app_catalog == found


def test_what_is_looked_up_follows_the_catalog():
    def places(**spec):
        return [ref.namespace for ref in related(root(**spec), nothing, "kd") if ref.kind == KD_APP]

    assert (places(), places(appCatalog="local"), places(appCatalog="system")) == (["team", "kd"], ["team"], ["kd"])


def test_an_app_of_another_catalog_is_not_found():
    with pytest.raises(RefusedError, match="does not exist"):
        resolved(root(appCatalog="local"), apps=[app(namespace="kd")])


def test_a_root_of_another_kind_brings_its_app():
    pool = {"apiVersion": "example.org/v1", "kind": "Pool", "metadata": {"name": "p", "namespace": "team", "uid": "u"}}
    demo = App.of("", parse_app(app()).spec)
    answer = resolve(Cluster.of(pool, app=demo, members={"front": 1, "back": 3}), demo, Seen(NOW, pool))
    assert [(role.id, role.wanted) for role in answer.roles] == [("front", 1), ("back", 3)]
    assert (answer.app_name, answer.reserved.app_catalog) == ("example-demo", "local")


# Reserved values and defaults

OTHER = {
    "defaultServiceType": "ClusterIP",
    "defaultNamingScheme": "CrNameRole",
    "clusterSvcDomainBase": "cluster.example",
    "defaultStorageClassName": "fast",
    "nativeSystemdSupport": True,
    "podLabels": {"a": "b"},
}


def test_without_a_global_config_the_built_in_values_hold():
    kept = resolved().reserved
    assert (kept.service_type, kept.naming_scheme, kept.domain_base) == ("LoadBalancer", "UID", ".svc.cluster.local")
    assert (kept.default_storage_class_name, kept.native_systemd_support, kept.pod_labels) == (None, False, None)


def test_values_of_the_global_config_are_taken_once():
    first = resolved(config=config(**OTHER))
    assert (first.reserved.service_type, first.reserved.domain_base) == ("ClusterIP", ".cluster.example")
    assert first.spec.service_type == "ClusterIP"
    status = {"reserved": first.reserved.dumped()}
    later = resolved(root(status=status), config=config(defaultServiceType="NodePort"))
    assert later.reserved == first.reserved


def test_what_the_user_says_wins_over_the_global_config():
    answer = resolved(root(serviceType="NodePort", namingScheme="UID"), config=config(**OTHER))
    assert (answer.spec.service_type, answer.spec.naming_scheme) == ("NodePort", "UID")
    assert answer.cluster_service.startswith("kdhs-")


def test_roles_get_their_defaults():
    """CL-M-04, CL-M-05, CL-M-08."""
    secret, own = {"name": "s", "mountPath": "/s"}, {"name": "own", "mountPath": "/o"}
    roles = [
        {"id": "front", "resources": LIMITS, "storage": {"size": "1Gi"}},
        {
            "id": "back",
            "members": 1,
            "resources": LIMITS,
            "secret": own,
            "storage": {"size": "1Gi", "storageClassName": "slow"},
        },
    ]
    spec = resolved(root(roles=roles, defaultSecret=secret), config=config(**OTHER)).spec
    assert [(role.members, role.secret.name, role.storage.storage_class_name) for role in spec.roles] == [
        (1, "s", "fast"),
        (1, "own", "slow"),
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (config(defaultServiceType="Ingress"), "is wrong: spec.defaultServiceType: 'Ingress' is not one of"),
        (config(podLabels={"x y": ""}), "is wrong: spec.podLabels"),
    ],
    ids=["form", "labels"],
)
def test_a_wrong_global_config_stops_new_clusters_only(wrong, words):
    with pytest.raises(RefusedError, match=words):
        resolved(config=wrong)
    status = {"reserved": {"appCopy": "x"}, "roles": [{"id": "front"}, {"id": "back"}]}
    assert resolved(root(status=status), config=wrong).reserved.app_copy == "x"


# Roles


def test_roles_follow_the_app_and_leftovers_their_ids():
    status = {"roles": [{"id": "zeta", "statefulSet": "z"}, {"id": "back", "statefulSet": "b"}, {"id": "alpha"}]}
    only_front = [{"id": "front", "resources": LIMITS}]
    answer = resolved(root(status=status, roles=only_front))
    assert [(role.id, role.wanted, role.spec is None) for role in answer.roles] == [
        ("front", 1, False),
        ("back", 0, True),
        ("alpha", 0, True),
        ("zeta", 0, True),
    ]
    assert [role.has_ports for role in answer.roles] == [True, False, False, False]


def test_a_role_without_members_that_never_had_any_is_left_out():
    roles = [{"id": "front", "resources": LIMITS}, {"id": "back", "resources": LIMITS}]
    assert [role.id for role in resolved(root(roles=roles)).roles] == ["front"]


def test_a_secret_value_that_nobody_encrypted_is_refused_and_not_told():
    """CL-M-09 without a webhook."""
    roles = [{"id": "front", "resources": LIMITS, "secretKeys": [{"name": "k", "value": "hunter2"}]}]
    with pytest.raises(RefusedError) as caught:
        resolved(root(roles=roles))
    assert [problem.rule for problem in caught.value.problems] == ["CL-M-09"]
    assert "hunter2" not in str(caught.value)


def test_what_only_admission_could_hold_is_said():
    roles = [{"id": "front", "resources": LIMITS, "serviceAccountName": "admin"}]
    assert [text for text in resolved(root(roles=roles)).unheld if "'admin'" in text]
    assert resolved().unheld == ()


def test_the_order_of_children_and_related_objects_decides_nothing():
    children = [headless("b"), headless("a"), child("StatefulSet", "f", role="front"), copy_of({}, "copy")]
    forth = seen(root(), children=children)
    back = replace(forth, children=tuple(reversed(forth.children)), related=tuple(reversed(forth.related)))
    first, second = (resolve(Cluster.of(item.root), None, item) for item in (forth, back))
    assert names(first) == names(second)
    assert first.reserved == second.reserved


def test_a_later_time_limit_of_the_config_is_for_later_clusters():
    """CFG-X-40."""
    first = resolved(config=config(defaultTimeLimits={"configure": 60}))
    status = {"reserved": first.reserved.dumped()}
    assert status["reserved"]["defaultTimeLimits"] == {"configure": 60}
    later = resolved(root(status=status), config=config(defaultTimeLimits={"configure": 5}))
    assert later.reserved.default_time_limits.configure == 60
    old = resolved(root(status=RESERVED), config=config(defaultTimeLimits={"configure": 5}))
    assert old.reserved.default_time_limits is None
