"""An operator whose rights are older than it is, in virtual time: it does without what no cluster asks for."""

import asyncio

import pytest

from kdlib.errors import api_error
from kdlib.kube import ReflectorSettings
from kdlib.rules import encrypted
from kdlib.sandbox.store import LocalTransport
from kdlib.wire import (
    CONTROLLER_REVISION,
    KD_APP,
    KD_CLUSTER,
    KD_CONFIG,
    KD_STATUS_BACKUP,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    STATEFUL_SET,
)

CONFIG = {
    "apiVersion": KD_CONFIG.api_version,
    "kind": KD_CONFIG.name,
    "metadata": {"namespace": "kd", "name": "kd-global-config"},
    "spec": {"backupClusterStatus": True, "defaultNamingScheme": "CrNameRole"},
}


def condition(status, name):
    return next(item for item in status["conditions"] if item["type"] == name)


def forbid(transport, kind):
    """Refuse every request about a kind; return how to allow them again."""

    def before(request):
        if f"/{kind.plural}" in getattr(request, "path", ""):
            raise api_error(403, "Forbidden", f"{kind.plural} is forbidden: cannot list resource {kind.plural!r}")

    transport.before = before

    def allow():
        transport.before = lambda _: None

    return allow


@pytest.mark.parametrize("kind", [KD_STATUS_BACKUP, POD_DISRUPTION_BUDGET], ids=str)
def test_clusters_are_looked_after_without_a_right_that_none_of_them_needs(play, made, caplog, kind):
    async def scenario(world):
        transport = world.transport()
        forbid(transport, kind)
        async with world.operating(transport):
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2))
        assert f"cannot list resource {kind.plural!r}" in caplog.text

    play(scenario)


def test_a_disruption_budget_is_made_once_the_right_is_there_and_its_cluster_runs_before(play, made):
    async def scenario(world):
        transport = world.transport()
        allow = forbid(transport, POD_DISRUPTION_BUDGET)
        cluster = made.cluster()
        cluster["spec"]["roles"][1]["podDisruptionBudget"] = {"maxUnavailable": 1}
        async with world.operating(transport):
            world.create(made.app(), cluster)
            await world.until(lambda: len(world.states().get("tail", ())) == 2)
            await world.until(lambda: all(state == ["configured"] * len(state) for state in world.states().values()))
            assert not world.registry.list(POD_DISRUPTION_BUDGET)
            allow()
            await world.until(lambda: world.registry.list(POD_DISRUPTION_BUDGET))

    play(scenario)


def lines(caplog, words):
    return [text for text in (record.getMessage() for record in caplog.records) if words in text]


def test_without_the_right_to_the_configuration_clusters_that_need_it_wait_and_say_so_and_all_others_go_on(
    play, made, caplog
):
    async def scenario(world):
        world.create(CONFIG, made.app())
        async with world.operating():
            world.create(made.cluster(tails=1))
            await world.until(world.configured(head=1, tail=1))
            await world.until(lambda: world.registry.list(KD_STATUS_BACKUP))
        transport = world.transport()
        allow = forbid(transport, KD_CONFIG)
        caplog.clear()
        async with world.operating(transport):
            world.change(tail=2)
            world.create(made.cluster("c2"))
            await world.until(world.configured(head=1, tail=2))
            await asyncio.sleep(900)
            assert world.registry.list(KD_STATUS_BACKUP)
            assert not world.states("c2")
            stalled = condition(world.status("c2"), "Stalled")
            assert stalled["status"] == "True"
            assert "ask your administrator to let the operator list and watch kubedirectorconfigs" in stalled["message"]
            (line,) = lines(caplog, "kubedirectorconfigs: kubedirectorconfigs is forbidden")
            assert line.endswith(
                "give our account the verbs list and watch on kubedirectorconfigs.kubedirector.hpe.com"
            )
            allow()
            await world.until(lambda: world.status("c2").get("state") == "configured")
            assert all(role["statefulSet"].startswith("c2-") for role in world.status("c2")["roles"])

    play(scenario)


def test_members_keep_their_secret_keys_while_nobody_may_read_what_decrypts_them(play, made):
    members = made.members()

    async def scenario(world):
        key = "00" * 16
        text = encrypted("pearl", bytes.fromhex(key), b"n" * 12)
        world.create({**CONFIG, "spec": {"masterEncryptionKey": key}}, made.app("shell", "file:///opt/shell.tgz"))
        cluster = made.cluster(app="shell", tails=1)
        cluster["spec"]["roles"][0]["secretKeys"] = [{"name": "word", "encryptedValue": text}]
        async with world.operating():
            world.create(cluster)
            await world.until(world.configured(head=1, tail=1))
        (head,) = (role["members"][0]["pod"] for role in world.status()["roles"] if role["id"] == "head")
        told = members.configmeta(head)
        assert told["nodegroups"]["1"]["roles"]["head"]["secret_keys"] == {"word": "pearl"}
        transport = world.transport()
        forbid(transport, KD_CONFIG)
        async with world.operating(transport):
            world.change(tail=2)
            await world.until(lambda: condition(world.status(), "Stalled")["status"] == "True")
            await asyncio.sleep(600)
            assert members.configmeta(head) == told

    play(scenario, members)


