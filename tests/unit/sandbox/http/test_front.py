"""The front: who may ask, what is noted, how streams go and end."""

import asyncio
import json

import aiohttp
import pytest
from waiting import until

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name, **data):
    return {"metadata": {"name": name}, "data": data}


async def test_nobody_without_credentials_is_let_in_beyond_health_and_version(anonymous):
    for path in ("/healthz", "/livez", "/readyz", "/version"):
        async with anonymous.get(path) as answer:
            assert answer.status == 200
    async with anonymous.get("/api/v1/namespaces") as answer:
        assert answer.status == 403
        assert (await answer.json())["message"] == (
            'forbidden: User "system:anonymous" cannot get path "/api/v1/namespaces"'
        )


async def test_a_token_that_was_given_out_is_known_and_another_is_not(anonymous, front):
    async with anonymous.get("/api/v1/namespaces", headers={"Authorization": "Bearer secret"}) as answer:
        assert answer.status == 200
    async with anonymous.get("/api/v1/namespaces", headers={"Authorization": "Bearer guessed"}) as answer:
        assert answer.status == 401
        assert (await answer.json())["reason"] == "Unauthorized"
    assert [access.user for access in front.access_log] == ["robot", "system:anonymous"]


async def test_certificates_of_another_authority_do_not_connect(front, tmp_path):
    from kdlib.sandbox.http import Authority

    stranger = Authority("stranger").issue("admin", ["system:masters"])
    import ssl

    context = ssl.create_default_context(cadata=front._authority.certificate)
    (tmp_path / "c").write_text(stranger.certificate)
    (tmp_path / "k").write_text(stranger.key)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await session.get(f"{front.url}/version")


async def test_the_user_of_a_certificate_is_noted_and_may_act_for_others(ask, front):
    await ask("GET", "/api/v1/nodes")
    await ask("GET", "/api/v1/nodes", headers={"Impersonate-User": "jane"})
    assert [access.user for access in front.access_log] == ["admin", "jane"]


async def test_every_access_is_noted_with_its_code_and_agent(ask, front):
    await ask("POST", CONFIG_MAPS, json=config_map("a"))
    await ask("GET", f"{CONFIG_MAPS}/nope?pretty=false")
    noted = [(each.method, each.path, each.code, each.user_agent) for each in front.access_log]
    assert noted == [
        ("POST", CONFIG_MAPS, 201, "tests/1"),
        ("GET", f"{CONFIG_MAPS}/nope?pretty=false", 404, "tests/1"),
    ]
    assert front.access_log.matching(user_agent="other") == ()


async def test_a_watch_is_noted_when_it_opens_and_counted_apart(session, front):
    async with session.get(f"{CONFIG_MAPS}?watch=true") as answer:
        assert answer.status == 200
        assert front.access_log.matching() == ()
        (noted,) = front.access_log.matching(watches=True)
        assert noted.is_watch


async def test_watchers_are_told_line_by_line_and_end_with_the_server(session, front, registry):
    async with session.get(f"{CONFIG_MAPS}?watch=true") as answer:
        registry.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}})
        event = json.loads(await answer.content.readline())
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "a")
        await front.close()
        assert await answer.content.readline() == b""


async def test_events_that_come_while_a_watch_rests_arrive_all_and_in_order(session, registry):
    names = [f"map-{number}" for number in range(200)]
    async with session.get(f"{CONFIG_MAPS}?watch=true") as answer:
        for begin in range(0, len(names), 5):
            for name in names[begin : begin + 5]:
                metadata = {"name": name, "namespace": "default"}
                registry.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
            await asyncio.sleep(0)
        lines = [json.loads(await answer.content.readline()) for _ in names]
    assert [line["object"]["metadata"]["name"] for line in lines] == names


async def test_a_watcher_that_goes_leaves_nothing_behind(session, front):
    async with session.get(f"{CONFIG_MAPS}?watch=true"):
        assert len(front._streams) == 1
    await until(lambda: not front._streams)


async def test_a_body_that_is_too_large_is_refused(session):
    chunked = aiohttp.payload.AsyncIterablePayload(_pieces(40), content_type="application/json")
    async with session.post(CONFIG_MAPS, data=chunked) as answer:
        assert answer.status == 413
        assert (await answer.json())["message"] == "Request entity too large: limit is 3145728"
    announced = {"Content-Length": str(3 * 1024 * 1024 + 1), "Content-Type": "application/json"}
    async with session.post(CONFIG_MAPS, headers=announced, expect100=True) as answer:
        assert answer.status == 413


async def _pieces(count):
    for _ in range(count):
        yield b"x" * 100_000


async def test_the_agent_is_the_manager_unless_one_is_named(ask):
    made = await ask("POST", CONFIG_MAPS, json=config_map("a", k="v"))
    assert [each["manager"] for each in made.body["metadata"]["managedFields"]] == ["tests"]
    made = await ask("POST", f"{CONFIG_MAPS}?fieldManager=me", json=config_map("b", k="v"))
    assert [each["manager"] for each in made.body["metadata"]["managedFields"]] == ["me"]


async def test_warnings_reach_the_client_as_headers(ask):
    body = b'{"metadata":{"name":"a"},"data":{"k":"v","k":"w"},"nonsense":1}'
    made = await ask("POST", CONFIG_MAPS, data=body, headers={"Content-Type": "application/json"})
    assert sorted(made.headers.getall("Warning")) == [
        '299 - "duplicate field \\"data.k\\""',
        '299 - "unknown field \\"nonsense\\""',
    ]


async def test_humans_get_indented_answers(session):
    async with session.get("/api/v1/namespaces/default", headers={"User-Agent": "curl/8"}) as answer:
        assert (await answer.text()).startswith('{\n  "')


async def test_documents_are_sent_once_to_who_remembers_them(session):
    async with session.get("/openapi/v3/apis/apps/v1") as answer:
        etag = answer.headers["ETag"]
    async with session.get("/openapi/v3/apis/apps/v1", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304
