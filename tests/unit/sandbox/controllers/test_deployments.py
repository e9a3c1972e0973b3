"""The laws of Deployments and ReplicaSets."""

from kdlib.wire import POD, Kind

DEPLOYMENT = Kind("apps/v1", "Deployment")
REPLICA_SET = Kind("apps/v1", "ReplicaSet")


def spec(replicas=3, image="one", **more):
    return {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": image}]},
        },
        **more,
    }


def images(house):
    return [each["spec"]["containers"][0]["image"] for each in house.registry.list(POD)]


def test_a_replica_set_keeps_its_number_of_pods(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(REPLICA_SET, "web", spec())
        await house.settle()
        assert house.get(REPLICA_SET, "web")["status"]["availableReplicas"] == 3
        house.delete(POD, house.names(POD)[0])
        await house.settle()
        assert len(house.names(POD)) == 3
        house.registry.patch(REPLICA_SET, "default", "web", {"spec": {"replicas": 1}})
        await house.settle()
        assert len(house.names(POD)) == 1
        assert house.get(REPLICA_SET, "web")["status"]["replicas"] == 1

    play(scenario)


def test_a_deployment_is_available_when_its_pods_are(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(DEPLOYMENT, "web", spec())
        await house.settle()
        status = house.get(DEPLOYMENT, "web")["status"]
        assert (status["updatedReplicas"], status["availableReplicas"]) == (3, 3)
        assert {each["type"]: each["status"] for each in status["conditions"]} == {
            "Available": "True",
            "Progressing": "True",
        }
        assert house.get(DEPLOYMENT, "web")["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}

    play(scenario)


def test_a_new_template_rolls_without_ever_having_too_few_pods(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(DEPLOYMENT, "web", spec(8))
        await house.settle()
        fewest = []

        def watch(_event, obj):
            if obj["kind"] == "Pod":
                ready = [
                    each
                    for each in house.registry.list(POD)
                    if each["status"].get("phase") == "Running" and "deletionTimestamp" not in each["metadata"]
                ]
                fewest.append(len(ready))

        house.registry.subscribe(watch)
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "two"}]}}}}
        house.registry.patch(DEPLOYMENT, "default", "web", patch)
        await house.settle(30)
        assert images(house) == ["two"] * 8
        assert min(fewest) >= 6
        sizes = sorted(each["spec"]["replicas"] for each in house.registry.list(REPLICA_SET))
        assert sizes == [0, 8]

    play(scenario)


def test_recreate_ends_all_old_pods_before_the_first_new_one(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(DEPLOYMENT, "web", spec(strategy={"type": "Recreate"}))
        await house.settle()
        mixed = []
        house.registry.subscribe(lambda _event, _obj: mixed.append(len(set(images(house))) > 1))
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "two"}]}}}}
        house.registry.patch(DEPLOYMENT, "default", "web", patch)
        await house.settle()
        assert images(house) == ["two"] * 3
        assert not any(mixed)

    play(scenario)


def test_rolling_back_takes_the_old_replica_set_up_again(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(DEPLOYMENT, "web", spec(2))
        await house.settle()
        first = house.names(REPLICA_SET)[0]
        for image in ("two", "one"):
            patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
            house.registry.patch(DEPLOYMENT, "default", "web", patch)
            await house.settle()
        live = house.get(REPLICA_SET, first)
        assert live["spec"]["replicas"] == 2
        assert live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"

    play(scenario)


def test_deleting_a_deployment_takes_everything_with_it(play):
    async def scenario(house):
        await house.start(ready=True)
        house.create(DEPLOYMENT, "web", spec())
        await house.settle()
        house.delete(DEPLOYMENT, "web", propagation="Background")
        await house.settle()
        assert house.names(REPLICA_SET) == house.names(POD) == []

    play(scenario)
