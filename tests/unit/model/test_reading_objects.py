"""Objects are read strictly; what is wrong is told in the user's words, all at once, with API paths."""

import pytest

from kdlib.errors import RefusedError
from kdlib.model import App, Cluster, parse_app, parse_cluster, parse_config

APP = {
    "apiVersion": "kubedirector.hpe.com/v1beta1",
    "kind": "KubeDirectorApp",
    "metadata": {"name": "demo", "namespace": "team"},
    "spec": {
        "label": {"name": "Demo"},
        "distroID": "example/demo",
        "version": "1.0",
        "configSchemaVersion": 8,
        "services": [{"id": "web", "endpoint": {"port": 80, "urlScheme": "http"}}],
        "roles": [{"id": "front", "cardinality": "1"}, {"id": "back", "cardinality": "2+"}],
        "config": {
            "selectedRoles": ["front", "back"],
            "roleServices": [{"roleID": "front", "serviceIDs": ["web"]}],
        },
    },
}
LIMITS = {"limits": {"cpu": "1", "memory": "1Gi"}}


def app(**changes):
    return {**APP, "spec": {**APP["spec"], **changes}}


def app_role(**changes):
    return app(roles=[{"id": "front", "cardinality": "1", **changes}])


def cluster(role=None, **changes):
    roles = [{"id": "front", "resources": LIMITS, **(role or {})}]
    spec = {"app": "demo", "roles": roles, **changes}
    return {"metadata": {"name": "c", "namespace": "team"}, "spec": spec}


def problems(parse, value):
    with pytest.raises(RefusedError) as caught:
        parse(value)
    return [f"{problem.path}: {problem.what}" for problem in caught.value.problems]


WRONG_APPS = [
    (app(label={}), "spec.label.name: is required"),
    (app(label=None), "spec.label: is required"),
    (app(version=2), "spec.version: must be a string"),
    (app(version=""), "spec.version: '' is empty"),
    (app(configSchemaVersion=6), "spec.configSchemaVersion: 6 is less than 7"),
    (app(configSchemaVersion="8"), "spec.configSchemaVersion: must be a whole number"),
    (app(configSchemaVersion=8.5), "spec.configSchemaVersion: must be a whole number"),
    (app(configSchemaVersion=2**63), "spec.configSchemaVersion: does not fit into 64 bits"),
    (app(systemdRequired="yes"), "spec.systemdRequired: must be true or false"),
    (app(roles={}), "spec.roles: must be a list"),
    (app(roles=[3]), "spec.roles[0]: must be an object"),
    (app(roles=[None]), "spec.roles[0]: must be an object"),
    (app(logoURL="x.gif"), "spec.logoURL: 'x.gif' is not the URL of a picture"),
    (app(defaultPersistDirs=["/a", "b"]), "spec.defaultPersistDirs[1]: 'b' is not a directory"),
    (app(defaultEventList=["reboot"]), "spec.defaultEventList[0]: 'reboot' is not one of the values known here"),
    (app(services=[{"id": "Web"}]), "spec.services[0].id: 'Web' is not a valid id"),
    (app(services=[{"id": "w" * 16}]), "spec.services[0].id: 'wwwwwwwwwwwwwwww' is longer than 15 characters"),
    (app(services=[{"id": "w", "endpoint": {}}]), "spec.services[0].endpoint.port: is required"),
    (
        app(services=[{"id": "w", "endpoint": {"port": 65536}}]),
        "spec.services[0].endpoint.port: 65536 is more than 65535",
    ),
    (app_role(cardinality="+1"), "spec.roles[0].cardinality: '+1' is not a cardinality"),
    (app_role(cardinality="\u0663"), "spec.roles[0].cardinality: '\u0663' is not a cardinality"),
    (app_role(configPackage={"packageURL": "http://x/y.zip"}), "'http://x/y.zip' is not the URL of a package"),
    (app_role(minResources={"cpu": 2}), "spec.roles[0].minResources.cpu: must be a string"),
    (app_role(minStorage={"size": "ten"}), "spec.roles[0].minStorage.size: 'ten' is not a quantity"),
    ({**APP, "metadata": {"name": "a" * 64}}, "metadata.name: "),
    ({**APP, "spec": None}, "spec: is required"),
    ([], "(the object): must be an object"),
    ("app", "(the object): must be an object"),
]


