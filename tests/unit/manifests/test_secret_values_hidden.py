"""What a pass computes shows no secret value, wherever somebody prints it (law 7)."""

from dataclasses import replace

from kdlib import manifests, rules
from kdlib.manifests import Desired
from kdlib.model import Config, Seen, parse_cluster, without_secrets
from kdlib.wire import KD_CONFIG, Ref

KEY = "0f" * 32
FORMER = "ab" * 16
CLEAR = ("hunter2", KEY, FORMER, "token1")
LIMITS = {"limits": {"memory": "1Gi", "cpu": "1"}}


def wanted_of(make):
    text = rules.encrypted("hunter2", bytes.fromhex(FORMER), bytes(12))
    role = {"id": "seed", "resources": LIMITS, "secretKeys": [{"name": "password", "encryptedValue": text}]}
    resolved, life = make([role])
    spec = {"masterEncryptionKey": KEY, "formerEncryptionKeys": [FORMER]}
    config = {"kind": KD_CONFIG.name, "metadata": {"name": "kd-global-config", "namespace": "kd"}, "spec": spec}
    seen = Seen(resolved.seen.now, resolved.seen.root, related=((Ref(KD_CONFIG, "kd", "kd-global-config"), config),))
    again = replace(resolved, seen=seen)
    return Desired(manifests.graph_of(again, life), life, again)


def test_no_representation_of_a_pass_holds_a_secret_value(make):
    wanted = wanted_of(make)
    document = manifests.configmeta(wanted, "kdss-seed-0")
    assert document["nodegroups"]["1"]["roles"]["seed"]["secret_keys"] == {"password": "hunter2"}
    shown = repr([wanted, wanted.life, wanted.resolved, wanted.resolved.seen, rules.keys_seen(wanted.resolved.seen)])
    assert [secret for secret in CLEAR if secret in shown] == []


def test_what_users_write_shows_no_secret_value_when_it_is_printed():
    config = Config.model_validate({"spec": {"masterEncryptionKey": KEY, "formerEncryptionKeys": [FORMER]}})
    role = {"id": "a", "resources": LIMITS, "secretKeys": [{"name": "k", "value": "hunter2"}]}
    members = [{"pod": "p-0", "authToken": "token1"}]
    cluster = {"metadata": {"name": "c"}, "spec": {"app": "x", "roles": [role]}}
    cluster["status"] = {"roles": [{"id": "a", "members": members}]}
    shown = repr([config, parse_cluster(cluster)])
    assert [secret for secret in CLEAR if secret in shown] == []


def test_a_report_of_what_was_seen_withholds_what_is_secret():
    copy = '{"spec":{"masterEncryptionKey":"..."}}'
    objects = [
        {"kind": "Secret", "data": {"a": "aHVudGVyMg=="}, "stringData": {"b": "hunter2"}},
        {"kind": "KubeDirectorConfig", "spec": {"masterEncryptionKey": KEY, "formerEncryptionKeys": [FORMER]}},
        {"kind": "KubeDirectorCluster", "spec": {"roles": [{"secretKeys": [{"name": "k", "value": "hunter2"}, 7]}]}},
        {"kind": "Service", "metadata": {"annotations": {"kubedirector.hpe.com/kd-auth-token": "token1"}}},
        {"kind": "X", "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": copy}}},
        {"kind": "ConfigMap", "data": {"a": "kept"}},
    ]
    shown = str(without_secrets(objects))
    assert [secret for secret in (*CLEAR, "aHVudGVyMg==", copy) if secret in shown] == []
    assert "kept" in shown
    assert "'name': 'k'" in shown
