"""What Kubernetes and the webhook refuse is told in their words, by the daemon in its pod."""

import pytest
from shell_cluster import condition

from kdlib.errors import ApiError
from kdlib.wire import KD_APP, Kind

pytestmark = pytest.mark.lab

QUOTA = Kind("v1", "ResourceQuota")


def refused(words):
    def holds(found):
        stalled = condition(found, "Stalled")
        return stalled.get("status") == "True" and words in stalled["message"]

    return holds


async def test_a_pod_beyond_the_quota_is_told_until_there_is_room(cluster, shell):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await cluster.apply(quota)
    await cluster.eventually(cluster.ref(QUOTA, "none"), {"status": {"hard": {"pods": "0"}}})
    await shell.app()
    await shell.apply(tail={"members": 0})
    await shell.until(refused("is forbidden: exceeded quota: none, requested: pods=1, used: pods=0"))
    await cluster.api.delete(cluster.ref(QUOTA, "none"))
    found = await shell.configured(1, seconds=150)
    assert condition(found, "Stalled").get("status") != "True"


async def test_a_pod_that_pod_security_forbids_is_told(cluster, shell):
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace, "labels": labels}}
    )
    await shell.app()
    await shell.apply()
    await shell.until(refused('violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'))


async def test_the_webhook_in_the_cluster_refuses_and_fills_in(cluster, shell):
    await shell.app()
    with pytest.raises(ApiError, match="roles\\[0\\]"):
        await shell.apply(head={"members": 2})
    await shell.apply(tail={"members": 0})
    await shell.configured(1)
    with pytest.raises(ApiError, match="shell"):
        await cluster.api.delete(cluster.ref(KD_APP, "shell"))
