"""The status backup: in step with the status, before it, and gone where nobody wants it, in virtual time."""

import asyncio

from kdlib.errors import api_error
from kdlib.kube import Api
from kdlib.model import Seen, crd
from kdlib.reconcile import keep_backup
from kdlib.wire import CONFIG_MAP, KD_CLUSTER, KD_CONFIG, KD_STATUS_BACKUP, Ref

BACKUPS = f"/{KD_STATUS_BACKUP.plural}/c1"
STATUS = f"/{KD_CLUSTER.plural}/c1/status"
ANNOTATION = "kubedirector.hpe.com/status-backup-exists"


def config(**spec):
    metadata = {"namespace": "kd", "name": "kd-global-config"}
    return {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata, "spec": spec}


def switch(world, *, on):
    world.registry.patch(KD_CONFIG, "kd", "kd-global-config", {"spec": {"backupClusterStatus": on}})


def backups(world):
    return {item["metadata"]["name"]: item for item in world.registry.list(KD_STATUS_BACKUP)}


def told(world):
    return world.cluster()["metadata"]["annotations"][ANNOTATION]


def is_in_step(world):
    found = backups(world).get("c1")
    return found is not None and found["spec"]["statusBackup"] == world.status()


def condition(world):
    return next((item for item in world.status().get("conditions", ()) if item["type"] == "BackedUp"), None)


