"""A front over a real store, and a client for it."""

import asyncio
import ssl
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import aiohttp
import pytest

from kdlib.errors import api_error
from kdlib.sandbox.http import Authority, Front, User
from kdlib.sandbox.store import Registry

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {"nodeName": "n", "containers": [{"name": "app", "image": "i"}]},
}


class EchoSession:
    """A command that sends its stdin back as stdout, says `bye` on stderr at its end, and exits with 3."""

    def __init__(self, order, tty):
        self.order, self.tty, self.size = order, tty, None
        self.cut = asyncio.Event()
        self._stdin = asyncio.Queue()

    async def send(self, data):
        await self._stdin.put(data)

    async def close_stdin(self):
        await self._stdin.put(None)

    async def resize(self, columns, rows):
        self.size = (columns, rows)

    async def __aiter__(self):
        while (data := await self._stdin.get()) is not None:
            yield 1, data
        yield 2, b"bye"

    async def exit_code(self):
        return 3


class FakeContainers:
    """Containers whose every command echoes, and whose log says which options it was asked with."""

    def __init__(self):
        self.sessions = []

    @asynccontextmanager
    async def exec(self, request, *, tty=False):
        if request.command == ("missing",):
            raise api_error(500, "InternalError", 'container not found ("app")')
        session = EchoSession(request, tty)
        self.sessions.append(session)
        try:
            yield session
        finally:
            session.cut.set()

    @asynccontextmanager
    async def logs(self, request):
        if request.previous:
            raise api_error(400, "BadRequest", "no previous log")

        async def chunks():
            yield f"{request.container} tail={request.tail_lines} follow={request.follow}\n".encode()
            yield b"second\n"

        yield chunks()


@pytest.fixture
def registry():
    return Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))


@pytest.fixture
def containers():
    return FakeContainers()


@pytest.fixture
async def front(registry, containers):
    tokens = {"secret": User("robot", ("machines",))}
    front = Front(registry, Authority("test"), containers=containers, tokens=tokens)
    await front.start()
    yield front
    await front.close()


def client_context(authority, pair, folder):
    context = ssl.create_default_context(cadata=authority.certificate)
    if pair is not None:
        (folder / "c").write_text(pair.certificate)
        (folder / "k").write_text(pair.key)
        context.load_cert_chain(folder / "c", folder / "k")
    return context


@pytest.fixture
async def anonymous(front, tmp_path):
    """Return a session without any credential."""
    connector = aiohttp.TCPConnector(ssl=client_context(front._authority, None, tmp_path))
    async with aiohttp.ClientSession(front.url, connector=connector) as session:
        yield session


@pytest.fixture
async def session(front, tmp_path):
    """Return the session of an administrator."""
    pair = front._authority.issue("admin", ["system:masters"])
    connector = aiohttp.TCPConnector(ssl=client_context(front._authority, pair, tmp_path))
    async with aiohttp.ClientSession(front.url, connector=connector, headers={"User-Agent": "tests/1"}) as session:
        yield session


@pytest.fixture
def pod(registry):
    return registry.create(POD)


@pytest.fixture
def ask(session):
    """Return how to ask for JSON: the code and the decoded answer."""

    async def asking(method, path, **options):
        async with session.request(method, path, **options) as answer:
            body = await (answer.json() if answer.content_type == "application/json" else answer.text())
            return SimpleNamespace(code=answer.status, body=body, headers=answer.headers)

    return asking
