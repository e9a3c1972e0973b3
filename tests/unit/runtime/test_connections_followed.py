"""What a cluster is connected to is followed and told to its members, under the whole operator, in virtual time."""

import asyncio
import base64
from collections import Counter

import pytest

from kdlib.errors import api_error
from kdlib.names import ANNOTATION_CONNECTION_VERSION
from kdlib.wire import CONFIG_MAP, EVENT, KD_APP, KD_CLUSTER, SECRET

PACKAGE = "file:///opt/test/shell.tgz"
RECONNECT = "--reconnect"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


def typed(kind, name, *, label=True, namespace="default", **data):
    """Return a ConfigMap or Secret whose label makes it known to members."""
    key = "kubedirector.hpe.com/cmType" if kind == CONFIG_MAP else "kubedirector.hpe.com/secretType"
    if kind == SECRET:
        data = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    metadata = {"namespace": namespace, "name": name, "labels": {key: "settings"} if label else {}}
    return {"apiVersion": "v1", "kind": kind.name, "metadata": metadata, "data": data}


def connected(cluster, **connections):
    return {**cluster, "spec": {**cluster["spec"], "connections": connections}}


def pods(world, name="c1"):
    return [member["pod"] for role in world.status(name).get("roles", []) for member in role["members"]]


def settled(world, *names):
    """Tell whether the clusters are configured, and nobody is still to be told anything."""

    def condition():
        for name in names or ("c1",):
            status = world.status(name)
            details = [m["stateDetail"] for role in status.get("roles", []) for m in role["members"]]
            if status.get("state") != "configured" or not details:
                return False
            if any("pendingNotifyCmds" in detail for detail in details):
                return False
        return True

    return condition


def counter(world):
    """Return the annotation that mirrors the version of the connections."""
    return world.cluster()["metadata"].get("annotations", {}).get(ANNOTATION_CONNECTION_VERSION)


def missing(world, name="c1"):
    conditions = {item["type"]: item for item in world.status(name).get("conditions", [])}
    found = conditions.get("ConnectionsMissing", {})
    return found.get("reason"), found.get("message", "")


@pytest.fixture
def members(made):
    return made.members()


@pytest.fixture
def reconnects(members):
    """Return how often the members of a cluster were told to reconnect: one number if all the same."""

    def counted(world, name="c1"):
        counts = {members.of(pod).count(RECONNECT) for pod in pods(world, name)}
        return counts.pop() if len(counts) == 1 else sorted(counts)

    return counted


@pytest.fixture
def play_connected(play, made, members):
    """Play a scenario with an operator and the test app; clusters are made by the scenario."""

    def played(scenario, **hollow):
        async def run(world):
            async with world.operating() as transport:
                world.create(made.app("shell", PACKAGE))
                return await scenario(world, transport)

        return play(run, members, **hollow)

    return played


@pytest.fixture
def make_cluster(made):
    def make(name="c1", *, tails=1, **connections):
        return connected(made.cluster(name, app="shell", tails=tails), **connections)

    return make


def test_a_config_map_that_changes_goes_and_comes_again_is_told_each_time(
    play_connected, make_cluster, members, reconnects
):
    """RC-37: one reconnect for each net change, with the configmeta that has it; nothing at rest."""

    async def scenario(world, transport):
        world.create(typed(CONFIG_MAP, "settings", colour="blue"), make_cluster(configmaps=["settings"]))
        await world.until(settled(world))
        assert world.status()["connectionVersion"] == 0
        assert counter(world) is None
        assert reconnects(world) == 0

        async def told(count):
            await world.until(lambda: reconnects(world) == count and settled(world)())
            await asyncio.sleep(30)
            assert reconnects(world) == count
            return members.configmeta(pods(world)[0])["connections"]["configmaps"]

        world.registry.patch(CONFIG_MAP, "default", "settings", {"data": {"colour": "red"}})
        assert (await told(1))["settings"][0]["data"] == {"colour": "red"}
        world.registry.delete(CONFIG_MAP, "default", "settings")
        assert await told(2) == {}
        assert missing(world)[0] == "NotThereYet"
        world.create(typed(CONFIG_MAP, "settings", colour="green"))
        assert (await told(3))["settings"][0]["data"] == {"colour": "green"}
        assert missing(world) == (None, "")
        status = world.status()
        assert (status["connectionVersion"], counter(world)) == (3, "3")
        assert status["specGenerationToProcess"] == 4
        details = [member["stateDetail"] for role in status["roles"] for member in role["members"]]
        assert {detail["lastConnectionVersion"] for detail in details} == {3}
        sent = len(transport.requests), len(transport.execs)
        await asyncio.sleep(3600)
        assert (len(transport.requests), len(transport.execs)) == sent

    play_connected(scenario)


