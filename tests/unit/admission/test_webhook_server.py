"""The webhook server answers whatever is sent, or cuts the connection; and goes on serving."""

import asyncio
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kdlib.admission.certificates import renewed
from kdlib.admission.reviews import Answer
from kdlib.errors import RefusedError

PATH = "/review/clusters"


async def until(holds):
    """Let others go on until it holds; whoever waits for what never comes is ended by the runner."""
    while True:
        if holds():
            return
        await asyncio.sleep(0)


async def test_a_review_is_answered_under_its_uid(serving, make_review):
    async with serving() as client:
        response = await client.ask(PATH, make_review())
    assert response == {"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "allowed": True}


async def test_the_rules_see_what_the_api_server_sent_without_managed_fields(serving, make_review):
    seen = []

    async def review(endpoint, request, seconds, size):
        seen.append(request)
        return Answer(allowed=True)

    async with serving(review) as client:
        await client.ask(PATH, make_review(operation="UPDATE", dryRun=True))
    (request,) = seen
    assert (request.operation, request.namespace, request.name, request.dry_run) == ("UPDATE", "team", "thing", True)
    assert request.new["metadata"] == {"name": "thing", "namespace": "team"}
    assert request.old == request.new
    assert (request.user.username, request.user.groups, request.user.extra) == ("ann", ("dev",), {"scopes": ("all",)})


BAD_REQUESTS = {
    "an unknown path": (("/nowhere", b"{}"), 404),
    "the path of no purpose": (("/review/pods", b"{}"), 404),
    "no body": ((PATH, b""), 400),
    "no JSON": ((PATH, b"kind: AdmissionReview"), 400),
    "half a JSON text": ((PATH, b'{"kind":"Admission'), 400),
    "a list": ((PATH, b"[]"), 400),
    "a number": ((PATH, b"7"), 400),
    "null": ((PATH, b"null"), 400),
    "not UTF-8": ((PATH, b'{"kind":"\xff\xfe"}'), 400),
    "a lone surrogate": ((PATH, b'{"kind":"\\ud800"}'), 400),
    "NaN": ((PATH, b'{"kind":NaN}'), 400),
    "a number beyond all bounds": ((PATH, b'{"kind":1e999}'), 400),
    "deep nesting": ((PATH, b"[" * 100_000 + b"]" * 100_000), 400),
    "nesting of objects": ((PATH, b'{"a":' * 200 + b"1" + b"}" * 200), 400),
    "a field twice": ((PATH, b'{"kind":"AdmissionReview","kind":"AdmissionReview"}'), 400),
    "another content type": ((PATH, b"{}", "application/yaml"), 415),
    "no content type": ((PATH, b"{}", ""), 415),
    "an older version": ((PATH, b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}'), 400),
    "another object": ((PATH, b'{"kind":"Pod","apiVersion":"v1"}'), 400),
    "no request": ((PATH, b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}'), 400),
    "a request that is none": (
        (PATH, b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":[1]}'),
        400,
    ),
}


@pytest.mark.parametrize(("sent", "status"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_what_is_no_review_is_refused_in_words(serving, make_review, sent, status):
    async with serving() as client:
        found, headers, body = await client.post(*sent)
        assert found == status, body
        assert headers["content-type"].startswith("text/plain")
        assert body.strip()
        assert (await client.ask(PATH, make_review()))["allowed"]


BAD_REVIEWS = {
    "of another kind": {"kind": {"group": "", "version": "v1", "kind": "Pod"}},
    "of another version": {"kind": {"group": "kubedirector.hpe.com", "version": "v2", "kind": "KubeDirectorCluster"}},
    "of no kind": {"kind": None},
    "of a kind that is a text": {"kind": "KubeDirectorCluster"},
    "of an unknown operation": {"operation": "CONNECT"},
    "of an operation that is a list": {"operation": ["CREATE"]},
    "of a subresource": {"subResource": "status"},
    "without object": {"object": None},
    "with an object that is a text": {"object": "thing"},
    "with an object without metadata": {"object": {"spec": {}}},
    "of a user that is none": {"userInfo": None},
    "of a user whose name is a number": {"userInfo": {"username": 7}},
    "with a name that is an object": {"name": {}},
    "with a deep object": {"object": {"metadata": {}, "spec": json.loads('{"a":' * 90 + "1" + "}" * 90)}},
}


@pytest.mark.parametrize("changes", BAD_REVIEWS.values(), ids=BAD_REVIEWS)
async def test_a_review_that_cannot_be_read_is_refused_under_its_uid(serving, make_review, changes):
    async with serving() as client:
        response = await client.ask(PATH, make_review(**changes))
    assert response["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002"
    assert not response["allowed"]
    assert (response["status"]["code"], response["status"]["reason"]) == (400, "BadRequest")
    assert response["status"]["message"]


async def test_a_field_that_stands_twice_in_the_object_is_refused_by_name(serving, make_review):
    text = json.dumps(make_review()).replace('"spec": {}', '"spec": {"app": "a", "app": "b"}')
    async with serving() as client:
        status, _, body = await client.post(PATH, text.encode())
    assert status == 200
    assert '"app"' in json.loads(body)["response"]["status"]["message"]


async def test_texts_that_look_like_fields_are_no_fields(serving, make_review):
    review = make_review()
    review["request"]["object"]["spec"] = {"note": 'a":"b', "other": '{"app": 1, "app": 2}', "ü": "\u2028"}
    async with serving() as client:
        assert (await client.ask(PATH, review))["allowed"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(serving, method):
    async with serving() as client:
        status, headers, _ = await client.send(f"{method} {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (status, headers["allow"]) == (405, "post")


async def test_the_health_page_answers(serving):
    async with serving() as client:
        assert (await client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))[::2] == (200, b"ok")


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(serving, make_review):
    async with serving(body_bytes=1000) as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
        assert (await client.send(head.encode()))[0] == 413
        chunked = head.replace("Content-Length: 5000", "Transfer-Encoding: chunked").encode()
        assert (await client.send(chunked + b"800\r\n" + b"x" * 2048))[0] == 413
        assert (await client.ask(PATH, make_review(object={"metadata": {}}, options=None)))["allowed"]


async def test_a_compressed_body_is_not_unpacked(serving):
    bomb = gzip.compress(b" " * 50_000_000)
    async with serving() as client:
        assert (await client.post(PATH, bomb, Content_Encoding="gzip"))[0] == 415


async def test_bodies_together_take_bounded_memory(serving, make_review):
    async with serving(buffered_bytes=3000) as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2500\r\n\r\n"
        async with client.connection() as (_, writer):
            writer.write(head.encode() + b" " * 2400)
            await until(lambda: client.server._buffered >= 2400)
            status, headers, _ = await client.post(PATH, json.dumps(make_review()).encode())
            assert (status, headers["retry-after"]) == (503, "1")
        await until(lambda: client.server._buffered == 0)
        assert (await client.ask(PATH, make_review()))["allowed"]


async def test_who_dawdles_over_the_head_of_a_request_is_cut_off(serving, make_review):
    async with serving(head_seconds=1.0) as client:
        async with client.connection() as (reader, writer):
            writer.write(b"POST /review/clu")
            assert await reader.read() == b""
        async with client.connection() as (reader, _):
            assert await reader.read() == b""
        assert (await client.ask(PATH, make_review()))["allowed"]


async def test_who_dawdles_over_a_body_is_told_so(serving):
    async with serving(body_seconds=0.2) as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
        assert (await client.send(head.encode() + b"{"))[0] == 408


async def test_who_never_finishes_a_handshake_is_cut_off(serving, make_review):
    async with serving(handshake_seconds=1.0) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"\x16\x03\x01")
        assert await reader.read() == b""
        writer.close()
        assert (await client.ask(PATH, make_review()))["allowed"]


async def test_a_flood_of_connections_keeps_nobody_out(serving, make_review):
    async with serving() as client:
        flood = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(300)]
        assert (await client.ask(PATH, make_review()))["allowed"]
        for _, writer in flood:
            writer.close()


async def test_idle_connections_make_room_for_new_ones(serving, make_review, posted, read_answer):
    async with serving(connections=3) as client, client.connection() as (reader, writer):
        writer.write(posted(PATH, json.dumps(make_review()).encode()))
        assert (await read_answer(reader))[0] == 200
        for _ in range(5):
            async with client.connection() as (other, more):
                more.write(posted(PATH, json.dumps(make_review()).encode()))
                assert (await read_answer(other))[0] == 200


async def test_reviews_beyond_the_places_wait_and_are_refused_when_none_ends(serving, make_review):
    running, go_on = asyncio.Event(), asyncio.Event()

    async def review(endpoint, request, seconds, size):
        running.set()
        await go_on.wait()
        return Answer(allowed=True)

    async with serving(review, reviews=1, review_seconds=0.3) as client:
        first = asyncio.create_task(client.ask(PATH, make_review()))
        await running.wait()
        second = await client.ask(PATH, make_review())
        assert (second["allowed"], second["status"]["code"]) == (False, 429)
        assert second["status"]["details"] == {"retryAfterSeconds": 1}
        go_on.set()
        assert (await first)["allowed"]
        assert (await client.ask(PATH, make_review()))["allowed"]


async def test_the_time_that_the_api_server_grants_holds(serving, make_review):
    granted = []

    async def review(endpoint, request, seconds, size):
        granted.append(seconds)
        return Answer(allowed=True)

    async with serving(review) as client:
        for query in ("?timeout=3s", "?timeout=60s", "?timeout=nan", "?timeout=-1s", "?timeout=soon", ""):
            await client.ask(PATH + query, make_review())
    assert granted[0] <= 2.5
    assert all(seconds <= 8 for seconds in granted)


async def test_a_defect_of_a_reviewer_answers_one_request_and_stops_no_other(serving, make_review, caplog):
    async def review(endpoint, request, seconds, size):
        if request.name == "bad":
            raise LookupError("defect")
        return Answer(allowed=True)

    async with serving(review) as client:
        status, _, _ = await client.post(PATH, json.dumps(make_review(name="bad")).encode())
        assert status == 500
        assert (await client.ask(PATH, make_review()))["allowed"]
    assert "defect" in caplog.text


async def test_a_running_review_is_answered_when_the_server_closes(serving, make_review):
    running, go_on = asyncio.Event(), asyncio.Event()

    async def review(endpoint, request, seconds, size):
        running.set()
        await go_on.wait()
        return Answer(allowed=True)

    async with serving(review) as client:
        asked = asyncio.create_task(client.ask(PATH, make_review()))
        await running.wait()
        closing = asyncio.create_task(client.server.close(30))
        await asyncio.sleep(0)
        go_on.set()
        assert (await asked)["allowed"]
        await closing


async def test_a_client_that_leaves_before_the_answer_disturbs_nobody(serving, make_review, posted):
    running, go_on = asyncio.Event(), asyncio.Event()

    async def review(endpoint, request, seconds, size):
        running.set()
        await go_on.wait()
        return Answer(allowed=True)

    async with serving(review, reviews=1) as client:
        async with client.connection() as (_, writer):
            writer.write(posted(PATH, json.dumps(make_review()).encode()))
            await running.wait()
        go_on.set()
        assert (await client.ask(PATH, make_review()))["allowed"]


async def test_a_new_certificate_serves_new_connections_while_old_ones_stay(
    serving, make_review, posted, read_answer, certificates
):
    async with serving() as client, client.connection() as (reader, writer):
        data = posted(PATH, json.dumps(make_review()).encode())
        writer.write(data)
        assert (await read_answer(reader))[0] == 200
        fresh = renewed(None, ["127.0.0.1"], datetime.now(UTC))
        assert client.tls.load(fresh)
        client.authorities = fresh.authorities
        assert (await client.ask(PATH, make_review()))["allowed"]
        writer.write(data)
        assert (await read_answer(reader))[0] == 200
        assert not client.tls.load(replace(fresh, authorities=""))


async def test_a_certificate_that_does_not_fit_its_key_is_refused_and_the_old_one_serves_on(
    serving, make_review, certificates
):
    other = renewed(None, ["127.0.0.1"], datetime.now(UTC))
    async with serving() as client:
        for wrong in (replace(certificates, key=other.key), replace(certificates, certificate="none")):
            with pytest.raises(RefusedError):
                client.tls.load(wrong)
            assert (await client.ask(PATH, make_review()))["allowed"]


async def test_renewals_under_load_lose_no_request(serving, make_review, posted, read_answer):
    """Clients that keep their connection and clients that open new ones are all answered through 30 renewals."""
    authority = renewed(None, ["127.0.0.1"], datetime.now(UTC))
    answered = 0
    async with serving() as client:
        client.authorities += authority.authorities
        data = posted(PATH, json.dumps(make_review()).encode())
        done = asyncio.Event()

        async def keeping():
            nonlocal answered
            async with client.connection() as (reader, writer):
                while not done.is_set():
                    writer.write(data)
                    assert (await read_answer(reader))[0] == 200
                    answered += 1

        async def opening():
            nonlocal answered
            while not done.is_set():
                assert (await client.send(data))[0] == 200
                answered += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(keeping())
                group.create_task(opening())
            for _ in range(30):
                enough = answered + 8
                client.tls.load(renewed(replace(authority, certificate=""), ["127.0.0.1"], datetime.now(UTC)))
                await until(lambda enough=enough: answered >= enough)
            done.set()
    assert answered >= 240
