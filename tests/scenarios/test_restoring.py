"""Lost and restored on the sandbox, with daemon and webhook: real containers, real volumes, in an odd order."""

import contextlib

import pytest
from keeping import ANNOTATION, RESTORING, is_of_set, stripped

from kdlib import kube
from kdlib.errors import AlreadyExistsError, ApiError
from kdlib.frozen import dig
from kdlib.names import LABEL_CLUSTER
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SERVICE,
    STATEFUL_SET,
    Ref,
)

BACKUP = Ref(KD_STATUS_BACKUP, "default", "shell")
APP = Ref(KD_APP, "default", "shell")


async def listed(world, kind):
    labels = "" if kind in (KD_APP, KD_CLUSTER, KD_STATUS_BACKUP) else f"{LABEL_CLUSTER}=shell"
    return (await world.api.list(kube.Selection(kind, "default", labels=labels))).items


async def bring_back(world, objects):
    for item in objects:
        with contextlib.suppress(AlreadyExistsError):
            await world.api.create(stripped(item))


async def backed_up(world, shell, cluster):
    """Have a cluster whose tails keep their volumes, with a status backup."""
    metadata = {"namespace": "kubedirector", "name": "kd-global-config"}
    spec = {"backupClusterStatus": True}
    await world.api.create(
        {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata, "spec": spec}
    )
    await world.apply(shell / "app.yaml")
    small = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "100m"}}
    tail = {"id": "tail", "members": 2, "resources": small, "storage": {"size": "64Mi"}}
    roles = [{"id": "head", "resources": small}, tail]
    policy = {"whenDeleted": "Retain"}
    await world.apply(shell / "cluster.yaml", roles=roles, persistentVolumeClaimRetentionPolicy=policy)
    await world.until_configured(cluster, 3)
    await world.until(cluster, lambda found: found["metadata"]["annotations"][ANNOTATION] == "true")


async def test_op02_a_lost_cluster_comes_back_and_its_volumes_are_not_configured_again(
    world, shell, cluster, reviewing_daemon
):
    """OP-01, OP-03, OP-04, RC-41, RC-42, KO-16: through the webhook, in an odd order; the volumes survive."""
    await backed_up(world, shell, cluster)
    before = await world.api.get(cluster)
    kinds = (STATEFUL_SET, SERVICE, KD_STATUS_BACKUP, KD_APP)
    kept = {kind: [item for item in await listed(world, kind) if not is_of_set(item)] for kind in kinds}
    claims = {item["metadata"]["uid"] for item in await listed(world, PERSISTENT_VOLUME_CLAIM)}
    assert len(claims) == 2

    await world.api.delete(cluster)
    for kind in (KD_CLUSTER, STATEFUL_SET, SERVICE, POD, CONTROLLER_REVISION, KD_STATUS_BACKUP):
        for item in await listed(world, kind):
            await world.until(Ref(kind, "default", item["metadata"]["name"]), lambda found: found is None)
    await world.api.delete(APP)
    await world.until(APP, lambda found: found is None)
    assert {item["metadata"]["uid"] for item in await listed(world, PERSISTENT_VOLUME_CLAIM)} == claims

    await bring_back(world, kept[SERVICE][:1])
    await bring_back(world, [before])
    paused = await world.until(cluster, lambda found: bool(dig(found, "status", "restoreProgress")))
    assert paused["metadata"]["labels"] == {RESTORING: ""}
    with pytest.raises(ApiError, match="is being restored"):
        await world.api.delete(cluster)
    await bring_back(world, kept[STATEFUL_SET])
    await bring_back(world, kept[KD_STATUS_BACKUP])
    await bring_back(world, kept[KD_APP])
    await world.until(cluster, lambda found: dig(found, "status", "restoreProgress", "awaitingApp") is False)
    await bring_back(world, kept[SERVICE])

    def resumed(found):
        return not dig(found, "status", "restoreProgress") and world.is_configured(found, 3)

    after = await world.until(cluster, resumed)
    assert RESTORING not in after["metadata"].get("labels", {})

    pods = [[member["pod"], member["nodeID"]] for member in world.members_of(before)]
    assert [[member["pod"], member["nodeID"]] for member in world.members_of(after)] == pods
    assert {item["metadata"]["uid"] for item in await listed(world, PERSISTENT_VOLUME_CLAIM)} == claims
    told = await world.events_told(cluster)
    tails = [member["pod"] for member in world.members_of(after, "tail")]
    assert not [line for pod in tails for line in told[pod] if "--configure" in line], "its volume says that it is done"
    (head,) = world.members_of(after, "head")
    assert [line for line in told[head["pod"]] if "--configure" in line] == ["--configure"]
    uid = after["metadata"]["uid"]
    for kind in (STATEFUL_SET, SERVICE, KD_STATUS_BACKUP):
        for item in await listed(world, kind):
            assert [owner["uid"] for owner in item["metadata"]["ownerReferences"]] == [uid]


@pytest.mark.parametrize("propagation", ["Background", "Orphan"])
async def test_w30_a_set_deleted_by_hand_costs_nothing(world, shell, cluster, daemon, propagation):
    await world.apply(shell / "app.yaml")
    small = {"requests": {"memory": "16Mi", "cpu": "10m"}, "limits": {"memory": "64Mi", "cpu": "100m"}}
    roles = [{"id": "head", "resources": small, "storage": {"size": "64Mi"}}]
    await world.apply(shell / "cluster.yaml", roles=roles)
    before = await world.until_configured(cluster, 1)
    (member,) = world.members_of(before)
    await world.run_in(member["pod"], "echo kept > /etc/kept")
    claims = {item["metadata"]["uid"] for item in await listed(world, PERSISTENT_VOLUME_CLAIM)}
    pods = {item["metadata"]["uid"] for item in await listed(world, POD)}
    (old,) = await listed(world, STATEFUL_SET)
    ref = Ref(STATEFUL_SET, "default", old["metadata"]["name"])
    await world.api.delete(ref, propagation=propagation)
    uid = old["metadata"]["uid"]
    await world.until(ref, lambda found: found is not None and found["metadata"]["uid"] != uid)
    if propagation == "Background":
        await world.until(
            Ref(POD, "default", member["pod"]),
            lambda found: found is not None and found["metadata"]["uid"] not in pods,
        )
    await world.until(ref, lambda found: dig(found, "status", "readyReplicas") == 1)
    after = await world.until_configured(cluster, 1)
    assert {item["metadata"]["uid"] for item in await listed(world, PERSISTENT_VOLUME_CLAIM)} == claims
    assert ({item["metadata"]["uid"] for item in await listed(world, POD)} == pods) is (propagation == "Orphan")
    assert [each["nodeID"] for each in world.members_of(after)] == [member["nodeID"]]
    assert await world.run_in(member["pod"], "cat /etc/kept") == "kept\n"
    assert "MembersOutdated" not in {item["type"] for item in after["status"]["conditions"]}
