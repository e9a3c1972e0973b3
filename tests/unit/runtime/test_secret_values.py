"""Secret keys and auth tokens under the whole operator, in virtual time (5.4, 5.5, 7.3)."""

import asyncio
import logging

import pytest
from hiding import annotate, rotate_all_and_one

from kdlib.rules import encrypted
from kdlib.wire import EVENT, KD_CLUSTER, KD_CONFIG, POD, SERVICE

PACKAGE = "file:///opt/test/shell.tgz"
OLD, NEW = (bytes([number]) * 32 for number in (1, 2))
OTHER = bytes([3]) * 32


def config(key=OLD, *former, **spec):
    given = {"masterEncryptionKey": key.hex(), "formerEncryptionKeys": [item.hex() for item in former], **spec}
    metadata = {"name": "kd-global-config", "namespace": "kd"}
    return {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata, "spec": given}


def key(name, value, under=OLD, nonce=7):
    return {"name": name, "encryptedValue": encrypted(value, under, bytes([nonce]) * 12)}


@pytest.fixture
def members(made):
    return made.members()


@pytest.fixture
def play_keys(play, made, members):
    """Play a scenario with a cluster whose head has secret keys."""

    def played(scenario, *keys, app=None, heads=1, namespace="default", change=lambda _: None):
        async def run(world):
            async with world.operating() as transport:
                world.create(config())
                cluster, plain = made.cluster(app="shell", tails=1), made.app("shell", PACKAGE)
                plain["metadata"]["namespace"] = namespace
                plain["spec"] |= app or {}
                cluster["spec"]["roles"][0]["secretKeys"] = list(keys)
                change(cluster)
                world.create(plain, cluster)
                await world.until(world.configured(head=heads, tail=1))
                return await scenario(world, transport)

        return play(run, members)

    return played


def pods(world):
    return {role["id"]: [member["pod"] for member in role["members"]] for role in world.status()["roles"]}


def edit(world, *keys):
    roles = world.cluster()["spec"]["roles"]
    roles = [{**roles[0], "secretKeys": list(keys)}, *roles[1:]]
    world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"roles": roles}})


def edit_config(world, **spec):
    world.registry.patch(KD_CONFIG, "kd", "kd-global-config", {"spec": spec})


def read(members, pod, role="head"):
    """Return what a member reads of the secret keys of a role; None where there is nothing to read."""
    return members.configmeta(pod)["nodegroups"]["1"]["roles"][role].get("secret_keys")


def condition(world, kind="SecretKeysUnreadable"):
    return next((item for item in world.status()["conditions"] if item["type"] == kind), None)


def everyone(world):
    return [pod for group in pods(world).values() for pod in group]


def test_op_06_every_member_reads_the_keys_of_all_roles_and_nothing_else_holds_them(play_keys, members, caplog):
    """OP-06."""
    caplog.set_level(logging.DEBUG)

    async def scenario(world, transport):
        assert [read(members, pod) for pod in everyone(world)] == [{"password": "hunter2"}] * 2
        assert read(members, everyone(world)[0], "tail") is None
        told = [world.registry.list(kind) for kind in (KD_CLUSTER, EVENT, SERVICE)]
        assert "hunter2" not in str([told, [str(request) for request in transport.requests], caplog.text])

    play_keys(scenario, key("password", "hunter2"))


def test_w14_an_app_may_keep_the_keys_of_a_role_to_its_members(play_keys, members):
    async def scenario(world, _):
        head, tail = everyone(world)
        assert (read(members, head), read(members, tail)) == ({"password": "hunter2"}, None)

    play_keys(scenario, key("password", "hunter2"), app={"ownSecretKeysOnly": True})


def test_w38_a_changed_key_reaches_every_member_by_one_exec_and_no_event(play_keys, members):
    """RC-16: the change counts once, together with what else changes."""

    async def scenario(world, transport):
        generation, runs = world.status()["specGenerationToProcess"], list(members.runs)
        for keys, expected in (
            ([key("password", "hunter3", nonce=8)], {"password": "hunter3"}),
            ([key("password", "hunter3", nonce=8), key("more", "x")], {"password": "hunter3", "more": "x"}),
            ([], None),
        ):
            execs, generation = len(transport.execs), generation + 1
            edit(world, *keys)
            await asyncio.sleep(30)
            assert [read(members, pod) for pod in everyone(world)] == [expected] * 2
            assert world.status()["specGenerationToProcess"] == generation
            assert len(transport.execs) == execs + 2
            assert world.configured(head=1, tail=1)()
        assert members.runs == runs
        assert condition(world, "SpecAccepted") is None
        accepted = world.status()["roles"][0]["accepted"]["role"]
        assert "secretKeys" not in accepted

    play_keys(scenario, key("password", "hunter2"))


