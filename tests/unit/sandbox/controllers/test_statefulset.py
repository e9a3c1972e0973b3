"""The laws of StatefulSets."""

from kdlib.wire import CONTROLLER_REVISION, PERSISTENT_VOLUME_CLAIM, POD, STATEFUL_SET


def spec(replicas=3, **more):
    return {
        "replicas": replicas,
        "serviceName": "web",
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "one"}]},
        },
        **more,
    }


def test_pods_start_in_order_each_after_the_one_before_is_ready(play):
    async def scenario(house):
        await house.start()
        house.create(STATEFUL_SET, "web", spec())
        for ordinal in range(3):
            await house.settle()
            assert house.names(POD) == [f"web-{each}" for each in range(ordinal + 1)]
            house.run(f"web-{ordinal}")
        await house.settle()
        status = house.get(STATEFUL_SET, "web")["status"]
        assert status["readyReplicas"] == status["availableReplicas"] == status["replicas"] == 3
        assert status["currentRevision"] == status["updateRevision"]

    play(scenario)


def test_parallel_pods_start_at_once(play):
    async def scenario(house):
        await house.start()
        house.create(STATEFUL_SET, "web", spec(40, podManagementPolicy="Parallel"))
        await house.settle()
        assert len(house.names(POD)) == 40

    play(scenario)


def test_a_pod_carries_its_identity(play):
    async def scenario(house):
        await house.start()
        house.create(STATEFUL_SET, "web", spec(1))
        await house.settle()
        pod = house.get(POD, "web-0")
        labels, owner = pod["metadata"]["labels"], pod["metadata"]["ownerReferences"][0]
        assert labels == {
            "app": "web",
            "statefulset.kubernetes.io/pod-name": "web-0",
            "apps.kubernetes.io/pod-index": "0",
            "controller-revision-hash": house.names(CONTROLLER_REVISION)[0],
        }
        assert (owner["kind"], owner["name"], owner["controller"]) == ("StatefulSet", "web", True)
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("web-0", "web")
        assert pod["spec"]["nodeName"] == "node"

    play(scenario)


def test_shrinking_deletes_the_highest_ordinal_first_and_one_at_a_time(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec())
        await house.settle()
        house.auto_ready = False
        house.registry.patch(STATEFUL_SET, "default", "web", {"spec": {"replicas": 1}})
        await house.settle()
        going = [
            each["metadata"]["name"] for each in house.registry.list(POD) if "deletionTimestamp" in each["metadata"]
        ]
        assert going == ["web-2"]
        house.finish("web-2")
        await house.settle()
        going = [
            each["metadata"]["name"] for each in house.registry.list(POD) if "deletionTimestamp" in each["metadata"]
        ]
        assert going == ["web-1"]
        house.finish("web-1")
        await house.settle()
        assert house.names(POD) == ["web-0"]
        assert house.get(STATEFUL_SET, "web")["status"]["replicas"] == 1

    play(scenario)


def test_a_new_template_rolls_from_the_highest_ordinal_down_and_waits_for_each(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec())
        await house.settle()
        first = house.get(STATEFUL_SET, "web")["status"]["currentRevision"]
        house.auto_ready = False
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "two"}]}}}}
        house.registry.patch(STATEFUL_SET, "default", "web", patch)
        for ordinal in (2, 1, 0):
            await house.settle()
            name = f"web-{ordinal}"
            assert "deletionTimestamp" in house.get(POD, name)["metadata"]
            house.finish(name)
            await house.settle()
            assert house.get(POD, name)["spec"]["containers"][0]["image"] == "two"
            status = house.get(STATEFUL_SET, "web")["status"]
            assert (status["currentRevision"], status["updatedReplicas"]) == (first, 3 - ordinal)
            house.run(name)
        await house.settle()
        status = house.get(STATEFUL_SET, "web")["status"]
        assert status["currentRevision"] == status["updateRevision"] != first
        assert [each["revision"] for each in house.registry.list(CONTROLLER_REVISION)] in ([1, 2], [2, 1])

    play(scenario)


