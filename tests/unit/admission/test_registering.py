"""The registration: what the API server is told, and that it stays so."""

import uuid
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from kdlib.admission import AtUrl, InService, Registration, deregister, registered_refs
from kdlib.admission.configurations import configurations, is_registered
from kdlib.admission.registrar import Registrar
from kdlib.errors import NotFoundError, WorldError
from kdlib.frozen import copied
from kdlib.kube import Api
from kdlib.sandbox import Registry
from kdlib.sandbox.store import LocalTransport
from kdlib.wire import SERVICE

HERE = AtUrl("192.0.2.7", "https://192.0.2.7:8443")
MUTATING, VALIDATING = registered_refs()


class Recording(LocalTransport):
    """Remembers each request."""

    async def request(self, request):
        self.sent.append(request.method)
        return await super().request(request)


@pytest.fixture
def registry():
    return Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))


@pytest.fixture
def api(registry):
    transport = Recording(registry)
    transport.sent = []
    return Api(transport)


def hooks_of(registry, ref):
    return registry.get(ref.kind, "", ref.name)["webhooks"]


def test_objects_of_ours_fail_closed_and_claims_never_fail():
    for configuration in configurations(HERE, "", Registration()):
        policies = {hook["rules"][0]["resources"][0]: hook["failurePolicy"] for hook in configuration["webhooks"]}
        assert {kind for kind, policy in policies.items() if policy == "Ignore"} <= {"persistentvolumeclaims"}
        assert policies.get("persistentvolumeclaims", "Ignore") == "Ignore"


def test_every_write_of_our_kinds_is_asked_about_once():
    asked = [
        (hook["rules"][0]["resources"][0], operation)
        for configuration in configurations(HERE, "", Registration())
        for hook in configuration["webhooks"]
        for operation in hook["rules"][0]["operations"]
    ]
    ours = ("kubedirectorapps", "kubedirectorclusters", "kubedirectorconfigs")
    wanted = [(kind, operation) for kind in ours for operation in ("CREATE", "UPDATE", "DELETE")]
    assert sorted(asked) == sorted([*wanted, ("persistentvolumeclaims", "CREATE")])


def test_claims_without_the_label_of_a_cluster_are_not_asked_about():
    (claims,) = (hook for hook in configurations(HERE, "", Registration())[0]["webhooks"] if "claims" in hook["name"])
    terms = claims["objectSelector"]["matchExpressions"]
    assert terms == [{"key": "kubedirector.hpe.com/kdcluster", "operator": "Exists"}]


def test_a_service_or_a_url_is_named_never_both():
    for place, keys in ((HERE, {"url"}), (InService("kd"), {"service"})):
        for configuration in configurations(place, "", Registration()):
            assert all(set(hook["clientConfig"]) == keys for hook in configuration["webhooks"])
        for configuration in configurations(place, "PEM", Registration()):
            assert all(set(hook["clientConfig"]) == {*keys, "caBundle"} for hook in configuration["webhooks"])


def test_writes_to_a_status_are_asked_about_but_for_the_operators_own():
    plain = configurations(HERE, "", Registration())[1]["webhooks"]
    told = configurations(HERE, "", Registration(), 'system:serviceaccount:kd:"kd"')[1]["webhooks"]
    added = [hook for hook in told if hook not in plain]
    assert {hook["rules"][0]["resources"][0] for hook in added} == {
        "kubedirectorclusters/status",
        "kubedirectorconfigs/status",
    }
    expressions = {condition["expression"] for hook in added for condition in hook["matchConditions"]}
    assert expressions == {r'request.userInfo.username != "system:serviceaccount:kd:\"kd\""'}


async def test_a_registration_as_wanted_is_written_no_more(api, registry):
    registrar = Registrar(api, HERE, Registration(namespaces={"matchLabels": {"kd": "yes"}}))
    assert await registrar.register("PEM")
    api.transport.sent.clear()
    assert not await registrar.register("PEM")
    assert set(api.transport.sent) == {"GET"}
    assert all(hook["namespaceSelector"] == {"matchLabels": {"kd": "yes"}} for hook in hooks_of(registry, MUTATING))