def test_a_changed_key_and_growth_in_one_pass_count_once(play_keys, members):
    """RC-16."""

    async def scenario(world, _):
        generation = world.status()["specGenerationToProcess"]
        roles = world.cluster()["spec"]["roles"]
        roles = [{**roles[0], "secretKeys": [key("password", "new")]}, {**roles[1], "members": 2}]
        world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"roles": roles}})
        await world.until(world.configured(head=1, tail=2))
        assert [read(members, pod) for pod in everyone(world)] == [{"password": "new"}] * 3
        assert world.status()["specGenerationToProcess"] == generation + 1

    play_keys(scenario, key("password", "hunter2"))


def test_a_value_that_is_encrypted_anew_disturbs_no_member(play_keys, members):
    """7.3: a new master key is no news for members."""

    async def scenario(world, transport):
        execs, generation = len(transport.execs), world.status()["specGenerationToProcess"]
        edit_config(world, masterEncryptionKey=NEW.hex(), formerEncryptionKeys=[OLD.hex()])
        await asyncio.sleep(5)
        anew = key("password", "hunter2", NEW)
        edit(world, anew)
        await asyncio.sleep(5)
        edit_config(world, formerEncryptionKeys=None)
        await asyncio.sleep(60)
        assert (len(transport.execs), world.status()["specGenerationToProcess"]) == (execs, generation)
        assert world.status()["roles"][0]["accepted"]["role"]["secretKeys"] == [anew]
        assert condition(world) is None

    play_keys(scenario, key("password", "hunter2"))


def test_w38_a_key_that_nothing_decrypts_is_told_and_the_others_go_on(play_keys, members):
    async def scenario(world, _):
        found = condition(world)
        assert (found["status"], found["reason"]) == ("True", "SecretKeysUnreadable")
        assert "'lost' of role 'head'" in found["message"]
        assert [read(members, pod) for pod in everyone(world)] == [{"password": "hunter2"}] * 2
        notes = [item["note"] for item in world.registry.list(EVENT) if item["reason"] == "SecretKeysUnreadable"]
        assert notes == [found["message"]]
        edit_config(world, formerEncryptionKeys=[OTHER.hex()])
        await asyncio.sleep(30)
        assert [read(members, pod) for pod in everyone(world)] == [{"password": "hunter2", "lost": "found"}] * 2
        assert condition(world) is None
        assert "unreadableSecretKeys" not in world.status()["roles"][0]

    play_keys(scenario, key("password", "hunter2"), key("lost", "found", OTHER))


def test_a_configuration_that_goes_takes_no_key_from_members(play_keys, members):
    """RC-26: it is told; what members hold they keep."""

    async def scenario(world, transport):
        execs = len(transport.execs)
        world.registry.delete(KD_CONFIG, "kd", "kd-global-config")
        await asyncio.sleep(30)
        assert "'password' of role 'head'" in condition(world)["message"]
        assert len(transport.execs) == execs
        assert [read(members, pod) for pod in everyone(world)] == [{"password": "hunter2"}] * 2
        world.create(config())
        await asyncio.sleep(30)
        assert condition(world) is None

    play_keys(scenario, key("password", "hunter2"))


def test_an_edit_of_the_configuration_changes_no_running_cluster(play_keys):
    """RC-26: labels, domain, types, classes and naming are for what is made later."""

    async def scenario(world, transport):
        before, status = len(transport.writes), world.status()
        edit_config(
            world,
            podLabels={"a": "b"},
            serviceLabels={"c": "d"},
            clusterSvcDomainBase=".svc.example.org",
            defaultServiceType="NodePort",
            defaultNamingScheme="CrNameRole",
            nativeSystemdSupport=True,
        )
        await asyncio.sleep(60)
        assert transport.writes[before:] == []
        assert world.status() == status

    play_keys(scenario)


# --- auth tokens

WITH_TOKEN = {"services": [{"id": "web", "label": {"name": "Web"}, "endpoint": {"port": 80, "hasAuthToken": True}}]}
ANNOTATION = "kubedirector.hpe.com/kd-auth-token"