def test_a_partition_keeps_lower_ordinals_at_the_old_template(play):
    async def scenario(house):
        await house.start(ready=True)
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
        house.create(STATEFUL_SET, "web", spec(updateStrategy=strategy))
        await house.settle()
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "two"}]}}}}
        house.registry.patch(STATEFUL_SET, "default", "web", patch)
        await house.settle()
        assert [each["spec"]["containers"][0]["image"] for each in house.registry.list(POD)] == ["one", "one", "two"]
        house.delete(POD, "web-0")
        await house.settle()
        assert house.get(POD, "web-0")["spec"]["containers"][0]["image"] == "one"

    play(scenario)


def test_on_delete_replaces_only_pods_that_somebody_deletes(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(updateStrategy={"type": "OnDelete"}))
        await house.settle()
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "two"}]}}}}
        house.registry.patch(STATEFUL_SET, "default", "web", patch)
        await house.settle()
        assert {each["spec"]["containers"][0]["image"] for each in house.registry.list(POD)} == {"one"}
        house.delete(POD, "web-1")
        await house.settle()
        assert house.get(POD, "web-1")["spec"]["containers"][0]["image"] == "two"

    play(scenario)


def test_rolling_back_uses_the_old_revision_under_a_new_number(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(1))
        await house.settle()
        first = house.get(STATEFUL_SET, "web")["status"]["updateRevision"]
        for image in ("two", "one"):
            patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
            house.registry.patch(STATEFUL_SET, "default", "web", patch)
            await house.settle()
        assert house.get(STATEFUL_SET, "web")["status"]["updateRevision"] == first
        assert house.get(CONTROLLER_REVISION, first)["revision"] == 3
        assert len(house.names(CONTROLLER_REVISION)) == 2

    play(scenario)


def test_revisions_beyond_the_limit_go(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(1, revisionHistoryLimit=2))
        for number in range(6):
            await house.settle()
            patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"v{number}"}]}}}}
            house.registry.patch(STATEFUL_SET, "default", "web", patch)
        await house.settle()
        assert len(house.names(CONTROLLER_REVISION)) == 3

    play(scenario)


def test_revisions_of_a_set_without_pods_go_too(play):
    async def scenario(house):
        await house.start()
        house.create(STATEFUL_SET, "web", spec(0, revisionHistoryLimit=2))
        for number in range(6):
            await house.settle()
            patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"v{number}"}]}}}}
            house.registry.patch(STATEFUL_SET, "default", "web", patch)
        await house.settle()
        status = house.get(STATEFUL_SET, "web")["status"]
        assert status["currentRevision"] == status["updateRevision"]
        assert status["currentRevision"] in house.names(CONTROLLER_REVISION)
        assert len(house.names(CONTROLLER_REVISION)) == 3

    play(scenario)


def test_a_status_that_somebody_else_writes_is_put_right(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(2))
        await house.settle()
        before = house.get(STATEFUL_SET, "web")["status"]
        house.registry.patch(STATEFUL_SET, "default", "web", {"status": {"readyReplicas": 7}}, subresource="status")
        await house.settle()
        assert house.get(STATEFUL_SET, "web")["status"] == before

    play(scenario)


