"""`kdd rotate-key`: wherever it is killed or refused, the next run ends where one without trouble does (7.3)."""

import pytest

from kdd.rotate_key import read_key, rotate
from kdlib.errors import RefusedError, UnreachableError, WorldError
from kdlib.kube import Api
from kdlib.model import CONFIG_NAME
from kdlib.rules import decrypted, encrypted, keyring_of
from kdlib.wire import KD_CLUSTER, KD_CONFIG, Ref

OLD, LOST = (bytes([number]) * 32 for number in (1, 2))
CONFIG = Ref(KD_CONFIG, "kd", CONFIG_NAME)
VALUES = {"one": ["a", "b"], "two": ["c"]}


class KilledError(BaseException):
    """The command is killed at once."""


def config(**spec):
    metadata = {"name": CONFIG_NAME, "namespace": "kd"}
    return {"apiVersion": KD_CONFIG.api_version, "kind": KD_CONFIG.name, "metadata": metadata, "spec": spec}


def cluster(made, name, values, key=OLD):
    made = made.cluster(name)
    texts = [encrypted(value, key, bytes([number + 1]) * 12) for number, value in enumerate(values)]
    items = [{"name": f"key{number}", "encryptedValue": text} for number, text in enumerate(texts)]
    made["spec"]["roles"][0]["secretKeys"] = items
    return made


def prepared(world, made, **spec):
    world.create(config(**{"masterEncryptionKey": OLD.hex(), **spec}), made.cluster("plain"))
    world.create(*(cluster(made, name, values) for name, values in VALUES.items()))


def spec_of(world):
    return world.registry.get(KD_CONFIG, "kd", CONFIG_NAME)["spec"]


def texts(world, name):
    roles = world.registry.get(KD_CLUSTER, "default", name)["spec"]["roles"]
    return [item["encryptedValue"] for item in roles[0]["secretKeys"]]


def values(world, name):
    """Return what a stored cluster says under the present master key alone."""
    key = bytes.fromhex(spec_of(world)["masterEncryptionKey"])
    return [decrypted(text, key) for text in texts(world, name)]


def is_rotated(world):
    spec = spec_of(world)
    everything = {name: values(world, name) for name in VALUES}
    return everything == VALUES and "formerEncryptionKeys" not in spec and spec["masterEncryptionKey"] != OLD.hex()


def test_a_rotation_leaves_one_key_under_which_all_says_what_it_said(play, made, capsys):
    async def scenario(world):
        prepared(world, made)
        before = world.registry.get(KD_CLUSTER, "default", "one")["spec"]
        assert await rotate(Api(world.transport()), CONFIG, new_key=None) == []
        assert is_rotated(world)
        after = world.registry.get(KD_CLUSTER, "default", "one")["spec"]
        for role in (*before["roles"], *after["roles"]):
            for item in role.get("secretKeys", ()):
                item.pop("encryptedValue")
        assert before == after
        return spec_of(world)["masterEncryptionKey"]

    key = play(scenario)
    told = capsys.readouterr().out
    assert "default/one: 2 secret keys encrypted anew\ndefault/two: 1 secret key encrypted anew\n" in told
    assert [secret for secret in (key, OLD.hex()) if secret in told] == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(4))
def test_w38_a_rotation_that_is_killed_at_any_write_is_finished_by_the_next_run(play, made, number, after):
    async def scenario(world):
        prepared(world, made)
        transport, left = world.transport(), [number]

        def kill(request):
            if request.method == "PATCH":
                left[0] -= 1
                if left[0] == -1:
                    raise KilledError

        setattr(transport, "after" if after else "before", kill)
        with pytest.raises(KilledError):
            await rotate(Api(transport), CONFIG, new_key=None)
        # Whatever was done until then, every value can be read.
        ring = keyring_of({"spec": spec_of(world)})
        assert {name: [ring.value_of(text) for text in texts(world, name)] for name in VALUES} == VALUES
        assert await rotate(Api(world.transport()), CONFIG, new_key=None) == [] or number == 3
        assert is_rotated(world)

    play(scenario)


def test_a_cluster_that_changes_meanwhile_is_read_again(play, made):
    async def scenario(world):
        prepared(world, made)
        transport, edited = world.transport(), []

        def edit(request):
            if request.method == "PATCH" and request.path.endswith("/one") and not edited:
                edited.append(True)
                world.registry.patch(KD_CLUSTER, "default", "one", cluster(made, "one", ["other", "b"]))

        transport.before = edit
        assert await rotate(Api(transport), CONFIG, new_key=None) == []
        assert values(world, "one") == ["other", "b"]

    play(scenario)


