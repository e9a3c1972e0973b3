"""Built-in kinds: defaults, mistakes and what may not change, as users of this product meet them."""

import pytest

from kdlib.errors import ApiError
from kdlib.wire import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Kind,
)


def errors_of(error):
    return [(cause["field"], cause["message"]) for cause in error.status["details"]["causes"]]


def service(name="s", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def claim(**spec):
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    metadata = {"name": "c", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": body}


# --- canonical form -------------------------------------------------------------------------------------------------


def test_objects_are_kept_in_canonical_form(world, make):
    body = make.stateful_set(minReadySeconds=0)
    container = body["spec"]["template"]["spec"]["containers"][0]
    container.update(
        command=[],
        env=[{"name": "X", "value": ""}],
        resources={"limits": {"memory": "1024Mi", "cpu": "0.5"}},
        securityContext={"privileged": False},
    )
    body["metadata"]["labels"] = {}

    stored = world.registry.create(body)

    kept = stored["spec"]["template"]["spec"]["containers"][0]
    assert "labels" not in stored["metadata"]
    assert "minReadySeconds" not in stored["spec"]
    assert "command" not in kept
    assert kept["env"] == [{"name": "X"}]
    assert kept["resources"] == {"limits": {"memory": "1Gi", "cpu": "500m"}}
    assert kept["securityContext"] == {"privileged": False}


# --- pods -----------------------------------------------------------------------------------------------------------


def test_a_pod_gets_its_defaults(world, make):
    probe = {"httpGet": {"port": 80}}
    volumes = [{"name": "a"}, {"name": "b", "secret": {"secretName": "s"}}]
    containers = [{"name": "app", "image": "i:1", "readinessProbe": probe, "resources": {"limits": {"cpu": "1"}}}]

    stored = world.registry.create(make.pod(containers=containers, volumes=volumes))

    spec, container = stored["spec"], stored["spec"]["containers"][0]
    assert (spec["restartPolicy"], spec["dnsPolicy"], spec["terminationGracePeriodSeconds"]) == (
        "Always",
        "ClusterFirst",
        30,
    )
    assert spec["volumes"] == [
        {"name": "a", "emptyDir": {}},
        {"name": "b", "secret": {"secretName": "s", "defaultMode": 420}},
    ]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
    assert container["readinessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert [toleration["key"] for toleration in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert stored["status"] == {"phase": "Pending", "qosClass": "Burstable"}


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
        ({"limits": {"cpu": "1000m", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1024Mi"}}, "Guaranteed"),
    ],
)
def test_the_quality_of_service_follows_from_the_resources(world, make, resources, quality):
    containers = [{"name": "app", "image": "i", "resources": resources}]

    assert world.registry.create(make.pod(containers=containers))["status"]["qosClass"] == quality


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("i", "Always"),
        ("i:latest", "Always"),
        ("i:1", "IfNotPresent"),
        ("r:5000/i", "Always"),
        ("r:5000/i:1", "IfNotPresent"),
        ("i@sha256:" + "0" * 64, "IfNotPresent"),
    ],
)
def test_the_pull_policy_follows_from_the_tag(world, make, image, policy):
    stored = world.registry.create(make.pod(containers=[{"name": "app", "image": image}]))

    assert stored["spec"]["containers"][0]["imagePullPolicy"] == policy


APP = {"name": "app", "image": "i"}


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"containers": []}, "spec.containers", "Required value"),
        ({"containers": [{"name": "app"}]}, "spec.containers[0].image", "Required value"),
        ({"containers": [APP, APP]}, "spec.containers[1].name", 'Duplicate value: "app"'),
        (
            {"containers": [{**APP, "ports": [{"containerPort": 0}]}]},
            "spec.containers[0].ports[0].containerPort",
            "Required value",
        ),
        (
            {"containers": [{**APP, "ports": [{"containerPort": 99999}]}]},
            "spec.containers[0].ports[0].containerPort",
            "Invalid value: 99999: must be between 1 and 65535, inclusive",
        ),
        (
            {"containers": [{**APP, "volumeMounts": [{"name": "nope", "mountPath": "/x"}]}]},
            "spec.containers[0].volumeMounts[0].name",
            'Not found: "nope"',
        ),
        (
            {"containers": [{**APP, "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}]},
            "spec.containers[0].resources.requests",
            'Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        ({"containers": [{**APP, "env": [{"value": "x"}]}]}, "spec.containers[0].env[0].name", "Required value"),
        ({"volumes": [{"name": "v", "configMap": {}}]}, "spec.volumes[0].configMap.name", "Required value"),
        (
            {"restartPolicy": "Sometimes"},
            "spec.restartPolicy",
            'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        ),
        (
            {"containers": [{**APP, "livenessProbe": {}}]},
            "spec.containers[0].livenessProbe",
            "Required value: must specify a handler type",
        ),
    ],
)
def test_a_pod_that_makes_no_sense_is_refused(world, make, spec, field, message):
    with pytest.raises(ApiError) as caught:
        world.registry.create(make.pod(**spec))

    assert (field, message) in errors_of(caught.value)


def test_a_pod_keeps_its_spec_but_for_its_images(world, make):
    stored = world.registry.create(make.pod())
    spec = stored["spec"]

    world.registry.update({**stored, "spec": {**spec, "containers": [{**spec["containers"][0], "image": "i:2"}]}})
    with pytest.raises(ApiError, match="pod updates may not change fields other than"):
        world.registry.patch(POD, "default", "a", {"spec": {"hostname": "other"}})


def test_the_one_address_of_a_pod_is_the_first_of_several(world, make):
    stored = world.registry.create(make.pod())

    after = world.registry.update({**stored, "status": {"podIP": "10.1.0.2"}}, "status")

    assert after["status"]["podIPs"] == [{"ip": "10.1.0.2"}]


# --- workloads ------------------------------------------------------------------------------------------------------


def test_a_stateful_set_gets_its_defaults(world, make):
    spec = world.registry.create(
        make.stateful_set(volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": claim()["spec"]}])
    )["spec"]

    assert (spec["replicas"], spec["podManagementPolicy"], spec["revisionHistoryLimit"]) == (1, "OrderedReady", 10)
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert spec["volumeClaimTemplates"][0]["kind"] == "PersistentVolumeClaim"
    assert spec["volumeClaimTemplates"][0]["status"] == {"phase": "Pending"}


def test_a_stateful_set_may_mount_its_claims(world, make):
    body = make.stateful_set(volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": claim()["spec"]}])
    body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "d", "mountPath": "/d"}]

    assert world.registry.create(body)


def test_most_of_a_stateful_set_is_for_ever(world, make):
    world.registry.create(make.stateful_set())

    world.registry.patch(STATEFUL_SET, "default", "a", {"spec": {"replicas": 2, "minReadySeconds": 3}})
    with pytest.raises(ApiError, match="updates to statefulset spec for fields other than 'replicas', 'ordinals'"):
        world.registry.patch(STATEFUL_SET, "default", "a", {"spec": {"serviceName": "other"}})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicas": -1}, "Invalid value: -1: must be greater than or equal to 0"),
        ({"selector": {"matchLabels": {"app": "other"}}}, "`selector` does not match template `labels`"),
        ({"selector": {}}, "empty selector is invalid for statefulset"),
        ({"podManagementPolicy": "Odd"}, "must be 'OrderedReady' or 'Parallel'"),
        ({"updateStrategy": {"type": "Odd"}}, "must be 'RollingUpdate' or 'OnDelete'"),
    ],
)
def test_a_stateful_set_that_makes_no_sense_is_refused(world, make, spec, message):
    with pytest.raises(ApiError) as caught:
        world.registry.create(make.stateful_set(**spec))

    assert message in str(caught.value)


def test_a_deployment_keeps_its_selector(world, make):
    body = {**make.stateful_set(), "kind": "Deployment"}
    kind = Kind("apps/v1", "Deployment")

    stored = world.registry.create(body)

    assert stored["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    with pytest.raises(ApiError, match="field is immutable"):
        world.registry.patch(kind, "default", "a", {"spec": {"selector": {"matchLabels": {"x": "y"}}}})


def test_the_data_of_a_revision_is_for_ever(world):
    metadata = {"name": "r", "namespace": "default"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "revision": 1,
        "data": {"a": [1]},
    }
    world.registry.create(body)

    assert world.registry.patch(CONTROLLER_REVISION, "default", "r", {"revision": 2})["revision"] == 2
    with pytest.raises(ApiError, match="field is immutable"):
        world.registry.patch(CONTROLLER_REVISION, "default", "r", {"data": {"a": [2]}})


# --- services, claims, maps and secrets -----------------------------------------------------------------------------


def test_a_service_gets_its_defaults(world):
    stored = world.registry.create(service(ports=[{"port": 80}], type="NodePort", sessionAffinity="ClientIP"))

    assert stored["spec"] == {
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "type": "NodePort",
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
        "externalTrafficPolicy": "Cluster",
        "internalTrafficPolicy": "Cluster",
    }
    assert stored["status"] == {"loadBalancer": {}}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"ports": []}, "spec.ports"),
        ({"ports": [{"port": 80}, {"port": 81}]}, "spec.ports[0].name"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port"),
        ({"ports": [{"port": 80}], "type": "Odd"}, "spec.type"),
        ({"type": "ExternalName"}, "spec.externalName"),
        ({"ports": [{"port": 80}], "clusterIP": "None", "type": "NodePort"}, "spec.clusterIPs[0]"),
        ({"ports": [{"port": 80}], "sessionAffinity": "Odd"}, "spec.sessionAffinity"),
    ],
)
def test_a_service_that_makes_no_sense_is_refused(world, spec, field):
    with pytest.raises(ApiError) as caught:
        world.registry.create(service(**spec))

    assert field in {found for found, _ in errors_of(caught.value)}