@pytest.mark.parametrize(("value", "words"), WRONG_APPS, ids=range(len(WRONG_APPS)))
def test_a_wrong_app_is_refused_in_words(value, words):
    found = problems(parse_app, value)
    assert any(words in text for text in found), found


WRONG_CLUSTERS = [
    (cluster(app=""), "spec.app: '' is empty"),
    (cluster(serviceType="Ingress"), "spec.serviceType: 'Ingress' is not one of the values known here"),
    (cluster({"members": -1}), "spec.roles[0].members: -1 is less than 0"),
    (cluster({"members": True}), "spec.roles[0].members: must be a whole number"),
    (cluster({"resources": None}), "spec.roles[0].resources: is required"),
    (cluster({"resources": {}}), "spec.roles[0].resources.limits: is required"),
    (cluster({"resources": {"limits": {"cpu": "1"}}}), "spec.roles[0].resources.limits.memory: is required"),
    (
        cluster({"resources": {"limits": {**LIMITS["limits"], "nvidia.com/gpu": 1}}}),
        "limits[nvidia.com/gpu]: must be a",
    ),
    (cluster({"env": [{"name": "A"}]}), "spec.roles[0].env[0].value: is required"),
    (cluster({"podLabels": {"a": 1}}), "spec.roles[0].podLabels.a: must be a string"),
    (cluster({"fileInjections": [{"srcURL": "ftp://x", "destDir": "/d"}]}), "'ftp://x' is not a web URL"),
    (
        cluster({"volumeProjections": [{"pvcName": "p", "mountPath": "/"}]}),
        "mountPath: '/' is shorter than 2 characters",
    ),
    (cluster(defaultSecret={"name": "s", "mountPath": "d"}), "spec.defaultSecret.mountPath: 'd' is not a mount path"),
    (cluster(defaultSecret={"name": "s", "mountPath": "/d", "defaultMode": 512}), "512 is more than 511"),
    (cluster({"blockStorage": {"storageClassName": "s", "pathPrefix": "/d", "numDevices": 0}}), "0 is less than 1"),
    (cluster(connections={"secrets": ["x"] * 101}), "spec.connections.secrets: has more than 100 items"),
]


@pytest.mark.parametrize(("value", "words"), WRONG_CLUSTERS, ids=range(len(WRONG_CLUSTERS)))
def test_a_wrong_cluster_is_refused_in_words(value, words):
    found = problems(parse_cluster, value)
    assert any(words in text for text in found), found


def test_everything_wrong_is_told_at_once_in_the_order_of_paths():
    value = cluster({"members": "3", "env": [{}]}, app=5)
    assert problems(parse_cluster, value) == [
        "spec.app: must be a string",
        "spec.roles[0].env[0].name: is required",
        "spec.roles[0].env[0].value: is required",
        "spec.roles[0].members: must be a whole number",
    ]


def test_each_problem_has_a_remedy_and_the_object_is_named():
    with pytest.raises(RefusedError) as caught:
        parse_cluster(cluster({"members": "3"}))
    assert caught.value.subject == "KubeDirectorCluster team/c"
    assert all(problem.remedy for problem in caught.value.problems)


@pytest.mark.parametrize("field", ["value", "encryptedValue"])
def test_no_secret_value_is_in_a_message(field):
    with pytest.raises(RefusedError) as caught:
        parse_cluster(cluster({"secretKeys": [{"name": "k", field: ["hunter2"]}, {"name": "", field: "hunter2"}]}))
    assert "hunter2" not in str(caught.value)


def test_a_long_value_is_cut_in_a_message():
    with pytest.raises(RefusedError) as caught:
        parse_app(app(version="1", distroID="x", logoURL="y" * 10_000))
    assert len(str(caught.value)) < 300