def test_an_edit_of_the_list_is_a_change(play_connected, make_cluster, members, reconnects):
    """RC-37."""

    async def scenario(world, _):
        world.create(typed(SECRET, "login", word="hunter2"), make_cluster())
        await world.until(settled(world))
        assert world.status()["lastConnectionHash"] == EMPTY
        world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"connections": {"secrets": ["login"]}}})
        await world.until(lambda: reconnects(world) == 1 and settled(world)())
        entry = members.configmeta(pods(world)[0])["connections"]["secrets"]["settings"][0]
        assert base64.b64decode(entry["data"]["word"]) == b"hunter2"
        world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"connections": {"secrets": []}}})
        await world.until(lambda: reconnects(world) == 2 and settled(world)())
        assert world.status()["lastConnectionHash"] == EMPTY
        assert members.configmeta(pods(world)[0])["connections"]["secrets"] == {}

    play_connected(scenario)


def test_w18_quick_changes_reach_every_member_in_the_end(play_connected, make_cluster, members, reconnects):
    async def scenario(world, _):
        world.create(typed(CONFIG_MAP, "settings", n="0"), make_cluster(configmaps=["settings"], tails=2))
        await world.until(settled(world))
        for number in range(1, 20):
            world.registry.patch(CONFIG_MAP, "default", "settings", {"data": {"n": str(number)}})
        await world.until(lambda: world.status().get("connectionVersion", 0) > 0)
        await world.until(settled(world))
        await asyncio.sleep(30)
        assert 1 <= reconnects(world) <= 2
        for pod in pods(world):
            assert members.configmeta(pod)["connections"]["configmaps"]["settings"][0]["data"]["n"] == "19"

    play_connected(scenario)


def test_a_connection_to_a_cluster_tells_of_its_members_and_of_their_changes(
    play_connected, make_cluster, members, reconnects
):
    """RC-36: a cluster wakes those that are connected to it, by the watch."""

    async def scenario(world, _):
        world.create(make_cluster(clusters=["other"]))
        await world.until(settled(world))
        assert missing(world) == (
            "NotThereYet",
            "KubeDirectorCluster 'other' does not exist; members are told of it as soon as it is there",
        )
        events = [item for item in world.registry.list(EVENT) if item["reason"] == "ConnectionsMissing"]
        assert len(events) == 1
        world.create(make_cluster("other", tails=2))
        await world.until(settled(world, "c1", "other"))
        await asyncio.sleep(30)
        assert missing(world) == (None, "")
        assert reconnects(world) == 1
        assert reconnects(world, "other") == 0
        world.change("other", tail=3)
        await world.until(lambda: reconnects(world) == 2 and settled(world, "c1", "other")())
        part = members.configmeta(pods(world)[0])["connections"]["clusters"]["other"]
        roles = part["nodegroups"]["1"]["roles"]
        assert len(set(roles["tail"]["fqdns"])) == 3
        assert [name.split(".")[0] for name in (*roles["head"]["fqdns"], *roles["tail"]["fqdns"])] == pods(
            world, "other"
        )
        world.registry.delete(KD_CLUSTER, "default", "other")
        await world.until(lambda: reconnects(world) == 3 and settled(world)())
        assert members.configmeta(pods(world)[0])["connections"]["clusters"] == {}

    play_connected(scenario)


