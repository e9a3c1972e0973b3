"""Admission webhooks: who is asked, what they may change and refuse, and what happens when they do not answer."""

import asyncio
import socket
import ssl
from base64 import b64encode
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web

from kdlib.errors import ApiError
from kdlib.sandbox.http import Authority
from kdlib.sandbox.store import WebhookError
from kdlib.wire import CONFIG_MAP, MERGE_PATCH, Request

MAPS = "/api/v1/namespaces/default/configmaps"


def configuration(kind="Mutating", called="hooks", **hook):
    rule = {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    body = {
        "name": "hook.example.org",
        "clientConfig": {"url": "https://hooks.example.org/admit"},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **hook,
    }
    api_version = "admissionregistration.k8s.io/v1"
    return {
        "apiVersion": api_version,
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": called},
        "webhooks": [body],
    }


class Hooks:
    """Answers reviews as told, and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.answers = {}

    async def __call__(self, call):
        request = call.review["request"]
        self.asked.append((call.endpoint.url, request))
        answer = self.answers.get(call.endpoint.url, {"allowed": True})
        if isinstance(answer, Exception):
            raise answer
        return {
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "response": {"uid": request["uid"], **answer},
        }


def patch(*operations):
    coded = b64encode(orjson.dumps(list(operations))).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": coded}


@pytest.fixture
def hooks(world):
    found = Hooks()
    world.registry.admission.call = found
    return found


URL = "https://hooks.example.org/admit"


async def test_a_mutating_webhook_changes_the_object_before_it_is_checked(world, make, hooks):
    world.registry.create(configuration())
    hooks.answers[URL] = patch({"op": "add", "path": "/data", "value": {"k": "v"}}) | {"warnings": ["changed"]}

    answer = await world.registry.answer(Request("POST", MAPS, {}, make.config_map()))

    assert (answer.body["data"], answer.warnings) == ({"k": "v"}, ("changed",))
    request = hooks.asked[0][1]
    assert (request["operation"], request["kind"], request["oldObject"]) == (
        "CREATE",
        {"group": "", "version": "v1", "kind": "ConfigMap"},
        None,
    )


async def test_what_a_webhook_makes_must_be_valid(world, make, hooks):
    world.registry.create(configuration())
    hooks.answers[URL] = patch({"op": "add", "path": "/data", "value": {"a b": "v"}})

    assert (await world.refused("POST", MAPS, make.config_map())).code == 422


async def test_webhooks_see_what_the_ones_before_them_changed(world, make, hooks):
    second = "https://hooks.example.org/second"
    world.registry.create(configuration(called="b", clientConfig={"url": second}))
    world.registry.create(configuration(called="a"))
    hooks.answers[URL] = patch({"op": "add", "path": "/data", "value": {"k": "v"}})

    await world.send("POST", MAPS, make.config_map())

    assert [(url, request["object"].get("data")) for url, request in hooks.asked] == [(URL, None), (second, {"k": "v"})]


@pytest.mark.parametrize(
    ("status", "code", "reason", "message"),
    [
        ({}, 400, "", 'admission webhook "hook.example.org" denied the request without explanation'),
        ({"message": "no"}, 400, "", 'admission webhook "hook.example.org" denied the request: no'),
        (
            {"message": "no", "code": 403, "reason": "Forbidden"},
            403,
            "Forbidden",
            'admission webhook "hook.example.org" denied the request: no',
        ),
        ({"code": 200}, 400, "", 'admission webhook "hook.example.org" denied the request without explanation'),
    ],
)
@pytest.mark.parametrize("kind", ["Mutating", "Validating"])
async def test_a_webhook_may_refuse(world, make, hooks, kind, status, code, reason, message):
    world.registry.create(configuration(kind))
    hooks.answers[URL] = {"allowed": False, "status": status}

    error = await world.refused("POST", MAPS, make.config_map())

    assert (error.code, error.reason, str(error)) == (code, reason, message)
    assert world.registry.find(CONFIG_MAP, "default", "a") is None


async def test_validating_webhooks_see_the_object_as_it_will_be_stored(world, make, hooks):
    world.registry.create(configuration("Validating"))

    await world.send("POST", MAPS, make.config_map(data={"k": "v"}))
    await world.send("PATCH", f"{MAPS}/a", {"data": {"k": "w"}}, MERGE_PATCH)
    await world.send("DELETE", f"{MAPS}/a")

    seen = [(request["operation"], _data(request["object"]), _data(request["oldObject"])) for _, request in hooks.asked]
    assert seen == [("CREATE", {"k": "v"}, None), ("UPDATE", {"k": "w"}, {"k": "v"}), ("DELETE", None, {"k": "w"})]
    assert hooks.asked[0][1]["object"]["metadata"]["uid"]


def _data(obj):
    return None if obj is None else obj["data"]


async def test_a_deletion_can_be_refused(world, make, hooks):
    world.registry.create(make.config_map())
    world.registry.create(configuration("Validating"))
    hooks.answers[URL] = {"allowed": False, "status": {"message": "in use"}}

    assert "in use" in str(await world.refused("DELETE", f"{MAPS}/a"))
    assert world.registry.find(CONFIG_MAP, "default", "a") is not None


@pytest.mark.parametrize(
    ("hook", "asked"),
    [
        (
            {
                "rules": [
                    {"operations": ["DELETE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
                ]
            },
            False,
        ),
        ({"rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]}, True),
        (
            {
                "rules": [
                    {"operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps/status"]}
                ]
            },
            False,
        ),
        (
            {
                "rules": [
                    {
                        "operations": ["*"],
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["configmaps"],
                        "scope": "Cluster",
                    }
                ]
            },
            False,
        ),
        ({"objectSelector": {"matchLabels": {"app": "x"}}}, True),
        ({"objectSelector": {"matchLabels": {"app": "y"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, True),
        ({"namespaceSelector": {"matchExpressions": [{"key": "nope", "operator": "Exists"}]}}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name == 'a'"}]}, True),
        ({"matchConditions": [{"name": "c", "expression": "request.operation == 'DELETE'"}]}, False),
    ],
)
async def test_a_webhook_is_asked_about_what_it_wants_to_hear_of(world, make, hooks, hook, asked):
    world.registry.create(configuration("Validating", **hook))

    await world.send("POST", MAPS, make.config_map(labels={"app": "x"}))

    assert bool(hooks.asked) is asked


async def test_an_equivalent_version_is_shown_in_the_form_that_was_asked_for(world, make, hooks):
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    body = make.definition(schema)
    body["spec"]["versions"].append({**body["spec"]["versions"][0], "name": "v2", "storage": False})
    world.registry.create(body)
    rule = {"operations": ["*"], "apiGroups": ["example.org"], "apiVersions": ["v1"], "resources": ["things"]}
    world.registry.create(configuration("Validating", rules=[rule]))

    thing = {**make.thing(), "apiVersion": "example.org/v2"}
    await world.send("POST", "/apis/example.org/v2/namespaces/default/things", thing)

    request = hooks.asked[0][1]
    assert (request["kind"]["version"], request["requestKind"]["version"]) == ("v1", "v2")
    assert request["object"]["apiVersion"] == "example.org/v1"


@pytest.mark.parametrize(("policy", "is_stored"), [("Fail", False), ("Ignore", True)])
async def test_the_failure_policy_decides_when_a_webhook_cannot_be_asked(world, make, hooks, policy, is_stored):
    world.registry.create(configuration(failurePolicy=policy))
    hooks.answers[URL] = WebhookError("no route")

    if is_stored:
        await world.send("POST", MAPS, make.config_map())
    else:
        error = await world.refused("POST", MAPS, make.config_map())
        assert (error.code, str(error)) == (
            500,
            'Internal error occurred: failed calling webhook "hook.example.org": failed to call webhook: no route',
        )

    assert (world.registry.find(CONFIG_MAP, "default", "a") is not None) is is_stored


@pytest.mark.parametrize(
    "answer",
    [
        {"uid": "other", "allowed": True},
        {"allowed": True, "patch": "W10="},
        {"allowed": True, "patchType": "JSONPatch"},
    ],
)
async def test_an_answer_that_makes_no_sense_is_no_answer(world, make, hooks, answer):
    world.registry.create(configuration())
    hooks.answers[URL] = answer

    assert (await world.refused("POST", MAPS, make.config_map())).code == 500


async def test_a_webhook_with_side_effects_is_not_asked_in_a_dry_run(world, make, hooks):
    world.registry.create(configuration(sideEffects="NoneOnDryRun"))
    world.registry.create(configuration(called="other", sideEffects="Some"))

    assert (await world.refused("POST", MAPS, make.config_map(), dryRun="All")).code == 400


async def test_webhook_configurations_are_shown_to_no_webhook(world, hooks):
    rule = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}
    world.registry.create(configuration(rules=[rule]))

    path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    await world.send("POST", path, configuration(called="second"))

    assert hooks.asked == []


async def test_a_write_that_is_overtaken_while_webhooks_think_begins_again(world, make, hooks):
    world.registry.create(make.config_map(data={"k": "1"}))
    world.registry.create(configuration())
    overtaken = []

    async def slow(call):
        if not overtaken:
            overtaken.append(world.registry.patch(CONFIG_MAP, "default", "a", {"data": {"other": "x"}}))
        return await hooks(call)

    world.registry.admission.call = slow
    after = await world.send("PATCH", f"{MAPS}/a", {"data": {"k": "2"}}, MERGE_PATCH)

    assert after["data"] == {"k": "2", "other": "x"}


@pytest.mark.parametrize("hook", [{"name": "short"}, {"sideEffects": ""}, {"clientConfig": {}}, {"timeoutSeconds": 99}])
def test_a_configuration_must_make_sense(world, hook):
    with pytest.raises(ApiError):
        world.registry.create(configuration(**hook))


# --- over HTTPS -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(answer, authority, name):
    """Serve reviews over HTTPS on a free port."""

    async def handle(request):
        return web.json_response(await answer(await request.json()))

    app = web.Application()
    app.router.add_post("/admit", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority(name))
        await site.start()
        yield site._server.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


@pytest.fixture
def authority(tmp_path):
    """Return an authority, as a maker of server contexts; its certificate is its attribute."""
    made = Authority("test")

    def context(name):
        pair = made.issue(name, hosts=[name])
        (tmp_path / "pair.pem").write_text(pair.certificate + pair.key)
        found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        found.load_cert_chain(tmp_path / "pair.pem")
        return found

    context.certificate = made.certificate
    return context


async def allow(review):
    response = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": "over https"}}
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response}


async def test_webhooks_are_called_over_https_with_their_authority(world, make, authority):
    bundle = b64encode(authority.certificate.encode()).decode()
    client = {"service": {"namespace": "team", "name": "hooks", "path": "/admit"}, "caBundle": bundle}
    world.registry.create(configuration("Validating", clientConfig=client))

    nowhere = await world.refused("POST", MAPS, make.config_map())
    async with served(allow, authority, "hooks.team.svc") as port:
        world.registry.admission.resolve = lambda namespace, name, number: ("127.0.0.1", port)
        refused = await world.refused("POST", MAPS, make.config_map())
    async with served(allow, authority, "other.team.svc") as port:
        wrong_name = await world.refused("POST", MAPS, make.config_map())
    gone = await world.refused("POST", MAPS, make.config_map())

    assert 'service "hooks" not found' in str(nowhere)
    assert str(refused) == 'admission webhook "hook.example.org" denied the request: over https'
    assert wrong_name.code == gone.code == 500


async def test_a_webhook_that_takes_too_long_is_given_up(world, make, authority):
    bundle = b64encode(authority.certificate.encode()).decode()

    over = asyncio.Event()

    async def wait(review):
        await over.wait()
        return {}

    async with served(wait, authority, "localhost") as port:
        client = {"url": f"https://localhost:{port}/admit", "caBundle": bundle}
        world.registry.create(configuration(clientConfig=client, timeoutSeconds=1))
        error = await world.refused("POST", MAPS, make.config_map())
        over.set()

    assert "context deadline exceeded" in str(error)


def hear_out(listening, context):
    """Take one connection, never answer, and return what comes after the other side's goodbye: b"" for its end."""
    accepted, _ = listening.accept()
    with context.wrap_socket(accepted, server_side=True) as secured:
        while secured.recv(65536):
            pass
        with socket.socket(fileno=secured.detach()) as plain:
            plain.settimeout(5)
            return plain.recv(1)


async def test_no_connection_is_kept_to_a_webhook_that_does_not_answer(world, make, authority):
    bundle = b64encode(authority.certificate.encode()).decode()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        hearing = asyncio.create_task(asyncio.to_thread(hear_out, listening, authority("localhost")))
        client = {"url": f"https://localhost:{listening.getsockname()[1]}/admit", "caBundle": bundle}
        world.registry.create(configuration(clientConfig=client, timeoutSeconds=1))
        await world.refused("POST", MAPS, make.config_map())
        rest = await hearing

    assert rest == b""