NEEDED = (KD_APP, KD_CLUSTER, STATEFUL_SET, SERVICE, POD, PERSISTENT_VOLUME_CLAIM, CONTROLLER_REVISION)


@pytest.mark.parametrize("kind", NEEDED, ids=str)
def test_a_right_that_nothing_can_be_done_without_is_named_once_with_what_stands_still(play, made, caplog, kind):
    async def scenario(world):
        transport = world.transport()
        allow = forbid(transport, kind)
        async with world.operating(transport):
            world.create(made.app(), made.cluster())
            await asyncio.sleep(900)
            assert not world.registry.list(STATEFUL_SET)
            resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
            (forbidden,) = lines(caplog, "is forbidden")
            assert forbidden.endswith(f"give our account the verbs list and watch on {resource}")
            (still,) = lines(caplog, "until it may list")
            assert still == f"here: looks after no kubedirectorclusters until it may list {kind.plural}"
            allow()
            await world.until(world.configured(head=1, tail=2))

    play(scenario)


def test_a_right_to_watch_that_is_missing_is_named_once_and_changes_are_seen_all_the_same(play, made, caplog):
    async def scenario(world):
        transport = world.transport()

        def refuse(request):
            if request.path.endswith(f"/{STATEFUL_SET.plural}"):
                raise api_error(403, "Forbidden", "statefulsets.apps is forbidden: cannot watch statefulsets")
            return LocalTransport.watch(transport.inner, request)

        transport.watch = refuse
        async with world.operating(transport):
            world.create(made.app(), made.cluster())
            await world.until(world.configured(head=1, tail=2), seconds=1800)

    play(scenario)


def test_a_cluster_whose_status_is_refused_is_told_of_in_the_log_once_and_goes_on_when_it_is_taken(play, made, caplog):
    """So it is where the definitions are older than the operator: no status can say so."""

    async def scenario(world):
        transport = world.transport()

        def before(request):
            if getattr(request, "path", "").endswith("/c1/status"):
                raise api_error(500, "", "failed to create typed patch:\n  .status.roles: field not declared in schema")

        transport.before = before
        async with world.operating(transport, watches=ReflectorSettings(missing_remedy="kubectl apply -f schemas/")):
            world.create(made.app(), made.cluster(), made.cluster("c2"))
            await asyncio.sleep(600)
            assert world.status("c2")["state"] == "configured"
            lines = [record.getMessage() for record in caplog.records if "looked after" in record.getMessage()]
            assert lines[0].startswith("KubeDirectorCluster default/c1: cannot be looked after")
            assert lines[0].endswith("older than this operator, install its own: kubectl apply -f schemas/")
            transport.before = lambda _: None
            await world.until(world.configured(head=1, tail=2))

    play(scenario)


def test_credentials_that_expire_are_one_line_for_all_clusters_until_there_are_new_ones(play, made, caplog):
    """Watches stay open on a real API server: the first to be refused are those who write."""
    caplog.set_level("INFO")

    async def scenario(world):
        transport = world.transport()
        async with world.operating(transport):
            world.create(made.app(), *(made.cluster(f"c{number}") for number in range(1, 5)))
            await world.until(world.configured(head=1, tail=2))
            caplog.clear()
            tries = []

            def before(request):
                if getattr(request, "method", "GET") != "GET":
                    tries.append(request.path)
                    raise api_error(401, "Unauthorized", "Unauthorized")

            transport.before = before
            for number in range(1, 5):
                world.change(f"c{number}", tail=3)
            await asyncio.sleep(3600)
            # Four clusters that ask once a minute, a few requests each, for an hour.
            assert 4 * 30 < len(tries) < 4 * 60 * 4
            (line,) = [item.getMessage() for item in caplog.records if item.levelname == "WARNING"]
            words = "our credentials are refused: Unauthorized; tried again; renew the token or the client certificate"
            assert line.endswith(words)
            transport.before = lambda _: None
            await world.until(world.configured(head=1, tail=3))
            await world.until(lambda: lines(caplog, "works again, after: our credentials are refused: Unauthorized"))

    play(scenario)
