"""What a pass computes shows no secret value, wherever somebody prints it (law 7)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kdlib import manifests, report, rules
from kdlib.manifests import Desired
from kdlib.model import Config, Seen, parse_cluster, without_secrets
from kdlib.wire import KD_CONFIG, SECRET, Ref

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


@pytest.mark.parametrize("kind", [{}, {"kind": "Secret"}, {"kind": None}, {"kind": "SecretList"}])
def test_a_secret_that_was_looked_up_is_withheld_whatever_it_says_of_itself(kind):
    """An item of a list does not say what it is; the reference does."""
    found = {**kind, "metadata": {"name": "s", "namespace": "ns"}, "data": {"a": "aHVudGVyMg=="}}
    place = Ref(SECRET, "ns", "s")
    seen = Seen(datetime(2026, 1, 1, tzinfo=UTC), {"metadata": {"name": "c"}}, related=((place, found), (place, None)))
    assert "aHVudGVyMg==" not in repr(seen)
    assert "None" in repr(seen)


def test_no_hidden_token_shows_in_what_a_pass_computes(make):
    resolved, life = make([{"id": "seed", "resources": LIMITS}])
    app = resolved.app.changed(hide_auth_tokens=True)
    (role,) = life.status.roles
    told = [
        member.changed(state_detail=member.state_detail.changed(auth_token_digest="x" * 10)) for member in role.members
    ]
    life = replace(life, status=life.status.changed(roles=(role.changed(members=tuple(told)),)))
    wanted = Desired(manifests.graph_of(replace(resolved, app=app), life), life, replace(resolved, app=app))
    assert wanted.token_secret["data"] == {"kdss-seed-0": "dG9rZW4x"}
    shown = repr([wanted, wanted.life, report.status(resolved.seen, wanted), list(wanted.graph)])
    assert [text for text in ("token1", "dG9rZW4x") if text in shown] == []


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
