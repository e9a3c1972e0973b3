"""Nothing of a node outlives it, or its process."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kdlib.errors import KubeDirectorError
from kdlib.sandbox.node.keeper.refusal import Knobs, explain
from kdlib.sandbox.node.keeper_link import Keeper, KeeperSettings

in_module = pytest.mark.asyncio(loop_scope="module")

CHILD = """
import asyncio, sys
from datetime import UTC, datetime
import uuid
from kdlib.sandbox.node import Images, Node
from kdlib.sandbox.store import Registry
from kdlib.wire import POD


async def main():
    registry = Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    node = Node(registry, images=Images(any_image=True), loopback="127.0.0.79")
    await node.start()
    ready = asyncio.Event()
    registry.subscribe(lambda _, obj: obj["kind"] == "Pod" and obj["status"]["phase"] == "Running" and ready.set())
    command = ["sh", "-c", "trap '' TERM HUP; sleep 31415 & setsid sleep 31415; sleep 31415"]
    spec = {"nodeName": "sandbox", "containers": [{"name": "app", "image": "x", "command": command}]}
    metadata = {"name": "p", "namespace": "default"}
    registry.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    await ready.wait()
    print("running", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


def _descendants(ancestor: int) -> list[int]:
    """Return the processes that descend from this one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, todo = [], [ancestor]
    while todo:
        todo = [process for process, parent in parents.items() if parent in todo]
        found += todo
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_main_process_leaves_no_process(number):
    program = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    with program, program.stdout as output:
        assert output.readline() == "running\n"
        descriptors = [os.pidfd_open(each) for each in _descendants(program.pid)]
        program.send_signal(number)
        program.wait()

    # Two of the keeper, and at least the first process of the container.
    assert len(descriptors) >= 3
    for descriptor in descriptors:
        assert _ended(descriptor)


def _ended(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(10_000))
    finally:
        os.close(descriptor)


@in_module
async def test_closing_a_keeper_ends_it_and_fails_what_waits():
    keeper = await Keeper.start(KeeperSettings())
    wanted = {"pod": "p", "hostname": "h", "address": "", "prefix": 16, "gateway": "10.88.0.1", "link": "l"}
    _, (folder,) = await keeper.call("pod", wanted)
    os.close(folder)

    await keeper.close()

    assert keeper._program.returncode is not None
    with pytest.raises(KubeDirectorError, match="ended"):
        await keeper.call("pod_drop", {"pod": "p"})


@in_module
async def test_a_keeper_that_is_killed_is_noticed(own_world):
    own_world.run("victim", "sleep 1000")
    await own_world.running("victim")
    keeper = own_world.node._means.keeper

    os.kill(keeper._program.pid, signal.SIGKILL)

    assert await own_world.phase("victim", "Failed") == "Failed"
    assert own_world.pod("victim")["status"]["reason"] == "NodeLost"


@in_module
async def test_many_requests_at_once_are_all_answered():
    keeper = await Keeper.start(KeeperSettings())
    try:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(keeper.call("socket", {"datagrams": False, "pod": ""})) for _ in range(300)]
        for call in calls:
            os.close(call.result()[1][0])
        long = {"key": "x" * 300_000, "signal": 0}
        assert (await keeper.call("signal", long))[0] is False
    finally:
        await keeper.close()


@pytest.mark.parametrize(
    ("knobs", "step", "code", "remedy"),
    [
        (Knobs(user_namespaces=0), "new user namespace", 28, "sysctl -w user.max_user_namespaces=10000"),
        (Knobs(unprivileged_clone=0), "new user namespace", 1, "sysctl -w kernel.unprivileged_userns_clone=1"),
        (Knobs(apparmor_restricts=1), "mount proc", 13, "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        (Knobs(), "new user namespace", 1, "--security-opt seccomp=unconfined"),
        (Knobs(), "mount proc", 1, "--security-opt systempaths=unconfined"),
        (Knobs(), "mount overlay", 1, "Linux 5.12 or later"),
        (Knobs(), "new network", 95, "Linux 5.12 or later"),
    ],
)
def test_a_refusal_is_one_sentence_that_says_what_to_change(knobs, step, code, remedy):
    sentence = explain(step, code, knobs)

    assert remedy in sentence
    assert step in sentence
    assert "\n" not in sentence