async def test_a_new_authority_reaches_every_webhook(api, registry):
    registrar = Registrar(api, HERE, Registration())
    await registrar.register("old")
    assert await registrar.register("new old")
    bundles = {hook["clientConfig"]["caBundle"] for ref in (MUTATING, VALIDATING) for hook in hooks_of(registry, ref)}
    assert bundles == {b64encode(b"new old").decode()}


async def test_a_registration_that_is_there_is_written_over_as_a_whole(api, registry):
    """As an older release left it: other webhooks, that lead to a Service that is no more."""
    older = copied(configurations(InService("kd", "kubedirector-validator"), "old", Registration())[0])
    for hook, name in zip(older["webhooks"], ("hard-validate-cr", "soft-validate-cr"), strict=False):
        hook["name"] = f"{name}.kubedirector.hpe.com"
    registry.create(older)
    await Registrar(api, HERE, Registration()).register("PEM")
    wanted = configurations(HERE, "PEM", Registration())[0]
    assert is_registered(wanted, registry.get(MUTATING.kind, "", MUTATING.name))


DRIFTS = {
    "a narrower selector": {"objectSelector": {"matchLabels": {"reviewed": "yes"}}},
    "a condition": {"matchConditions": [{"name": "never", "expression": "false"}]},
    "fewer operations": {
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]
    },
    "an open door": {"failurePolicy": "Ignore"},
    "another authority": {"clientConfig": {"url": "https://192.0.2.7:8443/review/apps", "caBundle": "eA=="}},
    "another place": {"clientConfig": {"url": "https://192.0.2.8/review/apps", "caBundle": "UEVN"}},
    "less time": {"timeoutSeconds": 1},
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
async def test_whatever_somebody_changed_is_put_right(api, registry, drift):
    registrar = Registrar(api, HERE, Registration())
    await registrar.register("PEM")
    first, *rest = hooks_of(registry, MUTATING)
    registry.patch(MUTATING.kind, "", MUTATING.name, {"webhooks": [{**first, **drift}, *rest]})
    assert await registrar.register("PEM")
    assert is_registered(configurations(HERE, "PEM", Registration())[0], registry.get(MUTATING.kind, "", MUTATING.name))


async def test_an_authority_that_somebody_else_injects_is_left_alone(api, registry):
    registrar = Registrar(api, HERE, Registration())
    await registrar.register("")
    hooks = hooks_of(registry, MUTATING)
    injected = [{**hook, "clientConfig": {**hook["clientConfig"], "caBundle": "UEVN"}} for hook in hooks]
    registry.patch(MUTATING.kind, "", MUTATING.name, {"webhooks": injected})
    assert not await registrar.register("")
    registry.patch(
        MUTATING.kind, "", MUTATING.name, {"webhooks": [{**injected[0], "timeoutSeconds": 1}, *injected[1:]]}
    )
    assert await registrar.register("")
    assert all(hook["clientConfig"]["caBundle"] == "UEVN" for hook in hooks_of(registry, MUTATING))


async def test_without_its_service_nothing_is_registered(api, registry):
    registrar = Registrar(api, InService("default", "kd"), Registration())
    with pytest.raises(WorldError, match="Service default/kd is not there"):
        await registrar.register("PEM")
    with pytest.raises(NotFoundError):
        registry.get(MUTATING.kind, "", MUTATING.name)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kd", "namespace": "default"}}
    registry.create({**service, "spec": {"ports": [{"port": 443}]}})
    assert await registrar.register("PEM")
    assert registry.get(SERVICE, "default", "kd")


async def test_deregistering_removes_both_and_a_second_time_nothing(api):
    await Registrar(api, HERE, Registration()).register("PEM")
    assert await deregister(api) == (MUTATING, VALIDATING)
    assert await deregister(api) == ()