def test_w04_a_connection_to_a_cluster_that_never_gets_a_status_waits(play_connected, made, make_cluster):
    async def scenario(world, _):
        world.create(connected(made.cluster("other", app="nowhere")), make_cluster(clusters=["other"]))
        await world.until(settled(world))
        assert missing(world)[1].startswith("KubeDirectorCluster 'other' has no members yet")

    play_connected(scenario)


def test_w21_a_connected_cluster_of_the_system_catalog_is_told_of(play, made, members, make_cluster):
    async def scenario(world):
        app = made.app("base", PACKAGE)
        world.create({**app, "metadata": {"namespace": "kd", "name": "base"}}, made.app("shell", PACKAGE))
        async with world.operating():
            world.create(made.cluster("other", app="base", tails=1), make_cluster(clusters=["other"]))
            await world.until(settled(world, "c1", "other"))
            await world.until(lambda: "other" in members.configmeta(pods(world)[0])["connections"]["clusters"])
            part = members.configmeta(pods(world)[0])["connections"]["clusters"]["other"]
            assert part["nodegroups"]["1"]["distro_id"] == "test/base"

    play(scenario, members)


def test_clusters_that_are_connected_to_each_other_come_to_rest(play_connected, make_cluster, reconnects):
    async def scenario(world, transport):
        world.create(make_cluster("c1", clusters=["c2"]), make_cluster("c2", clusters=["c3"]))
        world.create(make_cluster("c3", clusters=["c1", "c3"]))
        names = ("c1", "c2", "c3")
        await world.until(settled(world, *names))
        await asyncio.sleep(60)
        before = {name: (reconnects(world, name), world.status(name)["connectionVersion"]) for name in names}
        sent = len(transport.requests), len(transport.execs)
        await asyncio.sleep(3600)
        assert (len(transport.requests), len(transport.execs)) == sent
        world.change("c2", tail=2)
        await world.until(lambda: reconnects(world) == before["c1"][0] + 1 and settled(world, *names)())
        await asyncio.sleep(600)
        after = {name: world.status(name)["connectionVersion"] for name in names}
        assert after == {**{name: version for name, (_, version) in before.items()}, "c1": before["c1"][1] + 1}

    play_connected(scenario)


def test_a_change_while_members_are_configured_reaches_each_once(play_connected, make_cluster, members, reconnects):
    async def scenario(world, transport):
        world.create(typed(CONFIG_MAP, "settings", n="0"), make_cluster(configmaps=["settings"], tails=2))
        await world.until(lambda: transport.execs)
        world.registry.patch(CONFIG_MAP, "default", "settings", {"data": {"n": "1"}})
        await world.until(lambda: world.status().get("connectionVersion") == 1)
        await world.until(settled(world))
        await asyncio.sleep(30)
        for pod in pods(world):
            assert members.configmeta(pod)["connections"]["configmaps"]["settings"][0]["data"]["n"] == "1"
            assert members.of(pod)[0] == "--configure"
            assert members.of(pod).count(RECONNECT) <= 1

    play_connected(scenario)


def test_rc38_an_object_without_its_label_is_a_change_and_is_not_told(
    play_connected, make_cluster, members, reconnects
):
    """RC-38."""

    async def scenario(world, _):
        world.create(typed(SECRET, "login", label=False, word="hunter2"), make_cluster(secrets=["login"]))
        await world.until(settled(world))
        assert missing(world)[0] == "NotLabelled"
        world.registry.patch(SECRET, "default", "login", {"data": {"word": "eA=="}})
        await world.until(lambda: reconnects(world) == 1 and settled(world)())
        assert members.configmeta(pods(world)[0])["connections"]["secrets"] == {}
        labels = {"kubedirector.hpe.com/secretType": "settings"}
        world.registry.patch(SECRET, "default", "login", {"metadata": {"labels": labels}})
        await world.until(lambda: reconnects(world) == 2 and settled(world)())
        assert members.configmeta(pods(world)[0])["connections"]["secrets"]["settings"]
        assert missing(world) == (None, "")

    play_connected(scenario)