def test_op01_a_backup_is_written_before_each_status_and_never_without_one(play, made):
    """KO-16, OP-01: name, owner, content."""

    async def scenario(world):
        async with world.operating() as transport:
            world.create(config(backupClusterStatus=True), made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            world.change(tail=3)
            await world.until(world.configured(head=1, tail=3))
            await asyncio.sleep(5)
            written = [path for _, path in transport.writes if path.endswith((BACKUPS, STATUS))]
            assert [path.endswith(STATUS) for path in written] == [False, True] * (len(written) // 2)
            bodies = [item.body for item in transport.requests if item.method == "PATCH"]
            backed_up = [body["spec"]["statusBackup"] for body in bodies if body.get("kind") == KD_STATUS_BACKUP.name]
            stored = [body["status"] for body in bodies if "status" in body]
            assert backed_up == stored
            (owner,) = backups(world)["c1"]["metadata"]["ownerReferences"]
            uid = world.cluster()["metadata"]["uid"]
            assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (uid, True, False)
            assert (is_in_step(world), told(world)) == (True, "true")
            sent = len(transport.requests)
            await asyncio.sleep(3600)
            assert len(transport.requests) == sent
            world.registry.delete(KD_CLUSTER, "default", "c1")
            await world.until(lambda: not world.left() and not backups(world))

    play(scenario)


def test_without_backups_a_creation_costs_nothing_more_and_the_cluster_says_so(play, made):
    async def scenario(world):
        async with world.operating() as transport:
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            marks = [write for write in transport.writes if write[1].endswith(f"/{KD_CLUSTER.plural}/c1")]
            assert (len(marks), told(world), backups(world)) == (1, "false", {})

    play(scenario)


def test_a_settled_cluster_follows_the_switch(play, made):
    """OP-01: a config edit wakes every cluster; nobody is told of a backup that is not there."""

    async def scenario(world):
        async with world.operating() as transport:
            world.create(config(), made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            switch(world, on=True)
            await world.until(lambda: is_in_step(world) and told(world) == "true")
            switch(world, on=False)
            await world.until(lambda: not backups(world))
            assert told(world) == "false"
            await asyncio.sleep(5)
            sent = len(transport.requests)
            await asyncio.sleep(3600)
            assert len(transport.requests) == sent

    play(scenario)


def test_a_backup_that_somebody_brought_is_not_deleted_where_none_are_kept(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            brought = {
                "apiVersion": KD_STATUS_BACKUP.api_version,
                "kind": KD_STATUS_BACKUP.name,
                "metadata": {"namespace": "default", "name": "c1"},
                "spec": {"statusBackup": {"state": "configured", "roles": []}},
            }
            world.create(brought)
            await asyncio.sleep(3600)
            assert backups(world)["c1"]["spec"] == brought["spec"]

    play(scenario)


def test_a_backup_that_was_there_before_the_cluster_is_not_written_over_until_somebody_says_so(play, made):
    """CL-X-78: a cluster may still have to be restored from it. Once it is gone the cluster is backed up as ever."""
    left = {
        "apiVersion": KD_STATUS_BACKUP.api_version,
        "kind": KD_STATUS_BACKUP.name,
        "metadata": {"namespace": "default", "name": "c1"},
        "spec": {"statusBackup": {"state": "configured", "roles": []}},
    }

    async def scenario(world):
        async with world.operating() as transport:
            world.create(config(backupClusterStatus=True), left, made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            await world.until(lambda: condition(world) is not None)
            assert backups(world)["c1"]["spec"] == left["spec"]
            assert told(world) == "false"
            assert "kubectl delete kdstatusbackup c1 -n default" in condition(world)["message"]
            await asyncio.sleep(5)
            sent = len(transport.requests)
            await asyncio.sleep(3600)
            assert len(transport.requests) == sent
            world.registry.delete(KD_STATUS_BACKUP, "default", "c1")
            await world.until(lambda: is_in_step(world) and told(world) == "true" and condition(world) is None)

    play(scenario)


def test_a_backup_that_somebody_edits_or_deletes_is_put_right(play, made):
    async def scenario(world):
        async with world.operating():
            world.create(config(backupClusterStatus=True), made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            world.registry.patch(KD_STATUS_BACKUP, "default", "c1", {"spec": {"statusBackup": {"state": "x"}}})
            await world.until(lambda: is_in_step(world))
            world.registry.delete(KD_STATUS_BACKUP, "default", "c1")
            await world.until(lambda: is_in_step(world))

    play(scenario)


def failing(transport, code):
    """Answer every write of a backup with this code until the list that is returned is emptied."""
    broken = [True]

    def before(request):
        if broken and request.method == "PATCH" and request.path.endswith(BACKUPS):
            raise api_error(code, "InternalError" if code >= 500 else "Forbidden", "exceeded quota")

    transport.before = before
    return broken


def test_a_status_waits_for_its_backup_while_another_try_may_help(play, made):
    async def scenario(world):
        transport = world.transport()
        broken = failing(transport, 500)
        async with world.operating(transport):
            world.create(config(backupClusterStatus=True), made.app(), made.cluster())
            await asyncio.sleep(120)
            assert world.status() == {}
            broken.clear()
            await world.until(world.configured(head=1, tail=2))
            await world.until(lambda: is_in_step(world) and told(world) == "true")

    play(scenario)


def test_a_backup_that_is_refused_stops_nothing_and_is_told(play, made):
    async def scenario(world):
        transport = world.transport()
        broken = failing(transport, 403)
        async with world.operating(transport):
            world.create(config(backupClusterStatus=True), made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            assert "exceeded quota" in condition(world)["message"]
            assert told(world) == "false"
            sent = len(transport.requests)
            await asyncio.sleep(600)
            assert len(transport.requests) - sent < 30
            broken.clear()
            await world.until(lambda: condition(world) is None and is_in_step(world))

    play(scenario)


def test_a_cluster_made_before_the_kind_of_backups_gets_one_when_it_comes(play, made):
    async def scenario(world):
        name = f"{KD_STATUS_BACKUP.plural}.kubedirector.hpe.com"
        definition = next(
            item for item in world.registry.resources if item.kind.name == "CustomResourceDefinition"
        ).kind
        world.registry.delete(definition, "", name)
        async with world.operating():
            world.create(config(backupClusterStatus=True), made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            assert condition(world) is not None
            world.create(crd(KD_STATUS_BACKUP.name))
            await world.until(lambda: condition(world) is None and is_in_step(world), seconds=1200)

    play(scenario)


async def test_a_status_that_is_too_long_is_told_and_never_sent(made):
    class Silent:
        async def request(self, request):
            raise AssertionError(f"nothing is to be sent: {request.path}")

    root = made.cluster()
    root["metadata"]["uid"] = "u"
    ref = Ref(KD_CONFIG, "kd", "kd-global-config")
    seen = Seen(now=None, root=root, related=((ref, config(backupClusterStatus=True)),))
    kept = await keep_backup(Api(Silent()), seen, {"state": "x" * 1_400_000})
    assert "bytes long" in kept.refusal
    assert kept.error is None


def test_a_backup_of_somebody_else_is_left_alone(play, made):
    async def scenario(world):
        config_map = {"apiVersion": "v1", "kind": "ConfigMap"}
        world.create({**config_map, "metadata": {"namespace": "default", "name": "x"}})
        uid = world.registry.get(CONFIG_MAP, "default", "x")["metadata"]["uid"]
        metadata = {"namespace": "default", "name": "c1"}
        metadata["ownerReferences"] = [{**config_map, "name": "x", "uid": uid, "controller": True}]
        foreign = {"apiVersion": KD_CLUSTER.api_version, "kind": KD_STATUS_BACKUP.name, "metadata": metadata}
        world.create(foreign | {"spec": {"statusBackup": {"state": "theirs"}}})
        async with world.operating():
            world.create(config(backupClusterStatus=True), made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
            assert "is controlled by" in condition(world)["message"]
            switch(world, on=False)
            await world.until(lambda: condition(world) is None)
            assert backups(world)["c1"]["spec"] == {"statusBackup": {"state": "theirs"}}

    play(scenario)