def test_a_headless_service_needs_no_ports_and_keeps_its_address(world):
    world.registry.create(service(clusterIP="None"))

    with pytest.raises(ApiError, match="may not change once set"):
        world.registry.patch(SERVICE, "default", "s", {"spec": {"clusterIP": "10.0.0.1"}})


def test_a_claim_is_bound_once_and_may_grow_then(world):
    world.registry.create(claim())
    kind = PERSISTENT_VOLUME_CLAIM

    with pytest.raises(ApiError, match="spec is immutable after creation"):
        world.registry.patch(kind, "default", "c", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
    bound = world.registry.patch(kind, "default", "c", {"spec": {"volumeName": "v"}})
    world.registry.update({**bound, "status": {"phase": "Bound"}}, "status")
    grown = world.registry.patch(kind, "default", "c", {"spec": {"resources": {"requests": {"storage": "2Gi"}}}})

    assert grown["spec"]["resources"]["requests"]["storage"] == "2Gi"
    with pytest.raises(ApiError, match="field can not be less than"):
        world.registry.patch(kind, "default", "c", {"spec": {"resources": {"requests": {"storage": "1Gi"}}}})
    with pytest.raises(ApiError, match="spec is immutable after creation"):
        world.registry.patch(kind, "default", "c", {"spec": {"volumeName": "w"}})


@pytest.mark.parametrize("spec", [{"accessModes": []}, {"accessModes": ["Odd"]}, {"resources": {}}])
def test_a_claim_says_what_it_wants(world, spec):
    with pytest.raises(ApiError):
        world.registry.create(claim(**spec))


def test_clear_text_of_a_secret_becomes_data(world):
    metadata = {"name": "s", "namespace": "default"}

    stored = world.registry.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": "b"}}
    )

    assert (stored["data"], stored["type"]) == ({"a": "Yg=="}, "Opaque")
    assert "stringData" not in stored
    with pytest.raises(ApiError, match="field is immutable"):
        world.registry.patch(SECRET, "default", "s", {"type": "other"})
    with pytest.raises(ApiError, match="illegal base64 data at input byte 0"):
        world.registry.patch(SECRET, "default", "s", {"data": {"a": "!!"}})