def test_claims_are_made_for_each_pod_and_survive_it(play):
    async def scenario(house):
        await house.start(ready=True)
        template = {
            "metadata": {"name": "data", "labels": {"own": "yes"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        house.create(STATEFUL_SET, "web", spec(2, volumeClaimTemplates=[template]))
        await house.settle()
        assert house.names(PERSISTENT_VOLUME_CLAIM) == ["data-web-0", "data-web-1"]
        claim = house.get(PERSISTENT_VOLUME_CLAIM, "data-web-1")
        assert claim["metadata"]["labels"] == {"own": "yes", "app": "web"}
        assert claim["status"]["phase"] == "Bound"
        volumes = house.get(POD, "web-1")["spec"]["volumes"]
        assert {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}} in volumes
        house.registry.patch(STATEFUL_SET, "default", "web", {"spec": {"replicas": 0}})
        await house.settle()
        assert house.names(POD) == []
        house.delete(STATEFUL_SET, "web")
        await house.settle()
        assert house.names(PERSISTENT_VOLUME_CLAIM) == ["data-web-0", "data-web-1"]
        assert house.get(PERSISTENT_VOLUME_CLAIM, "data-web-1")["metadata"]["uid"] == claim["metadata"]["uid"]

    play(scenario)


def test_the_retention_policy_takes_claims_with_scaled_pods_and_with_the_set(play):
    async def scenario(house):
        await house.start(ready=True)
        template = {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        policy = {"whenScaled": "Delete", "whenDeleted": "Delete"}
        more = {"volumeClaimTemplates": [template], "persistentVolumeClaimRetentionPolicy": policy}
        house.create(STATEFUL_SET, "web", spec(2, **more))
        await house.settle()
        house.registry.patch(STATEFUL_SET, "default", "web", {"spec": {"replicas": 1}})
        await house.settle()
        assert house.names(PERSISTENT_VOLUME_CLAIM) == ["data-web-0"]
        house.delete(STATEFUL_SET, "web")
        await house.settle()
        assert house.names(PERSISTENT_VOLUME_CLAIM) == []

    play(scenario)


def test_an_orphan_of_the_right_name_and_labels_is_adopted_and_one_of_other_labels_let_go(play):
    async def scenario(house):
        await house.start(ready=True)
        container = {"containers": [{"name": "app", "image": "one"}]}
        house.create(POD, "web-0", container, labels={"app": "web"})
        await house.settle()
        owner = house.create(STATEFUL_SET, "web", spec(2))
        await house.settle()
        assert house.get(POD, "web-0")["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
        house.registry.patch(POD, "default", "web-1", {"metadata": {"labels": {"app": "other"}}})
        await house.settle()
        assert "ownerReferences" not in house.get(POD, "web-1")["metadata"]

    play(scenario)


def test_a_pod_counts_as_available_only_after_min_ready_seconds(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(2, minReadySeconds=60))
        await house.settle(30)
        status = house.get(STATEFUL_SET, "web")["status"]
        assert (status["readyReplicas"], status["availableReplicas"], house.names(POD)) == (1, 0, ["web-0"])
        await house.settle(40)
        assert house.names(POD) == ["web-0", "web-1"]
        await house.settle(61)
        assert house.get(STATEFUL_SET, "web")["status"]["availableReplicas"] == 2

    play(scenario)


def test_ordinals_begin_where_the_set_says(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(2, ordinals={"start": 5}))
        await house.settle()
        assert house.names(POD) == ["web-5", "web-6"]

    play(scenario)


def test_a_failed_pod_is_replaced(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(1))
        await house.settle()
        pod = house.get(POD, "web-0")
        house.registry.update({**pod, "status": {**pod["status"], "phase": "Failed"}}, "status")
        await house.settle()
        assert house.get(POD, "web-0")["metadata"]["uid"] != pod["metadata"]["uid"]

    play(scenario)


def test_events_tell_what_was_created_and_deleted(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(1))
        await house.settle()
        house.registry.patch(STATEFUL_SET, "default", "web", {"spec": {"replicas": 0}})
        await house.settle()
        assert house.events("web") == [
            ("Normal", "SuccessfulCreate", "Create Pod web-0 in StatefulSet web successful"),
            ("Normal", "SuccessfulDelete", "Delete Pod web-0 in StatefulSet web successful"),
        ]

    play(scenario)


def test_settled_means_silent(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(STATEFUL_SET, "web", spec(10, podManagementPolicy="Parallel"))
        await house.settle()
        before = house.commits
        await house.settle(3000)
        assert house.commits == before
        assert house.controllers.idle

    play(scenario)