@pytest.fixture
def play_tokens(play_keys):
    """Play a scenario with two heads, which have tokens, and a tail."""

    def two_heads(cluster):
        cluster["spec"]["roles"][0]["members"] = 2

    def played(scenario, **options):
        roles = [{"id": "head", "cardinality": "1+"}, {"id": "tail", "cardinality": "0+"}]
        app = {**WITH_TOKEN, "roles": roles, **options.pop("app", {})}
        return play_keys(scenario, app=app, change=two_heads, heads=2, **options)

    return played


def reserved(world):
    return {item["pod"]: item["authToken"] for item in world.status()["roles"][0]["members"]}


def on_services(world):
    found = {}
    for member in world.status()["roles"][0]["members"]:
        service = world.registry.get(SERVICE, "default", member["service"])
        found[member["pod"]] = service["metadata"]["annotations"].get(ANNOTATION)
    return found


def in_configmeta(members, pods):
    documents = {pod: members.configmeta(pod)["nodegroups"]["1"]["roles"]["head"]["services"]["web"] for pod in pods}
    return {pod: document["authToken"] for pod, document in documents.items()}


def agree(world, members):
    """Tell whether status, Services and members say the same tokens."""
    tokens = reserved(world)
    return on_services(world) == tokens == in_configmeta(members, tokens)


def test_ic_12_a_token_is_made_once_and_survives_restarts_of_all(play_tokens, members):
    """IC-12."""

    async def scenario(world, transport):
        tokens = reserved(world)
        assert len(set(tokens.values())) == 2
        assert agree(world, members)
        for pod in tokens:
            world.registry.delete(POD, "default", pod)
        await asyncio.sleep(60)
        await world.until(world.configured(head=2, tail=1))
        async with world.operating():
            await asyncio.sleep(60)
        assert reserved(world) == tokens
        assert agree(world, members)

    play_tokens(scenario)


@pytest.mark.parametrize("before", ["NodePort", "LoadBalancer", "ClusterIP"])
def test_w50_a_token_is_never_off_its_service_while_the_type_changes(play_tokens, members, before):
    async def scenario(world, _):
        tokens = reserved(world)
        for kind in (before, *{"NodePort", "LoadBalancer", "ClusterIP"} - {before}):
            uids = {pod: world.registry.get(SERVICE, "default", f"s-{pod}")["metadata"]["uid"] for pod in tokens}
            world.registry.patch(KD_CLUSTER, "default", "c1", {"spec": {"serviceType": kind}})
            for _ in range(100):
                assert on_services(world) == tokens
                await asyncio.sleep(0.05)
            found = [world.registry.get(SERVICE, "default", f"s-{pod}") for pod in tokens]
            assert [item["spec"]["type"] for item in found] == [kind] * 2
            assert [item["metadata"]["uid"] for item in found] == list(uids.values())

    play_tokens(scenario)


def test_w22_members_of_an_app_of_the_system_have_their_tokens_as_soon_as_any(play_tokens, members):
    async def scenario(world, _):
        assert world.status()["reserved"]["appNamespace"] == "kd"
        assert agree(world, members)

    play_tokens(scenario, namespace="kd")


def test_new_tokens_reach_services_and_members_without_any_restart(play_tokens, members):
    """5.5: asked for all, then for one; a value that was handled asks for nothing."""

    def tokens(world):
        assert agree(world, members)
        return reserved(world)

    async def scenario(world, transport):
        await rotate_all_and_one(world, transport, members, tokens)
        execs, writes = len(transport.execs), len(transport.writes)
        annotate(world, "rotate-tokens", "1")
        await asyncio.sleep(60)
        assert (len(transport.execs), len(transport.writes)) == (execs, writes)

    play_tokens(scenario)


def test_a_new_token_is_recorded_before_anybody_gets_it(play_tokens, members):
    """Decision 2: whatever is on a Service stands in the status."""

    async def scenario(world, transport):
        seen = []

        def look(request):
            if getattr(request, "method", "") == "PATCH" and "/services/" in request.path:
                token = request.body["metadata"]["annotations"][ANNOTATION]
                seen.append(token in reserved(world).values())

        transport.before = look
        annotate(world, "rotate-tokens", "1")
        await asyncio.sleep(30)
        assert seen == [True, True]

    play_tokens(scenario)


def test_a_member_that_comes_after_a_rotation_keeps_its_first_token(play_tokens, members):
    async def scenario(world, _):
        annotate(world, "rotate-tokens", "1")
        await asyncio.sleep(30)
        world.change(head=3)
        await world.until(world.configured(head=3, tail=1))
        tokens = reserved(world)
        await asyncio.sleep(60)
        assert reserved(world) == tokens
        assert agree(world, members)

    play_tokens(scenario)
