"""The laws of scheduling."""

from kdlib.wire import POD, Kind

NODE = Kind("v1", "Node", namespaced=False)
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
APP = {"containers": [{"name": "app", "image": "x"}]}
NO_PREEMPTION = "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for"


def node(house, name="node", status=READY, **spec):
    metadata = {"name": name, "labels": spec.pop("labels", {})}
    house.registry.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec, "status": status})


def reason(house, name="a"):
    conditions = house.get(POD, name)["status"]["conditions"]
    return next(each for each in conditions if each["type"] == "PodScheduled")


def test_a_pod_gets_the_node_that_is_ready_and_an_event_says_so(play):
    async def scenario(house):
        await house.start()
        house.create(POD, "a", APP)
        await house.settle()
        assert house.get(POD, "a")["spec"]["nodeName"] == "node"
        assert reason(house)["status"] == "True"
        assert house.events("a") == [("Normal", "Scheduled", "Successfully assigned default/a to node")]

    play(scenario)


def test_a_pod_waits_for_a_node_and_takes_it_when_it_is_ready(play):
    async def scenario(house):
        await house.start(node=False)
        house.create(POD, "a", APP)
        await house.settle()
        assert reason(house)["message"] == "no nodes available to schedule pods"
        node(house, status={"conditions": [{"type": "Ready", "status": "False"}]})
        await house.settle()
        assert "had untolerated taint(s)" in reason(house)["message"]
        live = house.get(NODE, "node", "")
        house.registry.update({**live, "status": READY}, "status")
        await house.settle()
        assert house.get(POD, "a")["spec"]["nodeName"] == "node"

    play(scenario)


def test_a_selector_that_no_node_meets_is_told_once_and_met_later(play):
    async def scenario(house):
        await house.start()
        house.create(POD, "a", {**APP, "nodeSelector": {"disk": "fast"}})
        await house.settle()
        message = reason(house)["message"]
        assert message.startswith("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")
        assert NO_PREEMPTION in message
        assert [each[1] for each in house.events("a")] == ["FailedScheduling"]
        house.registry.patch(NODE, "", "node", {"metadata": {"labels": {"disk": "fast"}}})
        await house.settle()
        assert house.get(POD, "a")["spec"]["nodeName"] == "node"

    play(scenario)


def test_a_tainted_node_takes_only_pods_that_tolerate_it(play):
    async def scenario(house):
        await house.start(node=False)
        node(house, taints=[{"key": "own", "value": "me", "effect": "NoSchedule"}])
        house.create(POD, "a", APP)
        house.create(POD, "b", {**APP, "tolerations": [{"key": "own", "value": "me", "effect": "NoSchedule"}]})
        house.create(POD, "c", {**APP, "tolerations": [{"operator": "Exists"}]})
        await house.settle()
        assert "nodeName" not in house.get(POD, "a")["spec"]
        assert house.get(POD, "b")["spec"]["nodeName"] == house.get(POD, "c")["spec"]["nodeName"] == "node"

    play(scenario)


def test_node_affinity_is_kept(play):
    async def scenario(house):
        await house.start(node=False)
        node(house, "east", labels={"zone": "east", "size": "4"})
        node(house, "west", labels={"zone": "west", "size": "8"})
        for name, operator, values in (("a", "In", ["west"]), ("b", "NotIn", ["west"]), ("c", "DoesNotExist", None)):
            expression = {"key": "zone", "operator": operator, **({"values": values} if values else {})}
            required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
            affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
            house.create(POD, name, {**APP, "affinity": affinity})
        await house.settle()
        assert [house.get(POD, name)["spec"].get("nodeName") for name in "abc"] == ["west", "east", None]

    play(scenario)


def test_a_pod_with_a_gate_or_another_scheduler_is_left_alone(play):
    async def scenario(house):
        await house.start()
        house.create(POD, "a", {**APP, "schedulingGates": [{"name": "example.org/wait"}]})
        house.create(POD, "b", {**APP, "schedulerName": "other"})
        await house.settle()
        assert reason(house)["reason"] == "SchedulingGated"
        assert "nodeName" not in house.get(POD, "a")["spec"]
        assert "nodeName" not in house.get(POD, "b")["spec"]

    play(scenario)


def asking(cpu=None, port=None):
    container = {"name": "app", "image": "x"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    if port:
        container["ports"] = [{"containerPort": port, "hostPort": port}]
    return {"containers": [container]}


def test_a_node_takes_no_more_than_it_has_and_what_a_pod_held_is_free_after_it(play):
    async def scenario(house):
        await house.start(node=False)
        node(house, status={**READY, "allocatable": {"cpu": "2", "pods": "3"}})
        house.create(POD, "a", asking("1500m"))
        await house.settle()
        house.create(POD, "b", asking("1"))
        house.create(POD, "huge", asking("8"))
        await house.settle()
        assert reason(house, "b")["message"] == (
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
            "0/1 nodes are available: 1 No preemption victims found for incoming pod."
        )
        assert "1 Insufficient cpu. no new claims" in reason(house, "huge")["message"]
        assert NO_PREEMPTION in reason(house, "huge")["message"]
        house.delete(POD, "a", grace_seconds=0)
        await house.settle()
        assert house.get(POD, "b")["spec"]["nodeName"] == "node"

    play(scenario)


def test_a_host_port_is_taken_once_and_a_full_node_takes_no_more_pods(play):
    async def scenario(house):
        await house.start(node=False)
        node(house, status={**READY, "allocatable": {"cpu": "2", "pods": "2"}})
        for name in ("a", "b"):
            house.create(POD, name, asking(port=80))
        await house.settle()
        assert "node(s) didn't have free ports for the requested pod ports" in reason(house, "b")["message"]
        house.create(POD, "c", asking())
        await house.settle()
        house.create(POD, "d", asking())
        await house.settle()
        assert "1 Too many pods" in reason(house, "d")["message"]

    play(scenario)


def test_a_claim_that_is_not_there_is_named(play):
    async def scenario(house):
        await house.start()
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "nope"}}]
        house.create(POD, "a", {**APP, "volumes": volumes})
        await house.settle()
        assert reason(house)["message"] == (
            '0/1 nodes are available: persistentvolumeclaim "nope" not found. not found'
        )

    play(scenario)
