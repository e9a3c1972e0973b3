"""A registry in a time and with identities of its own, and the objects that tests put into it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from kdlib.errors import ApiError
from kdlib.frozen import Json, canonical
from kdlib.sandbox.store import Registry
from kdlib.wire import APPLY, JSON, Request, Schemas, builtin_schemas

START = datetime(2026, 1, 1, tzinfo=UTC)
PACE = {"bookmark_seconds": 0.05}


@pytest.fixture(scope="session")
def table() -> Schemas:
    """Return the table of built-in kinds, read once."""
    return builtin_schemas()


class World:
    """A registry whose clock stands until it is moved, with the full path at hand."""

    def __init__(self, table: Schemas) -> None:
        self.now = START
        numbers = count(1)
        self.registry = Registry(
            self.clock, lambda: f"00000000-0000-4000-8000-{next(numbers):012d}", schemas=table, **PACE
        )
        self.commits: list[tuple[str, Json, bytes]] = []
        self.registry.subscribe(lambda event, obj: self.commits.append((event, obj, canonical(obj))))

    def clock(self) -> datetime:
        """Return the time that it is."""
        return self.now

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    async def send(self, method: str, path: str, body: Any = None, content_type: str = JSON, **query: str) -> Json:
        """Send a request through the full path; return the body."""
        return (await self.registry.handle(Request(method, path, query, body, content_type)))[1]

    async def refused(
        self, method: str, path: str, body: Any = None, content_type: str = JSON, **query: str
    ) -> ApiError:
        """Send a request that must be refused; return the error."""
        with pytest.raises(ApiError) as caught:
            await self.registry.handle(Request(method, path, query, body, content_type))
        return caught.value

    async def apply(self, path: str, body: Json, manager: str, *, force: bool = False) -> Json:
        """Apply server-side."""
        return await self.send("PATCH", path, body, APPLY, fieldManager=manager, force=str(force).lower())


@pytest.fixture
def world(table: Schemas) -> World:
    """Return a fresh world; at its end, no object that was handed out has changed."""
    made = World(table)
    yield made
    for event, obj, then in made.commits:
        assert canonical(obj) == then, f"an object of a {event} event was changed in place: {obj['metadata']['name']}"


class Make:
    """Makes the objects that tests put into a registry."""

    @staticmethod
    def config_map(name: str = "a", data: Json | None = None, **metadata: Any) -> Json:
        """Return a ConfigMap of the namespace `default`."""
        body: Json = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default", **metadata},
        }
        return body if data is None else {**body, "data": data}

    @staticmethod
    def pod(name: str = "a", **spec: Any) -> Json:
        """Return a pod that runs on the node `n`."""
        containers = [{"name": "app", "image": "i:1"}]
        metadata = {"name": name, "namespace": "default"}
        body = {"nodeName": "n", "containers": containers, **spec}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}

    @staticmethod
    def stateful_set(name: str = "a", **spec: Any) -> Json:
        """Return a StatefulSet of one container."""
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "i"}]}}
        body = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
        metadata = {"name": name, "namespace": "default"}
        return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": body}

    @staticmethod
    def definition(schema: Json, *, kind: str = "Thing", scope: str = "Namespaced", **version: Any) -> Json:
        """Return a CustomResourceDefinition of one version, with a status subresource."""
        plural = kind.lower() + "s"
        one = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.example.org"},
            "spec": {
                "group": "example.org",
                "names": {"kind": kind, "plural": plural},
                "scope": scope,
                "versions": [{**one, "subresources": {"status": {}}, **version}],
            },
        }

    @staticmethod
    def thing(name: str = "a", **fields: Any) -> Json:
        """Return a custom object."""
        metadata = {"name": name, "namespace": "default"}
        return {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": metadata, **fields}


@pytest.fixture
def make() -> type[Make]:
    """Return the maker of objects."""
    return Make


Wait = Callable[[Awaitable[Any]], Awaitable[Any]]


@pytest.fixture
def soon() -> Wait:
    """Await something that must come at once."""

    async def wait(awaitable: Awaitable[Any]) -> Any:
        async with asyncio.timeout(5):
            return await awaitable

    return wait
