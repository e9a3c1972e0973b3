"""Hollow members are to the operator what members with a start script are."""

import asyncio
import json
import uuid

from kdlib.guest import EmulatedRun, NotifyWork, SetUpWork, notify, set_up
from kdlib.model import Finished, Notify, SetUp
from kdlib.sandbox.controllers import Controllers
from kdlib.sandbox.store import LocalTransport, Registry
from kdlib.testing import HollowContainers, HollowMembers, HollowNode, HollowSettings, VirtualTime, held_configmeta
from kdlib.wire import POD


def play(scenario, script=None):
    time, members = VirtualTime(), HollowMembers(script)

    async def whole():
        registry = Registry(time.now, lambda: str(uuid.uuid4()))
        controllers = Controllers(registry)
        await controllers.start()
        containers = HollowContainers(members)
        transport = LocalTransport(registry, exec_hook=containers.exec)
        async with HollowNode(transport, containers, HollowSettings(now=time.now)) as node:
            metadata = {"name": "m-0", "namespace": "default"}
            spec = {"containers": [{"name": "app", "image": "x"}]}
            registry.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
            await asyncio.sleep(1)
            await scenario(registry, transport, node)
        await controllers.close()

    time.run(whole())
    return members


def setup_work(registry, attempt=1):
    container = registry.get(POD, "default", "m-0")["status"]["containerStatuses"][0]["containerID"]
    action = SetUp("m-0", container, attempt)
    meta = json.dumps({"version": "8"}).encode()
    return SetUpWork("default", "m-0", container, action, meta, "file:///opt/app.tgz")


def test_a_set_up_costs_two_execs_and_runs_the_script_once_per_life():
    runs = []

    def script(request, arguments):
        runs.append(arguments)
        return EmulatedRun()

    async def scenario(registry, transport, node):
        for _ in range(2):
            fact = await set_up(transport, setup_work(registry))
            assert (fact.pod, fact.result.exit_code) == ("m-0", 0)
        assert held_configmeta(node.containers, "default", "m-0") == b'{"version": "8"}'
        await node.restart("default", "m-0")
        assert held_configmeta(node.containers, "default", "m-0") == b""
        await set_up(transport, setup_work(registry, 2))

    assert play(scenario, script).execs == 6
    assert runs == [("--configure",), ("--configure",)]


def test_a_failing_script_is_told_with_the_end_of_its_output():
    async def scenario(registry, transport, node):
        fact = await set_up(transport, setup_work(registry))
        match fact.result:
            case Finished(exit_code=3, stderr_tail="no disk"):
                return
        raise AssertionError(fact)

    play(scenario, lambda request, arguments: EmulatedRun(3, b"", b"no disk"))


def test_a_notification_costs_one_exec_and_brings_the_configmeta():
    async def scenario(registry, transport, node):
        work = setup_work(registry)
        await set_up(transport, work)
        action = Notify("m-0", work.container, "c1", 2, ("--addnodes", "--role", "w"))
        fact = await notify(transport, NotifyWork("default", "m-0", work.container, action, b"{}"))
        assert fact.result.exit_code == 0
        assert held_configmeta(node.containers, "default", "m-0") == b"{}"

    assert play(scenario).execs == 3