def test_a_value_of_an_unknown_key_is_told_and_all_others_go_on(play, made, capsys):
    async def scenario(world):
        prepared(world, made)
        world.create(cluster(made, "bad", ["x"], LOST))
        (problem,) = await rotate(Api(world.transport()), CONFIG, new_key=None)
        assert (problem.path, "'key0' of role 'head'" in problem.what) == ("default/bad", True)
        assert is_rotated(world)

    play(scenario)


def test_a_cluster_that_refuses_keeps_its_key_and_the_others_go_on(play, made):
    async def scenario(world):
        prepared(world, made)
        transport = world.transport()

        def refuse(request):
            if request.method == "PATCH" and request.path.endswith("/one"):
                raise UnreachableError("no answer")

        transport.before = refuse
        (problem,) = await rotate(Api(transport), CONFIG, new_key=None)
        assert problem.path == "default/one"
        assert values(world, "two") == VALUES["two"]
        assert spec_of(world)["formerEncryptionKeys"] == [OLD.hex()]
        transport.before = lambda _: None
        assert await rotate(Api(transport), CONFIG, new_key=None) == []
        assert is_rotated(world)

    play(scenario)


def test_a_dry_run_tells_and_changes_nothing(play, made, capsys):
    async def scenario(world):
        prepared(world, made)
        transport = world.transport()
        assert await rotate(Api(transport), CONFIG, new_key=None, dry_run=True) == []
        assert transport.writes == []

    play(scenario)
    assert "default/one: 2 secret keys would be encrypted anew" in capsys.readouterr().out


def test_a_given_key_is_taken_and_a_second_run_with_it_goes_on(play, made):
    async def scenario(world):
        prepared(world, made)
        for _ in range(2):
            assert await rotate(Api(world.transport()), CONFIG, new_key="AB" * 32) == []
            assert spec_of(world)["masterEncryptionKey"] == "AB" * 32
        assert is_rotated(world)

    play(scenario)


def test_a_configuration_without_a_key_gets_one(play, made):
    """CFG-X-53: the remedy that the condition names."""

    async def scenario(world):
        world.create(config(nativeSystemdSupport=True))
        assert await rotate(Api(world.transport()), CONFIG, new_key=None) == []
        assert len(spec_of(world)["masterEncryptionKey"]) == 64
        assert spec_of(world)["nativeSystemdSupport"] is True

    play(scenario)


def test_without_a_configuration_there_is_nothing_to_rotate(play):
    async def scenario(world):
        with pytest.raises(RefusedError, match="does not exist"):
            await rotate(Api(world.transport()), CONFIG, new_key=None)

    play(scenario)


def test_somebody_who_writes_the_configuration_all_the_time_is_not_overwritten(play, made):
    async def scenario(world):
        prepared(world, made)
        transport, count = world.transport(), []

        def edit(request):
            if request.method == "PATCH" and request.path.endswith(CONFIG_NAME):
                count.append(1)
                labels = {"n": str(len(count))}
                world.registry.patch(KD_CONFIG, "kd", CONFIG_NAME, {"metadata": {"labels": labels}})

        transport.before = edit
        with pytest.raises(WorldError, match="changed by somebody else"):
            await rotate(Api(transport), CONFIG, new_key=None)
        assert spec_of(world) == {"masterEncryptionKey": OLD.hex()}

    play(scenario)


def test_a_key_file_holds_a_key(tmp_path):
    path = tmp_path / "key"
    path.write_text("ab" * 16 + "\n")
    assert read_key(path) == "ab" * 16
    path.write_text("hunter2")
    with pytest.raises(RefusedError) as caught:
        read_key(path)
    assert ("holds no AES key" in str(caught.value), "hunter2" in str(caught.value)) == (True, False)
    with pytest.raises(RefusedError, match="cannot be read"):
        read_key(tmp_path / "none")


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_first_key_follows_no_other(play, made, capsys, dry_run):
    async def scenario(world):
        world.create(config())
        await rotate(Api(world.transport()), CONFIG, new_key=None, dry_run=dry_run)

    play(scenario)
    assert capsys.readouterr().out.startswith(f"{CONFIG}: {'would get' if dry_run else 'has'} a new key\n")