def test_w23_an_object_of_the_same_name_in_another_namespace_is_nobodys_business(
    play_connected, make_cluster, reconnects
):
    async def scenario(world, transport):
        world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}})
        world.create(typed(CONFIG_MAP, "settings", n="0"), make_cluster(configmaps=["settings"]))
        await world.until(settled(world))
        await asyncio.sleep(10)
        sent = len(transport.requests)
        world.create(typed(CONFIG_MAP, "settings", namespace="elsewhere", n="5"))
        await asyncio.sleep(60)
        assert len(transport.requests) == sent
        assert reconnects(world) == 0

    play_connected(scenario)


def test_w36_only_what_is_referred_to_is_watched_and_each_object_once(play, made, members, make_cluster):
    async def scenario(world):
        watched = Counter()
        transport = world.transport()
        watch = transport.watch

        def noted(request):
            if request.path.rpartition("/")[2] in ("secrets", "configmaps"):
                watched[request.path, request.query["fieldSelector"]] += 1
            return watch(request)

        transport.watch = noted
        world.create(made.app("shell", PACKAGE), typed(SECRET, "a", x="1"), typed(SECRET, "other", x="1"))
        world.create(make_cluster("c1", secrets=["a"]), make_cluster("c2", secrets=["a", "b"], configmaps=["m"]))
        async with world.operating(transport):
            await world.until(settled(world, "c1", "c2"))
            secrets, maps = "/api/v1/namespaces/default/secrets", "/api/v1/namespaces/default/configmaps"
            assert set(watched) == {
                (secrets, "metadata.name=a"),
                (secrets, "metadata.name=b"),
                (maps, "metadata.name=m"),
            }
            for name in ("c1", "c2"):
                world.registry.delete(KD_CLUSTER, "default", name)
            await world.until(lambda: not world.left())
            watched.clear()
            await asyncio.sleep(7200)
            assert watched == {}

    play(scenario, members)


def test_a_secret_that_may_not_be_read_stops_only_itself_and_is_told_with_the_servers_words(
    play, made, members, make_cluster, reconnects
):
    async def scenario(world):
        transport = world.transport()
        words = 'secrets "login" is forbidden: User "kd" cannot list resource "secrets"'

        def refuse(request):
            if getattr(request, "path", "").endswith("/secrets"):
                raise api_error(403, "Forbidden", words)

        transport.before = refuse
        world.create(made.app("shell", PACKAGE), typed(SECRET, "login", x="1"), typed(CONFIG_MAP, "settings", n="0"))
        world.create(make_cluster(secrets=["login"], configmaps=["settings"]))
        async with world.operating(transport):
            await world.until(settled(world))
            reason, message = missing(world)
            assert reason == "NotReadable"
            assert f"Secret 'login' cannot be read: {words}" in message
            world.registry.patch(CONFIG_MAP, "default", "settings", {"data": {"n": "1"}})
            await world.until(lambda: reconnects(world) == 1 and settled(world)())
            transport.before = lambda _: None
            await world.until(lambda: reconnects(world) == 2 and settled(world)())
            assert missing(world) == (None, "")
            version = world.status()["connectionVersion"]
        # A new operator that may not read it takes nothing away from members.
        transport.before = refuse
        async with world.operating(transport):
            await asyncio.sleep(600)
            assert missing(world)[0] == "NotReadable"
            assert world.status()["connectionVersion"] == version
            assert reconnects(world) == 2
            # A configmeta that goes out meanwhile cannot have it; whoever got one hears of it again.
            world.change(tail=2)
            await world.until(lambda: world.configured(head=1, tail=2)() and settled(world)())
            transport.before = lambda _: None
            await world.until(lambda: missing(world) == (None, ""))
            await asyncio.sleep(60)
            documents = [members.configmeta(pod) for pod in pods(world)]
            assert ["settings" in item["connections"]["secrets"] for item in documents] == [True] * 3
            assert world.status()["connectionVersion"] == version + 1

    play(scenario, members)


