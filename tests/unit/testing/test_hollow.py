"""The laws of hollow nodes, over the embedded cluster in virtual time."""

import asyncio
import uuid

import pytest

from kdlib.errors import ApiError, UnreachableError
from kdlib.sandbox.controllers import Controllers
from kdlib.sandbox.store import LocalTransport, Registry
from kdlib.testing import Answer, HollowContainers, HollowNode, HollowSettings, VirtualTime, echo
from kdlib.wire import POD, STATEFUL_SET, ExecRequest, Kind

NODE = Kind("v1", "Node", namespaced=False)
LEASE = Kind("coordination.k8s.io/v1", "Lease")
APP = {"containers": [{"name": "app", "image": "x"}, {"name": "side", "image": "y"}]}


def spec(replicas):
    return {
        "replicas": replicas,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": APP},
    }


def play(scenario, responder=echo, **settings):
    """Run a scenario over a store, its controllers and a hollow node, in virtual time."""
    time = VirtualTime()

    async def whole():
        registry = Registry(time.now, lambda: str(uuid.uuid4()))
        controllers = Controllers(registry)
        await controllers.start()
        containers = HollowContainers(responder)
        transport = LocalTransport(registry, exec_hook=containers.exec)
        node = HollowNode(transport, containers, HollowSettings(now=time.now, **settings))
        async with node:
            await scenario(registry, transport, node)
        await controllers.close()

    time.run(whole())


def pod(registry, name="a", **more):
    metadata = {"name": name, "namespace": "default"}
    registry.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**APP, **more}})


def status(registry, name="a"):
    return registry.get(POD, "default", name)["status"]


async def run(transport, *command, stdin=None, name="a", container="app"):
    request = ExecRequest("default", name, container, command, stdin=stdin is not None)
    async with transport.exec(request) as stream:
        if stdin is not None:
            await stream.send(stdin)
            await stream.close_stdin()
        said = [part async for part in stream]
        return said, await stream.exit_code()


def test_a_pod_becomes_ready_with_an_address_and_container_ids():
    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        found = status(registry)
        assert found["phase"] == "Running"
        assert {each["type"] for each in found["conditions"] if each["status"] == "True"} >= {"Ready", "Initialized"}
        assert len({each["containerID"] for each in found["containerStatuses"]}) == 2
        assert found["podIP"].startswith("10.24")

    play(scenario)


def test_without_a_scheduler_the_node_takes_pods_itself():
    async def scenario(registry, transport, node):
        pod(registry, schedulerName="nobody")
        await asyncio.sleep(1)
        assert registry.get(POD, "default", "a")["spec"]["nodeName"] == "hollow"
        assert status(registry)["phase"] == "Running"

    play(scenario, binds=True)


def test_addresses_are_unique():
    async def scenario(registry, transport, node):
        registry.create(
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": spec(300),
            }
        )
        await asyncio.sleep(5)
        assert registry.get(STATEFUL_SET, "default", "web")["status"]["readyReplicas"] == 300
        assert len({each["status"]["podIP"] for each in registry.list(POD)}) == 300

    play(scenario)


def test_a_restart_gives_a_new_container_id_and_ends_what_ran_in_the_old_life():
    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        before = status(registry)["containerStatuses"]
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(run(transport, "wait"))
            await asyncio.sleep(1)
            fresh = await node.restart("default", "a", "app")
        assert waiting.result() == ([], 137)
        after = status(registry)["containerStatuses"]
        assert (after[0]["containerID"], after[0]["restartCount"]) == (fresh, 1)
        assert after[0]["containerID"] != before[0]["containerID"]
        assert after[0]["lastState"]["terminated"]["containerID"] == before[0]["containerID"]
        assert after[1] == before[1]

    async def waiting(call):
        await asyncio.sleep(3600)
        return Answer()

    play(scenario, waiting)


def test_a_deleted_pod_goes_and_takes_its_containers_with_it():
    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        registry.delete(POD, "default", "a")
        await asyncio.sleep(1)
        assert status(registry)["phase"] == "Running"
        await asyncio.sleep(10)
        assert registry.list(POD) == []
        with pytest.raises(ApiError, match="pod does not exist"):
            await run(transport, "true")

    play(scenario, stop_seconds=5)


def test_readiness_can_be_taken_and_given():
    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        for ready in (False, True):
            await node.set_ready("default", "a", ready=ready)
            conditions = {each["type"]: each["status"] for each in status(registry)["conditions"]}
            assert conditions["Ready"] == str(ready)

    play(scenario)


def test_exec_carries_stdin_output_and_exit_code_to_and_from_the_responder():
    async def respond(call):
        head = await call.stdin.read(3)
        line = await call.stdin.read_line()
        rest = b"".join([chunk async for chunk in call.stdin])
        words = " ".join(call.request.command).encode()
        return Answer(words + b"|" + head + b"|" + line + b"|" + rest, b"oh", 7)

    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        said = await run(transport, "a", "b", stdin=b"one two\nthree")
        assert said == ([(1, b"a b|one| two|three"), (2, b"oh")], 7)

    play(scenario, respond)


def test_each_life_has_a_memory_of_its_own():
    async def count(call):
        call.life.memory["runs"] = call.life.memory.get("runs", 0) + 1
        return Answer(str(call.life.memory["runs"]).encode())

    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        assert [(await run(transport, "x"))[0][0][1] for _ in range(2)] == [b"1", b"2"]
        assert (await run(transport, "x", container="side"))[0][0][1] == b"1"
        await node.restart("default", "a", "app")
        assert (await run(transport, "x"))[0][0][1] == b"1"

    play(scenario, count)


def test_a_responder_can_cut_the_connection():
    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        with pytest.raises(UnreachableError):
            await run(transport, "cut")
        assert await run(transport, "false") == ([], 1)

    play(scenario)


def test_the_lease_is_renewed():
    async def scenario(registry, transport, node):
        first = registry.get(LEASE, "kube-node-lease", "hollow")["spec"]["renewTime"]
        await asyncio.sleep(25)
        assert registry.get(LEASE, "kube-node-lease", "hollow")["spec"]["renewTime"] > first
        assert registry.get(NODE, "", "hollow")["status"]["conditions"][0]["status"] == "True"

    play(scenario)


def test_a_second_node_of_the_same_name_takes_over_what_runs():
    async def scenario(registry, transport, node):
        pod(registry)
        await asyncio.sleep(1)
        await node.restart("default", "a", "app")
        before = status(registry)
        async with HollowNode(transport, HollowContainers(echo), node.settings) as other:
            await asyncio.sleep(1)
            after = status(registry)
            assert [each["containerID"] for each in after["containerStatuses"]] == [
                each["containerID"] for each in before["containerStatuses"]
            ]
            assert after["podIP"] == before["podIP"]
            async with other.containers.exec(ExecRequest("default", "a", "app", ("hello",))) as session:
                assert [part async for part in session] == [(1, b"hello\n")]

    play(scenario)