def test_an_immutable_map_is_immutable(world, make):
    world.registry.create({**make.config_map(data={"k": "v"}), "immutable": True})

    with pytest.raises(ApiError, match="field is immutable when `immutable` is set"):
        world.registry.patch(CONFIG_MAP, "default", "a", {"data": {"k": "w"}})


def test_a_map_has_a_size_and_keys(world, make):
    with pytest.raises(ApiError, match="Too long: may not be more than 1048576 bytes"):
        world.registry.create(make.config_map(data={"k": "x" * (1024 * 1024 + 1)}))
    with pytest.raises(ApiError, match="a valid config key must consist of alphanumeric characters"):
        world.registry.create(make.config_map(data={"a b": "x"}))


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"name": "Not_a_name"}, "metadata.name"),
        ({"name": ""}, "metadata.name"),
        ({"labels": {"a b": "x"}}, "metadata.labels"),
        ({"annotations": {"?": "x"}}, "metadata.annotations"),
        ({"finalizers": ["plain"]}, "metadata.finalizers[0]"),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""}]},
            "metadata.ownerReferences.uid",
        ),
    ],
)
def test_metadata_must_make_sense(world, make, metadata, field):
    body = make.config_map()
    body["metadata"].update(metadata)

    with pytest.raises(ApiError) as caught:
        world.registry.create(body)

    assert field in {found for found, _ in errors_of(caught.value)}


def test_a_lease_keeps_its_times_to_the_microsecond(world):
    metadata = {"name": "l", "namespace": "default"}
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}

    stored = world.registry.create({**body, "spec": {"renewTime": "2026-01-01T02:00:00.123456+02:00"}})

    assert stored["spec"]["renewTime"] == "2026-01-01T00:00:00.123456Z"
    with pytest.raises(ApiError, match='cannot parse "Z" as'):
        world.registry.create({**body, "spec": {"renewTime": "2026-01-01T00:00:00Z"}})


def test_a_new_namespace_has_its_label_finalizer_and_phase(world):
    stored = world.registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})

    assert stored["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert (stored["spec"], stored["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