def test_what_is_not_known_yet_is_not_absent(play, made, members, make_cluster, reconnects):
    """A daemon that starts while one kind answers late tells nobody that its objects are gone."""

    async def scenario(world):
        world.create(made.app("shell", PACKAGE), typed(SECRET, "login", x="1"), make_cluster(secrets=["login"]))
        async with world.operating():
            await world.until(settled(world))
        transport, failures = world.transport(), [3]

        def fail(request):
            if getattr(request, "path", "").endswith("/secrets") and failures[0]:
                failures[0] -= 1
                raise api_error(503, "ServiceUnavailable", "not now")

        transport.before = fail
        async with world.operating(transport):
            await asyncio.sleep(600)
            assert failures == [0]
            assert transport.writes == []
            assert world.status()["connectionVersion"] == 0
            assert reconnects(world) == 0

    play(scenario, members)


def test_a_server_that_never_answers_for_one_object_delays_its_cluster_for_a_moment_only(
    play, made, members, make_cluster
):
    async def scenario(world):
        transport = world.transport()

        def fail(request):
            if getattr(request, "path", "").endswith("/secrets"):
                raise api_error(500, "InternalError", "cannot be decrypted")

        transport.before = fail
        world.create(made.app("shell", PACKAGE), typed(SECRET, "login", x="1"), make_cluster(secrets=["login"]))
        async with world.operating(transport):
            begun = world.time.seconds
            await world.until(settled(world))
            assert world.time.seconds - begun < 30
            assert "cannot be decrypted" in missing(world)[1]

    play(scenario, members)


def test_w08_a_counter_that_cannot_be_written_is_no_obstacle_and_is_made_up_for(
    play, made, members, make_cluster, reconnects
):
    async def scenario(world):
        transport, refused = world.transport(), []

        def refuse(request):
            path, body = getattr(request, "path", ""), getattr(request, "body", None) or {}
            if path.endswith("/c1") and "annotations" in body.get("metadata", {}) and len(refused) < 3:
                refused.append(path)
                raise api_error(500, "InternalError", "the webhook does not answer")

        transport.before = refuse
        world.create(made.app("shell", PACKAGE), typed(CONFIG_MAP, "settings", n="0"))
        world.create(make_cluster(configmaps=["settings"]))
        async with world.operating(transport):
            await world.until(settled(world))
            world.registry.patch(CONFIG_MAP, "default", "settings", {"data": {"n": "1"}})
            await world.until(lambda: reconnects(world) == 1 and settled(world)())
            await world.until(lambda: counter(world) == "1")
            assert len(refused) == 3
            await asyncio.sleep(60)
            assert reconnects(world) == 1

    play(scenario, members)


def test_a_new_operator_finds_nothing_to_tell(play, made, members, make_cluster):
    async def scenario(world):
        world.create(made.app("shell", PACKAGE), typed(SECRET, "login", x="1"))
        world.create(make_cluster("other"), make_cluster(secrets=["login"], clusters=["other"]))
        async with world.operating():
            await world.until(settled(world, "c1", "other"))
            await asyncio.sleep(30)
        runs = list(members.runs)
        async with world.operating() as transport:
            await asyncio.sleep(600)
            assert transport.writes == []
        assert members.runs == runs

    play(scenario, members)


def test_no_secret_value_reaches_a_status_or_an_event(play_connected, make_cluster, members, caplog):
    """Law 7."""

    async def scenario(world, _):
        world.create(typed(SECRET, "login", word="hunter2"), make_cluster(secrets=["login"]))
        await world.until(settled(world))
        world.registry.patch(SECRET, "default", "login", {"data": {"word": base64.b64encode(b"swordfish").decode()}})
        await world.until(lambda: world.status().get("connectionVersion") == 1)
        await world.until(settled(world))
        await asyncio.sleep(5)
        told = str([world.cluster(), *world.registry.list(EVENT), *world.registry.list(KD_APP)]) + caplog.text
        for value in ("hunter2", "swordfish"):
            assert value not in told
            assert base64.b64encode(value.encode()).decode() not in told
        changed = [item["note"] for item in world.registry.list(EVENT) if item["reason"] == "ConnectionsChanged"]
        assert changed == ["change 1 of what the cluster is connected to: Secret 'login'"]

    play_connected(scenario)
