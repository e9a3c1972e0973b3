"""Secret keys: old texts are read, changes are told, and no message holds a value (W-38, OP-06)."""

import json
from dataclasses import replace

import pytest

from kdlib.model import ClusterRole
from kdlib.rules import (
    Keyring,
    decrypted,
    encrypted,
    keyring_of,
    needs_of,
    read_keys,
    reencryption,
    tells_other_keys,
    unread_keys,
    with_accepted_keys,
    with_new_key,
    without_spared_keys,
)

ZEROS = "00" * 12
OLD, NEW, OTHER = (bytes([number]) * 32 for number in (1, 2, 3))
RING = Keyring(NEW, (OLD,))


def text(value, key=OLD, nonce=7):
    return encrypted(value, key, bytes([nonce]) * 12)


def role(**keys):
    items = [{"name": name, "encryptedValue": value} for name, value in keys.items()]
    return ClusterRole.model_validate({"id": "front", "resources": {"limits": {}}, "secretKeys": items})


def accepted(found):
    return with_accepted_keys({"role": {"id": "front"}}, found)


@pytest.mark.parametrize(
    ("size", "ciphertext", "tag"),
    [
        (16, "", "58e2fccefa7e3061367f1d57a4e7455a"),
        (16, "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"),
        (24, "", "cd33b28ac773f74ba00ed1f312572435"),
        (24, "98e7247c07f0fe411c267e4384b0f600", "2ff58d80033927ab8ef4d4587514f0fb"),
        (32, "", "530f8afbc74536b9a963b4f1c4cb738b"),
        (32, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    ],
)
def test_what_other_programs_encrypted_is_read(size, ciphertext, tag):
    """OP-06: the vectors are those of the GCM specification, with the key, the nonce and the text all zero."""
    value = "\0" * (len(ciphertext) // 2)
    assert decrypted(ZEROS + ciphertext + tag, bytes(size)) == value
    assert encrypted(value, bytes(size), bytes(12)) == ZEROS + ciphertext + tag
    assert decrypted(ZEROS + ciphertext + tag[:-2] + "00", bytes(size)) is None


@pytest.mark.parametrize("broken", ["", "00", "00" * 27, "no hex", "00ff" * 20])
def test_w38_a_text_that_nobody_encrypted_is_none_and_breaks_nothing(broken):
    """W-38: a text that is too short ended the original."""
    assert decrypted(broken, NEW) is None
    assert unread_keys(role(good=text("x"), bad=broken or "0"), RING) == ("bad",)
    assert read_keys(role(good=text("x"), bad=broken or "0"), RING) == {"good": "x"}


def test_a_keyring_shows_no_key():
    ring = keyring_of({"spec": {"masterEncryptionKey": "0f" * 32, "formerEncryptionKeys": ["aa" * 16]}})
    assert (len(ring.keys), "0f" in repr(ring), "aa" in repr(ring)) == (2, False, False)


@pytest.mark.parametrize(
    "spec", [None, {}, {"masterEncryptionKey": 5}, {"formerEncryptionKeys": "x"}, {"x": 1}], ids=str
)
def test_a_configuration_however_wrong_has_a_keyring(spec):
    assert keyring_of({"spec": spec}) == Keyring()
    assert keyring_of(None) == Keyring()
    wrong_beside = {"masterEncryptionKey": NEW.hex(), "formerEncryptionKeys": ["zz", 5, OLD.hex()], "podLabels": 7}
    assert keyring_of({"spec": wrong_beside}) == RING


def test_w38_members_are_told_of_what_is_new_changed_or_gone():
    """W-38: keys are edited while members run."""
    before = accepted(role(a=text("1")))
    assert tells_other_keys(role(a=text("2")), before, (), RING)
    assert tells_other_keys(role(a=text("1"), b=text("2")), before, (), RING)
    assert tells_other_keys(role(), before, (), RING)
    assert tells_other_keys(role(a=text("1")), {"role": {"id": "front"}}, (), RING)


def test_a_value_that_was_only_encrypted_anew_is_no_news():
    before = accepted(role(a=text("1")))
    assert not tells_other_keys(role(a=text("1")), before, (), RING)
    assert not tells_other_keys(role(a=text("1", NEW)), before, (), RING)
    assert not tells_other_keys(role(a=text("1", nonce=9)), before, (), RING)
    assert not tells_other_keys(role(), {"role": {"id": "front"}}, (), RING)


def test_a_key_that_cannot_be_read_takes_nothing_away_and_is_told_when_it_can():
    before, found = accepted(role(a=text("1"))), role(a=text("1"))
    assert not tells_other_keys(found, before, (), Keyring(NEW))
    assert not tells_other_keys(role(a=text("1"), b=text("2", OTHER)), before, (), RING)
    assert tells_other_keys(found, before, ("a",), RING)


def test_the_accepted_form_follows_the_keys_and_keeps_all_else():
    form = {"role": {"id": "front", "env": [{"name": "A", "value": "x"}]}, "defaultSecret": {"name": "s"}}
    with_keys = with_accepted_keys(form, role(a="00ff"))
    assert with_keys["role"]["secretKeys"] == [{"name": "a", "encryptedValue": "00ff"}]
    assert with_accepted_keys(with_keys, role()) == form


def stored(*roles, name="c"):
    found = [item.dumped() for item in roles]
    return {"metadata": {"namespace": "team", "name": name}, "spec": {"roles": found}}


def test_every_value_of_an_old_key_is_encrypted_under_the_new_one_and_nothing_else_changes():
    cluster = stored(role(a=text("1"), b=text("2", NEW), c="00ff"), role(d=text("3")))
    found = reencryption(cluster, RING, "5f" * 32)
    assert (found.count, found.unread) == (2, (("front", "c"),))
    values = [step["value"] for step in found.patch if step["op"] == "replace"]
    assert [decrypted(value, NEW) for value in values] == ["1", "3"]
    assert values[0][:24] != values[1][:24]
    assert {step["path"].rpartition("/")[2] for step in found.patch if step["op"] == "replace"} == {"encryptedValue"}
    assert [step["value"] for step in found.patch if step["op"] == "test"] == [
        cluster["spec"]["roles"][0]["secretKeys"][0],
        cluster["spec"]["roles"][1]["secretKeys"][0],
    ]


def test_a_cluster_of_the_present_key_is_left_alone():
    assert reencryption(stored(role(a=text("1", NEW))), RING, "5f" * 32).patch == ()
    assert reencryption({"spec": {"roles": [{"secretKeys": [None, {"name": "x"}]}, None]}}, RING, "5f").patch == ()


def test_the_key_before_becomes_a_former_one_in_one_write():
    config = {"spec": {"masterEncryptionKey": "AA" * 16, "formerEncryptionKeys": ["bb" * 16]}}
    assert with_new_key(config, "cc" * 16) == {
        "masterEncryptionKey": "cc" * 16,
        "formerEncryptionKeys": ["AA" * 16, "bb" * 16],
    }
    assert with_new_key(config, "bb" * 16)["formerEncryptionKeys"] == ["AA" * 16]
    assert with_new_key({"spec": None}, "cc" * 16) == {"masterEncryptionKey": "cc" * 16, "formerEncryptionKeys": None}


def test_a_former_key_goes_when_no_cluster_needs_it():
    spec = {"masterEncryptionKey": NEW.hex(), "formerEncryptionKeys": [OLD.hex(), OTHER.hex()]}
    user = stored(role(a=text("1", OTHER)))
    assert without_spared_keys({"spec": spec}, [user]) == {"formerEncryptionKeys": [OTHER.hex()]}
    assert without_spared_keys({"spec": spec}, []) == {"formerEncryptionKeys": None}
    assert without_spared_keys({"spec": spec}, [user, stored(role(a=text("1")))]) == {}
    assert needs_of(user, Keyring(NEW, (OTHER,)), Keyring(NEW))


# --- admission


def config_of(make, key, *former):
    more = {"formerEncryptionKeys": [item.hex() for item in former]} if former else {}
    return make.config(masterEncryptionKey=key.hex(), **more)


def having(world, *objects):
    kinds = {item["kind"] for item in objects}
    return replace(world, objects=(*(item for item in world.objects if item["kind"] not in kinds), *objects))


def cluster_of(make, *items, **more):
    return make.cluster(make.role(secretKeys=list(items)), **more)


def told(verdict):
    return [(problem.rule, problem.path) for problem in verdict.problems]


def test_the_master_key_changes_where_the_old_one_becomes_a_former_one(world, make):
    """CFG-V-06 narrowed: both decrypt then."""
    used = world.having(make.cluster())
    old = config_of(make, OLD)
    assert used.update(config_of(make, NEW, OLD), old).allowed
    refused = used.update(config_of(make, NEW, OTHER), old)
    assert told(refused) == [("CFG-V-06", "spec.masterEncryptionKey")]
    assert OLD.hex() not in str(refused)


def test_a_former_key_stays_while_a_cluster_needs_it(world, make):
    """CFG-X-51: found out from the clusters that the API holds, and the refusal names them."""
    user = cluster_of(make, {"name": "a", "encryptedValue": text("1")}, name="spark")
    used = world.having(user, make.cluster(name="idle"))
    old = config_of(make, NEW, OLD, OTHER)
    refused = used.update(config_of(make, NEW, OTHER), old)
    assert told(refused) == [("CFG-X-51", "spec.formerEncryptionKeys")]
    assert "'team/spark'" in str(refused)
    assert "idle" not in str(refused)
    assert used.update(config_of(make, NEW, OLD), old).allowed
    assert world.update(config_of(make, NEW), old).allowed


@pytest.mark.parametrize("key", ["", "0" * 31, "g" * 32, "hunter2"])
def test_a_former_key_is_one_of_aes_and_not_told(world, make, key):
    """CFG-X-50."""
    refused = world.create(make.config(formerEncryptionKeys=["0f" * 32, key]))
    assert told(refused) == [("CFG-X-50", "spec.formerEncryptionKeys[1]")]
    assert key not in str(refused) or not key


def test_w38_the_secret_keys_of_a_role_with_members_are_edited(world, make):
    """W-38: CL-V-43 is about all else."""
    entry = {"id": "front", "statefulSet": "s", "members": [{"pod": "s-0", "state": "configured"}]}
    wanted = cluster_of(make, {"name": "a", "value": "hunter2"})
    old = {**make.stored(wanted, world.create(wanted)), "status": {"state": "configured", "roles": [entry]}}
    for items in ([{"name": "a", "value": "other"}], [{"name": "b", "value": "x"}], []):
        edited = cluster_of(make, *items)
        kept = make.stored(edited, world.update(edited, old))["spec"]["roles"][0]["secretKeys"]
        assert [item["name"] for item in kept] == [item["name"] for item in items]
        assert "value" not in json.dumps([list(item) for item in kept])


def test_another_text_of_the_same_value_under_any_known_key_is_taken(world, make):
    """CL-V-36: so a key can be renewed; it is no change, whatever else was removed since."""
    rotating = having(world, config_of(make, NEW, OLD))
    secret = {"secret": {"name": "gone", "mountPath": "/x"}}
    old = make.cluster(make.role(secretKeys=[{"name": "a", "encryptedValue": text("1")}], **secret))
    anew = make.cluster(make.role(secretKeys=[{"name": "a", "encryptedValue": text("1", NEW)}], **secret))
    assert rotating.update(anew, old).allowed
    assert rotating.update(old, anew).allowed
    for brought in (text("2", NEW), text("1", OTHER)):
        stolen = make.cluster(make.role(secretKeys=[{"name": "a", "encryptedValue": brought}], **secret))
        assert ("CL-V-36", "spec.roles[0].secretKeys[0].encryptedValue") in told(rotating.update(stolen, old))


def test_only_the_present_key_encrypts(world, make):
    """A clear value that is applied again ends under it, even where the stored text says the same."""
    rotating = having(world, config_of(make, NEW, OLD))
    old = cluster_of(make, {"name": "a", "encryptedValue": text("1")})
    again = cluster_of(make, {"name": "a", "value": "1"})
    kept = make.stored(again, rotating.update(again, old))["spec"]["roles"][0]["secretKeys"][0]["encryptedValue"]
    assert decrypted(kept, NEW) == "1"
    same = cluster_of(make, {"name": "a", "encryptedValue": kept})
    assert make.stored(again, rotating.update(again, same))["spec"] == same["spec"]
