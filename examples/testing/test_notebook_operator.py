"""Tests of examples/notebook_operator.py: `pytest examples/testing`, on the embedded cluster or what `--kube` says."""

import sys
from pathlib import Path

from notebook_operator import POOL, desired

from kdlib import kube, runtime
from kdlib.testing import KubeCluster

EXAMPLES = Path(__file__).parents[1]


async def operate(api: kube.Api) -> None:
    """Run the operator as its own main() does."""
    await runtime.Controller(api, POOL, desired).run()


async def test_a_pool_gets_its_members(cluster: KubeCluster) -> None:
    *_, pool = await cluster.apply(EXAMPLES / "notebook-pool.yaml")
    async with cluster.operator(operate):
        await cluster.eventually(pool, {"status": {"state": "configured", "members": "2/2"}})


async def test_faults_cost_time_and_nothing_else(cluster: KubeCluster) -> None:
    async with cluster.operator(operate) as operator:
        operator.lose_next_write("statefulsets")
        operator.cut_watch("Pod")
        *_, pool = await cluster.apply(EXAMPLES / "notebook-pool.yaml")
        await cluster.eventually(pool, {"status": {"members": "2/2"}})
        assert not operator.orders.open


async def test_the_operator_may_die_at_any_write(cluster: KubeCluster) -> None:
    async with cluster.operator(operate) as operator:
        operator.kill_at_next_write("statefulsets", done=True)
        *_, pool = await cluster.apply(EXAMPLES / "notebook-pool.yaml")
        await operator.killed()
        await operator.begin()
        await cluster.eventually(pool, {"status": {"members": "2/2"}})
        await cluster.eventually(kube.Kind("apps/v1", "StatefulSet"), 1)


async def test_the_operator_as_a_process(cluster: KubeCluster) -> None:
    *_, pool = await cluster.apply(EXAMPLES / "notebook-pool.yaml")
    async with cluster.process(sys.executable, EXAMPLES / "notebook_operator.py"):
        await cluster.eventually(pool, {"status": {"members": "2/2"}})
