"""A cluster that was saved, lost and brought back as a backup product does it goes on, also on a real node."""

import pytest
from shell_cluster import is_configured, members_of

from kdlib.frozen import dig
from kdlib.wire import (
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

pytestmark = pytest.mark.lab

CONFIG = Ref(KD_CONFIG, "kubedirector", "kd-global-config")
OWN = (KD_STATUS_BACKUP, KD_CLUSTER)
CHILDREN = (SERVICE, STATEFUL_SET)
EVENTS = "/var/log/shell-events.log"
GONE_SECONDS = 60
OF_THE_SERVER = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "uid",
)


def saved(found, kind):
    """Return an object as a backup product brings it back: without what was the server's."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in OF_THE_SERVER}
    obj = {key: value for key, value in found.items() if key != "status" or kind == KD_STATUS_BACKUP}
    obj |= {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}
    if kind == SERVICE and obj["spec"].get("clusterIP") != "None":
        obj["spec"] = {key: value for key, value in obj["spec"].items() if key not in ("clusterIP", "clusterIPs")}
    return obj


@pytest.fixture
async def backed_up(cluster):
    """Have the status of clusters backed up while the test runs."""
    before = dig(await cluster.api.get(CONFIG), "spec", "backupClusterStatus")
    await cluster.api.merge_patch(CONFIG, {"spec": {"backupClusterStatus": True}})
    yield
    await cluster.api.merge_patch(CONFIG, {"spec": {"backupClusterStatus": before}})


async def everything(cluster, shell):
    """Save the app, the cluster, its backup, and all that belongs to it."""
    found = [saved(await cluster.api.get(cluster.ref(kind, "shell")), kind) for kind in (KD_APP, *OWN)]
    for kind in CHILDREN:
        found += [saved(item, kind) for item in (await cluster.api.list(shell.children(kind))).items]
    return found


async def test_a_cluster_that_was_lost_and_brought_back_goes_on_with_its_members(cluster, shell, backed_up):
    await shell.app()
    await shell.apply(
        tail={"members": 1, "storage": {"size": "64Mi"}}, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain"}
    )
    await shell.configured(2)
    backup = cluster.ref(KD_STATUS_BACKUP, "shell")
    before = await shell.until(
        lambda found: (
            is_configured(found, 2)
            and found["metadata"]["annotations"].get("kubedirector.hpe.com/status-backup-exists") == "true"
        )
    )
    (tail,) = members_of(before, "tail")
    await shell.run_in(tail["pod"], "echo kept > /etc/kept")
    await shell.run_in(tail["pod"], f": > {EVENTS}")
    claims = (await cluster.api.list(shell.children(PERSISTENT_VOLUME_CLAIM))).items
    objects = await everything(cluster, shell)

    await cluster.api.delete(shell.ref)
    for ref in (shell.ref, backup):
        await cluster.eventually(ref, None, seconds=GONE_SECONDS)
    for kind in (*CHILDREN, POD):
        await cluster.eventually(shell.children(kind), 0, seconds=GONE_SECONDS)
    await cluster.api.delete(cluster.ref(KD_APP, "shell"))
    await cluster.eventually(cluster.ref(KD_APP, "shell"), None, seconds=GONE_SECONDS)

    for obj in reversed(objects):
        await cluster.api.create(obj)

    def resumed(found):
        (member,) = members_of(found, "tail") or [{}]
        container = dig(member, "stateDetail", "lastConfiguredContainer")
        return is_configured(found, 2) and container not in (None, tail["stateDetail"]["lastConfiguredContainer"])

    after = await shell.until(resumed)
    assert not dig(after, "status", "restoreProgress")
    assert "kubedirector.hpe.com/restoring" not in after["metadata"].get("labels", {})
    assert [member["pod"] for member in members_of(after)] == [member["pod"] for member in members_of(before)]
    assert [member["nodeID"] for member in members_of(after)] == [member["nodeID"] for member in members_of(before)]
    assert await shell.run_in(tail["pod"], "cat /etc/kept") == "kept\n"
    # Its volume says that it was configured.
    assert "--configure" not in await shell.run_in(tail["pod"], f"cat {EVENTS} || true")
    same = (await cluster.api.list(shell.children(PERSISTENT_VOLUME_CLAIM))).items
    assert [item["metadata"]["uid"] for item in same] == [item["metadata"]["uid"] for item in claims]