def test_the_global_config_has_its_one_name():
    good = {"metadata": {"name": "kd-global-config"}, "spec": {"defaultServiceType": "NodePort"}}
    assert parse_config(good).spec.default_service_type == "NodePort"
    assert problems(parse_config, {**good, "metadata": {"name": "other"}}) == [
        "metadata.name: 'other' is not the name of the global configuration"
    ]
    assert parse_config({"metadata": {"name": "kd-global-config"}}).spec is None


def test_an_absent_package_differs_from_a_null_one():
    package = {"packageURL": "file:///p.tgz"}
    absent, null, given = (
        parse_app(app_role(**value)).spec.roles[0]
        for value in ({}, {"configPackage": None}, {"configPackage": package})
    )
    assert [role.config_package is None for role in (absent, null, given)] == [True, True, False]
    assert ["config_package" in role.model_fields_set for role in (absent, null, given)] == [False, True, True]
    assert [role.dumped().get("configPackage", "absent") for role in (absent, null, given)] == ["absent", None, package]


def test_unknown_fields_stay_where_the_api_keeps_them_and_go_elsewhere():
    value = app(
        new={"a": None}, label={"name": "Demo", "x": 1}, services=[{"id": "w", "exported_service": "s", "x": 1}]
    )
    value["spec"]["roles"][0] = {**value["spec"]["roles"][0], "x": 1}
    spec = parse_app(value).spec.dumped()
    assert (spec["new"], spec["label"], spec["services"][0]) == (
        {"a": None},
        {"name": "Demo", "x": 1},
        value["spec"]["services"][0],
    )
    assert "x" not in spec["roles"][0]


def test_names_of_python_are_no_names_of_the_api():
    assert problems(
        parse_app, {**APP, "spec": {**{k: v for k, v in APP["spec"].items() if k != "distroID"}, "distro_id": "x"}}
    ) == ["spec.distroID: is required"]


def test_nulls_count_as_absent_where_the_api_has_none():
    read = parse_cluster(cluster({"members": None, "env": None, "podLabels": None, "storage": None}, connections=None))
    assert read.spec.roles[0].dumped() == {"id": "front", "resources": LIMITS, "podLabels": None, "storage": None}
    assert "connections" not in read.spec.dumped()


def test_numbers_of_extended_resources_become_texts():
    limits = {"cpu": "1", "memory": "1Gi", "example.org/fpga": 2, "example.org/none": None}
    read = parse_cluster(cluster({"resources": {"limits": limits}}))
    assert read.spec.roles[0].resources.limits == {"cpu": "1", "memory": "1Gi", "example.org/fpga": "2"}


def test_a_whole_number_may_be_written_with_a_fraction_of_zero():
    assert parse_app(app(configSchemaVersion=8.0)).spec.config_schema_version == 8
    assert problems(parse_cluster, cluster({"members": 3.0})) == ["spec.roles[0].members: must be a whole number"]


def test_a_root_of_another_kind_becomes_a_cluster():
    root = {
        "apiVersion": "example.org/v1",
        "kind": "Pool",
        "metadata": {"name": "p", "namespace": "team", "uid": "u1", "generation": 4},
        "spec": {"size": 3},
        "status": {"clusterService": "kdhs-x"},
    }
    demo = parse_app(APP)
    read = Cluster.of(root, app=demo, members={"back": 3}, spec={"roles": [{"id": "front", "resources": LIMITS}]})
    assert (str(read.ref), read.uid, read.generation) == ("Pool team/p", "u1", 4)
    assert (read.spec.app, [(role.id, role.members) for role in read.spec.roles]) == (
        "demo",
        [("front", None), ("back", 3)],
    )
    assert read.status.cluster_service == "kdhs-x"


def test_a_cluster_of_its_own_kind_is_taken_as_it_is():
    value = {"apiVersion": "kubedirector.hpe.com/v1beta1", "kind": "KubeDirectorCluster", **cluster({"members": 7})}
    assert Cluster.of(value, members={"front": 2}).spec.roles[0].members == 7


def test_an_app_can_be_made_of_its_spec():
    made = App.of("demo", APP["spec"])
    assert (made.name, made.spec) == ("demo", parse_app(APP).spec)
    assert [service.id for service in made.spec.services_of("front")] == ["web"]
    assert made.spec.services_of("back") == ()
