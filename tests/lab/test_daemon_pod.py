"""The daemon as the manifests deploy it: what its pod may do, and that another takes over when it is killed."""

import pytest
from shell_cluster import members_of, run_in

from kdlib.frozen import dig
from kdlib.wire import LEASE, NAMESPACE, POD, Kind, Ref

pytestmark = pytest.mark.lab

DEPLOYMENT = Ref(Kind("apps/v1", "Deployment"), "kubedirector", "kubedirector")
HELD = Ref(LEASE, "kubedirector", "kubedirector")
COMPILERS = "cc gcc c++ g++ clang ld as make pip rustc go"


def ready(count):
    def holds(pods):
        living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        conditions = [item for pod in living for item in dig(pod, "status", "conditions", default=[])]
        return len([item for item in conditions if item["type"] == "Ready" and item["status"] == "True"]) == count

    return holds


async def scaled(cluster, daemon_pods, replicas):
    await cluster.api.merge_patch(DEPLOYMENT, {"spec": {"replicas": replicas}})
    await cluster.eventually(daemon_pods, ready(replicas), seconds=60)


def holder(lease):
    """Return the name of the pod that leads."""
    return dig(lease, "spec", "holderIdentity", default="").rpartition("_")[0]


async def test_the_daemon_is_an_ordinary_user_without_compiler_who_writes_nowhere_but_in_tmp(cluster, daemon_pods):
    (pod,) = await cluster.eventually(daemon_pods, ready(1), seconds=60)
    namespace = await cluster.api.get(Ref(NAMESPACE, "", "kubedirector"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    ref = Ref(POD, "kubedirector", pod["metadata"]["name"])

    async def said(command):
        return await run_in(cluster.api, ref, "kubedirector", command)

    assert await said("id -u; id -g") == "65532\n65532\n"
    assert await said("touch /there 2>/dev/null || echo refused") == "refused\n"
    assert await said("touch /tmp/there && rm /tmp/there") == ""
    assert await said(f"command -v {COMPILERS} || echo none") == "none\n"
    assert (
        await said("tr '\\0' ' ' < /proc/1/cmdline")
        == "/opt/kubedirector/bin/python /opt/kubedirector/bin/kdd run --log-format=json "
    )
    assert (await said("kdd version")).startswith("kubedirector")


async def test_a_daemon_whose_pod_is_killed_in_the_middle_of_its_work_costs_no_member(cluster, shell, daemon_pods):
    await shell.app()
    await shell.apply()
    await shell.configured(3)
    (pod,) = await cluster.eventually(daemon_pods, ready(1), seconds=60)
    await shell.resize(4)
    await shell.until(lambda found: len(members_of(found)) == 5)
    name = pod["metadata"]["name"]
    await cluster.api.delete(Ref(POD, "kubedirector", name), grace_seconds=0)
    await shell.configured(5, seconds=120)
    assert holder(await cluster.api.get(HELD)) not in ("", name)
    told = await shell.told()
    assert all(lines[0] == "--configure" and lines.count("--configure") == 1 for lines in told.values())
    await cluster.eventually(daemon_pods, ready(1), seconds=60)


async def test_a_daemon_that_stands_by_takes_over_from_a_killed_one(cluster, shell, daemon_pods):
    await shell.app()
    await scaled(cluster, daemon_pods, 2)
    try:
        leader = holder(await cluster.eventually(HELD, holder))
        await cluster.api.delete(Ref(POD, "kubedirector", leader), grace_seconds=0)
        await cluster.eventually(HELD, lambda lease: holder(lease) not in ("", leader), seconds=30)
        await cluster.eventually(daemon_pods, ready(2), seconds=60)
        await shell.apply()
        await shell.configured(3)
    finally:
        await scaled(cluster, daemon_pods, 1)
