"""Somebody else's operator, as a process of its own against the embedded cluster: its pools become set-up members."""

import asyncio
import ctypes
import signal
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from waiting import until

from kdlib.kube import Kind
from kdlib.packages import load
from kdlib.sandbox import Sandbox, SandboxOptions
from kdlib.testing.hollow import HollowContainers, HollowNode, HollowSettings
from kdlib.wire import STATEFUL_SET

EXAMPLES = Path(__file__).parents[3] / "examples"
OPERATOR = EXAMPLES / "notebook_operator.py"
POOL = Kind("example.org/v1", "NotebookPool")
PR_SET_PDEATHSIG = 1


@asynccontextmanager
async def served(kubeconfig, members):
    containers = HollowContainers(members)
    async with Sandbox(SandboxOptions(node=False, containers=containers)) as sandbox:
        async with HollowNode(sandbox.transport, containers, HollowSettings(heartbeat_seconds=0)):
            sandbox.write_kubeconfig(kubeconfig)
            yield sandbox.registry


@asynccontextmanager
async def operating(kubeconfig):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(OPERATOR)),
        env={"KUBECONFIG": str(kubeconfig)},
        stderr=asyncio.subprocess.PIPE,
        # A runner of tests that is killed itself runs no clean-up: the kernel ends what it started.
        preexec_fn=partial(ctypes.CDLL(None).prctl, PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    try:
        yield
    finally:
        assert process.returncode is None, (await process.stderr.read()).decode()
        process.kill()
        await process.communicate()


async def test_a_pool_becomes_a_cluster_of_members_grows_and_goes(tmp_path, made):
    members = made.members()
    kubeconfig = tmp_path / "config"
    async with served(kubeconfig, members) as registry:
        definition, pool = (document.value for document in load(EXAMPLES / "notebook-pool.yaml"))
        registry.create(definition)

        def status():
            return registry.get(POOL, "default", "lab").get("status") or {}

        async with operating(kubeconfig):
            registry.create({**pool, "metadata": {**pool["metadata"], "namespace": "default"}})
            await until(lambda: status().get("state") == "configured")
            assert [run for _, _, run in members.runs] == ["--configure"] * 2
            registry.patch(POOL, "default", "lab", {"spec": {"size": 3}})
            await until(lambda: status().get("state") == "configured" and status()["members"] == "3/3")
            assert sum("--addnodes" in run for _, _, run in members.runs) == 2
            registry.delete(POOL, "default", "lab")
            await until(lambda: not registry.list(POOL) and not registry.list(STATEFUL_SET))


def test_the_operator_is_short():
    assert len(OPERATOR.read_text().splitlines()) < 40
