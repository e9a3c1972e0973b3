"""Creating and updating: what the server gives, what it keeps, and who comes too late."""

import pytest

from kdlib.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from kdlib.wire import CONFIG_MAP, NAMESPACE, POD, SERVICE, STATEFUL_SET, Kind, Request

LEASE = Kind("coordination.k8s.io/v1", "Lease")


def test_a_new_object_gets_what_only_the_server_gives(world, make):
    stored = world.registry.create(
        make.config_map(data={"k": "v"}, uid="mine", creationTimestamp="2001-01-01T00:00:00Z")
    )

    metadata = stored["metadata"]
    assert metadata["uid"].startswith("00000000-")
    assert metadata["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert metadata["resourceVersion"] == str(world.registry.version)
    assert metadata["managedFields"][0]["fieldsV1"] == {"f:data": {".": {}, "f:k": {}}}


def test_what_the_caller_handed_in_is_not_kept(world, make):
    body = make.config_map(data={"k": "v"})
    world.registry.create(body)

    body["data"]["k"] = "changed"

    assert world.registry.get(CONFIG_MAP, "default", "a")["data"] == {"k": "v"}


def test_a_name_can_be_generated(world, make):
    body = make.config_map(generateName="gen-")
    del body["metadata"]["name"]

    names = {world.registry.create(body)["metadata"]["name"] for _ in range(3)}

    assert len(names) == 3
    assert all(name.startswith("gen-") and len(name) == 9 for name in names)


def test_a_name_is_given_once(world, make):
    world.registry.create(make.config_map())

    with pytest.raises(AlreadyExistsError, match='configmaps "a" already exists'):
        world.registry.create(make.config_map())


def test_a_namespace_must_be_there_and_stay(world, make):
    elsewhere = make.config_map()
    elsewhere["metadata"]["namespace"] = "team"
    with pytest.raises(NotFoundError, match='namespaces "team" not found'):
        world.registry.create(elsewhere)
    world.registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    world.registry.delete(NAMESPACE, "", "team")

    with pytest.raises(ApiError) as caught:
        world.registry.create(elsewhere)

    assert (caught.value.code, caught.value.status["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")


def test_a_namespace_goes_when_its_finalizers_are_gone(world):
    world.registry.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    dying = world.registry.delete(NAMESPACE, "", "team")

    world.registry.update({**dying, "spec": {"finalizers": []}}, "finalize")

    assert dying["status"]["phase"] == "Terminating"
    assert world.registry.find(NAMESPACE, "", "team") is None


def test_a_resource_version_in_a_create_is_the_callers_mistake(world, make):
    with pytest.raises(ApiError) as caught:
        world.registry.create(make.config_map(resourceVersion="5"))

    assert (caught.value.code, caught.value.reason) == (500, "")


def test_an_update_with_a_stale_version_comes_too_late(world, make):
    first = world.registry.create(make.config_map(data={"k": "1"}))
    world.registry.update({**first, "data": {"k": "2"}})

    with pytest.raises(ConflictError, match="the object has been modified; please apply your changes"):
        world.registry.update({**first, "data": {"k": "3"}})


def test_an_update_without_a_version_replaces_whatever_is_there(world, make):
    world.registry.create(make.config_map(data={"k": "1"}))

    assert world.registry.update(make.config_map(data={"k": "2"}))["data"] == {"k": "2"}


def test_some_kinds_want_the_version_that_is_replaced(world):
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", "namespace": "default"}}
    world.registry.create(lease)

    with pytest.raises(ApiError, match=r"metadata\.resourceVersion: Invalid value: 0: must be specified for an update"):
        world.registry.update({**lease, "spec": {"holderIdentity": "x"}})


def test_an_update_of_another_uid_meets_another_object(world, make):
    world.registry.create(make.config_map())

    with pytest.raises(ConflictError, match="Precondition failed: UID in precondition: other"):
        world.registry.update(make.config_map(uid="other"))


def test_an_update_that_changes_nothing_writes_nothing(world, make):
    first = world.registry.create(make.config_map(data={"k": "1"}), manager="one")
    commits = len(world.commits)

    again = world.registry.update(make.config_map(data={"k": "1"}), manager="two")

    assert again == first
    assert len(world.commits) == commits


def test_some_kinds_are_created_by_an_update(world):
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", "namespace": "default"}}

    assert world.registry.update(lease) == world.registry.get(LEASE, "default", "l")


def test_what_is_not_there_cannot_be_updated(world, make):
    with pytest.raises(NotFoundError):
        world.registry.update(make.config_map())


# --- spec, status and generation ------------------------------------------------------------------------------------


def test_a_change_of_the_spec_is_a_new_generation_and_one_of_labels_is_not(world, make):
    first = world.registry.create(make.stateful_set())
    labelled = world.registry.patch(STATEFUL_SET, "default", "a", {"metadata": {"labels": {"x": "y"}}})
    scaled = world.registry.patch(STATEFUL_SET, "default", "a", {"spec": {"replicas": 3}})

    assert [one["metadata"]["generation"] for one in (first, labelled, scaled)] == [1, 1, 2]


def test_the_status_endpoint_changes_the_status_and_labels_but_no_spec(world, make):
    stored = world.registry.create(make.stateful_set())
    changed = {**stored, "status": {"replicas": 2}, "spec": {**stored["spec"], "replicas": 9}}
    changed["metadata"] = {**stored["metadata"], "labels": {"x": "y"}}

    after = world.registry.update(changed, "status")

    assert (after["spec"]["replicas"], after["status"]["replicas"]) == (1, 2)
    assert after["metadata"]["labels"] == {"x": "y"}
    assert after["metadata"]["generation"] == 1
    assert after["metadata"]["managedFields"][-1]["subresource"] == "status"


def test_the_main_endpoint_changes_no_status(world, make):
    stored = world.registry.create({**make.pod(), "status": {"phase": "Running"}})

    after = world.registry.update({**stored, "status": {"phase": "Failed"}})

    assert (stored["status"]["phase"], after["status"]["phase"]) == ("Pending", "Pending")


async def test_a_scale_is_read_and_written_apart(world, make):
    world.registry.create(make.stateful_set())
    path = "/apis/apps/v1/namespaces/default/statefulsets/a/scale"

    scale = await world.send("GET", path)
    after = await world.send("PUT", path, {**scale, "spec": {"replicas": 5}})
    refused = await world.refused("PUT", path, {**scale, "spec": {"replicas": -1}})

    assert (scale["kind"], scale["apiVersion"], scale["status"]) == (
        "Scale",
        "autoscaling/v1",
        {"replicas": 0, "selector": "app=a"},
    )
    assert after["spec"] == {"replicas": 5}
    assert world.registry.get(STATEFUL_SET, "default", "a")["metadata"]["generation"] == 2
    assert refused.code in {409, 422}


def test_a_pod_is_bound_to_a_node_once(world, make):
    world.registry.create(make.pod(nodeName=""))

    bound = world.registry.bind("default", "a", "n1")

    assert bound["spec"]["nodeName"] == "n1"
    with pytest.raises(ConflictError, match='pod a is already assigned to node "n1"'):
        world.registry.bind("default", "a", "n2")


# --- dry runs and field validation ----------------------------------------------------------------------------------


async def test_a_dry_run_answers_and_keeps_nothing(world, make):
    made = await world.send("POST", "/api/v1/namespaces/default/configmaps", make.config_map(), dryRun="All")
    refused = await world.refused("POST", "/api/v1/namespaces/default/configmaps", make.config_map(), dryRun="Some")

    assert made["metadata"]["uid"]
    assert world.registry.find(CONFIG_MAP, "default", "a") is None
    assert refused.code == 422


@pytest.mark.parametrize("directive", ["Strict", "Warn", "Ignore"])
async def test_unknown_fields_are_refused_warned_of_or_passed_over(world, make, directive):
    body = {**make.config_map(), "nonsense": 1, "metadata": {"name": "a", "more": 2}}
    request = Request("POST", "/api/v1/namespaces/default/configmaps", {"fieldValidation": directive}, body)

    if directive == "Strict":
        with pytest.raises(ApiError) as caught:
            await world.registry.answer(request)
        assert str(caught.value).endswith('error: unknown field "metadata.more", unknown field "nonsense"')
        return
    answer = await world.registry.answer(request, duplicates=("data.x",))

    wanted = ('duplicate field "data.x"', 'unknown field "metadata.more"', 'unknown field "nonsense"')
    assert answer.warnings == (wanted if directive == "Warn" else ())
    assert "nonsense" not in answer.body


async def test_values_of_the_wrong_type_are_refused_with_their_place(world, make):
    body = make.stateful_set(replicas="three")

    error = await world.refused("POST", "/apis/apps/v1/namespaces/default/statefulsets", body)

    assert error.code == 400
    assert str(error) == (
        'StatefulSet in version "v1" cannot be handled as a StatefulSet: json: cannot unmarshal string into Go struct '
        "field StatefulSetSpec.spec.replicas of type int32"
    )


async def test_a_body_of_another_kind_or_place_is_refused(world, make):
    path = "/api/v1/namespaces/default/configmaps"

    kind = await world.refused("POST", path, make.pod())
    place = await world.refused("POST", "/api/v1/namespaces/kube-system/configmaps", make.config_map())
    name = await world.refused("PUT", f"{path}/b", make.config_map())

    assert "unknown conversion" in str(kind)
    assert str(place) == "the namespace of the provided object does not match the namespace sent on the request"
    assert str(name) == "the name of the object (a) does not match the name on the URL (b)"


# --- paths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", "/api/v1/namespaces/default/nonsense", 404, "NotFound"),
        ("GET", "/apis/nonsense.org/v1/things", 404, ""),
        ("GET", "/api/v1/namespaces/default/configmaps/a/status", 404, "NotFound"),
        ("GET", "/api/v1/namespaces/default/nodes", 404, "NotFound"),
        ("PUT", "/api/v1/namespaces/default/configmaps", 405, "MethodNotAllowed"),
        ("POST", "/api/v1/configmaps", 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/configmaps", 405, "MethodNotAllowed"),
        ("HEAD", "/api/v1/namespaces/default/configmaps", 405, "MethodNotAllowed"),
        ("GET", "/nonsense", 404, "NotFound"),
    ],
)
async def test_a_path_or_method_that_is_not_served_is_refused(world, method, path, code, reason):
    error = await world.refused(method, path, {} if method in {"POST", "PUT"} else None)

    assert (error.code, error.reason) == (code, reason)


# --- completions and listeners --------------------------------------------------------------------------------------


def test_a_completion_fills_what_is_stored_and_may_refuse_it(world):
    def complete(new, old):
        if new["spec"].get("type") == "LoadBalancer":
            raise ApiError({"code": 422, "message": "no load balancers"})
        return {**new, "spec": {**new["spec"], "clusterIP": (old or {}).get("spec", {}).get("clusterIP", "10.0.0.1")}}

    world.registry.complete(SERVICE, complete)
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "default"}}

    stored = world.registry.create({**body, "spec": {"ports": [{"port": 80}]}})

    assert stored["spec"]["clusterIP"] == "10.0.0.1"
    with pytest.raises(ApiError, match="no load balancers"):
        world.registry.patch(SERVICE, "default", "s", {"spec": {"type": "LoadBalancer"}})


def test_a_listener_that_writes_is_told_of_that_after_everybody_heard_of_the_first(world, make):
    told = []

    def second_write(event, obj):
        if event == "ADDED":
            world.registry.patch(CONFIG_MAP, "default", obj["metadata"]["name"], {"data": {"k": "2"}})

    world.registry.subscribe(second_write)
    end = world.registry.subscribe(lambda event, obj: told.append((event, obj.get("data"))))
    world.registry.create(make.config_map(data={"k": "1"}))
    end()
    world.registry.delete(CONFIG_MAP, "default", "a")

    assert told == [("ADDED", {"k": "1"}), ("MODIFIED", {"k": "2"})]


def test_objects_are_shown_in_the_order_of_namespace_and_name(world, make):
    for name in ("b", "a", "c"):
        world.registry.create(make.pod(name))

    assert [pod["metadata"]["name"] for pod in world.registry.list(POD)] == ["a", "b", "c"]
