"""A webhook server with a reviewer of the test's own, and a client that may send anything."""

import asyncio
import json
import ssl
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from kdlib.admission.certificates import renewed
from kdlib.admission.reviews import Answer
from kdlib.admission.server import Limits, WebhookServer
from kdlib.admission.tls import ServerTls


class Client:
    """Sends bytes over TLS, and reads HTTP answers."""

    def __init__(self, port, authorities):
        self.port = port
        self.authorities = authorities

    @property
    def trust(self):
        return ssl.create_default_context(cadata=self.authorities)

    @asynccontextmanager
    async def connection(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def send(self, data):
        """Send bytes on a connection of their own; return status, headers and body of the answer."""
        async with self.connection() as (reader, writer):
            writer.write(data)
            return await answer(reader)

    async def post(self, path, body, content_type="application/json", **headers):
        return await self.send(post(path, body, content_type, **headers))

    async def ask(self, path, review):
        """Send a review; return the response in the answer."""
        status, _, body = await self.post(path, json.dumps(review).encode())
        assert status == 200, body
        found = json.loads(body)
        assert (found["apiVersion"], found["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        return found["response"]


async def answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    return int(lines[0].split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))


def post(path, body, content_type="application/json", **headers):
    lines = [f"POST {path} HTTP/1.1", "Host: webhook", f"Content-Length: {len(body)}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


KINDS = {
    "apps": ("kubedirector.hpe.com", "v1beta1", "KubeDirectorApp"),
    "clusters": ("kubedirector.hpe.com", "v1beta1", "KubeDirectorCluster"),
    "configs": ("kubedirector.hpe.com", "v1beta1", "KubeDirectorConfig"),
    "claims": ("", "v1", "PersistentVolumeClaim"),
}


def review_of(purpose="clusters", operation="CREATE", **changes):
    """Return a review as an API server sends it."""
    group, version, kind = KINDS[purpose]
    obj = {
        "apiVersion": f"{group}/{version}" if group else version,
        "kind": kind,
        "metadata": {"name": "thing", "namespace": "team", "managedFields": [{"manager": "kubectl"}]},
        "spec": {},
    }
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": f"{kind.lower()}s"},
        "name": "thing",
        "namespace": "team",
        "operation": operation,
        "userInfo": {"username": "ann", "uid": "7", "groups": ["dev"], "extra": {"scopes": ["all"]}},
        "object": None if operation == "DELETE" else obj,
        "oldObject": None if operation == "CREATE" else obj,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        **changes,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


@pytest.fixture(scope="session")
def make_review():
    return review_of


@pytest.fixture
def posted():
    return post


@pytest.fixture
def read_answer():
    return answer


@pytest.fixture(scope="session")
def certificates():
    return renewed(None, ["127.0.0.1"], datetime.now(UTC))


@pytest.fixture
def serving(certificates):
    """Return how to serve with a reviewer and limits; gives the client."""

    @asynccontextmanager
    async def opened(review=None, **limits):
        async def allow(endpoint, request, seconds, size):
            return Answer(allowed=True)

        tls = ServerTls()
        tls.load(certificates)
        server = await WebhookServer(review or allow, tls, limits=Limits(**limits)).start("127.0.0.1", 0)
        client = Client(server.port, certificates.authorities)
        client.server, client.tls = server, tls
        try:
            yield client
        finally:
            await server.close(1.0)

    return opened
