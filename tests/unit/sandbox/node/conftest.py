"""A node over a real store, and words for what tests want of it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio

from kdlib.errors import NotFoundError
from kdlib.frozen import Json, dig
from kdlib.sandbox.node import Images, Node, Pace
from kdlib.sandbox.store import Registry
from kdlib.sandbox.streams import LogRequest
from kdlib.wire import POD, ExecRequest, Kind

EVENT_V1 = Kind("v1", "Event")
SECONDS = 20.0


class World:
    """One node, its store, and the pods in namespace `default`."""

    def __init__(self) -> None:
        self.registry = Registry(lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
        self.images = Images(any_image=True)
        self.node = Node(
            self.registry,
            images=self.images,
            loopback="127.0.0.77",
            pace=Pace(first=0.2, most=0.4, retry=0.1),
            token=lambda namespace, account: f"token of {namespace}/{account}",
        )

    def run(self, name: str, *script: str, **spec: Any) -> Json:
        """Create a pod with one container, `app`, that runs a shell script; more fields as keywords."""
        container = {"name": "app", "image": "base", **spec.pop("container", {})}
        if script:
            container["command"] = ["sh", "-c", *script]
        metadata = {"name": name, "namespace": "default", **spec.pop("metadata", {})}
        spec = {"nodeName": "sandbox", "containers": [container], **spec}
        return self.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def create(self, obj: Json) -> Json:
        """Create an object, in namespace `default` unless it says otherwise."""
        obj["metadata"].setdefault("namespace", "default")
        return self.registry.create(obj)

    def pod(self, name: str) -> Json:
        """Return a pod; {} where there is none."""
        try:
            return self.registry.get(POD, "default", name)
        except NotFoundError:
            return {}

    def container(self, name: str, field: str = "containerStatuses") -> Json:
        """Return the status of a pod's first container; {} where there is none."""
        return dig(self.pod(name), "status", field, 0, default={})

    def delete(self, name: str, grace_seconds: int | None = None) -> None:
        """Ask for a pod's deletion."""
        self.registry.delete(POD, "default", name, grace_seconds=grace_seconds)

    def last_seen(self, name: str) -> Json:
        """Return an object that becomes the pod's last version as it goes."""
        last: Json = {}

        def take(event: str, obj: Json) -> None:
            if event == "DELETED" and (obj["kind"], obj["metadata"]["name"]) == ("Pod", name):
                last.update(obj)
                unsubscribe()

        unsubscribe = self.registry.subscribe(take)
        return last

    def reasons(self, name: str) -> list[str]:
        """Return the reasons of the events about a pod, in the order of their first time."""
        events = [each for each in self.registry.list(EVENT_V1) if each["involvedObject"]["name"] == name]
        return [each["reason"] for each in sorted(events, key=lambda each: each["metadata"]["name"])]

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until the condition, looked at after each commit, holds; return its value."""
        changed = asyncio.Event()
        unsubscribe = self.registry.subscribe(lambda *_: changed.set())
        try:
            async with asyncio.timeout(SECONDS):
                while not (found := holds()):
                    changed.clear()
                    await changed.wait()
                return found
        finally:
            unsubscribe()

    async def phase(self, name: str, *wanted: str) -> str:
        """Wait for a phase of a pod."""
        return await self.until(lambda: (found := dig(self.pod(name), "status", "phase")) in wanted and found)

    async def running(self, *names: str) -> None:
        """Wait until pods run and are ready."""
        for name in names:
            await self.until(lambda name=name: condition(self.pod(name), "Ready") == "True")

    async def says(self, name: str, text: str) -> None:
        """Wait until a pod's container `app` has written the text."""
        await self.running(name)
        request = LogRequest("default", name, "app", follow=True)
        async with asyncio.timeout(SECONDS), self.node.logs(request) as lines:
            async for line in lines:
                if text in line.decode():
                    return
        raise AssertionError(f"{name} ended without saying {text!r}")

    async def gone(self, name: str) -> None:
        """Wait until a pod is not there any more."""
        await self.until(lambda: not self.pod(name))

    async def shell(self, name: str, script: str, stdin: bytes = b"") -> tuple[int, str]:
        """Run a script in a pod's container `app`; returns its exit code and output."""
        request = ExecRequest("default", name, "app", ("sh", "-c", script), stdin=bool(stdin))
        async with asyncio.timeout(SECONDS), self.node.exec(request) as session:
            if stdin:
                await session.send(stdin)
                await session.close_stdin()
            output = b"".join([data async for _, data in session])
            return await session.exit_code(), output.decode()

    async def output(self, name: str, script: str) -> str:
        """Run a script in a pod's container `app` that must succeed; returns its output without the last newline."""
        code, text = await self.shell(name, script)
        assert (code, text) == (0, text)
        return text.rstrip("\n")

    async def log(self, name: str, **options: Any) -> str:
        """Return the log of a pod's container."""
        container = options.pop("container", "app")
        async with asyncio.timeout(SECONDS), self.node.logs(LogRequest("default", name, container, **options)) as lines:
            return b"".join([data async for data in lines]).decode()


def condition(obj: Json, kind: str) -> str:
    """Return the status of a condition; empty where there is none."""
    conditions = dig(obj, "status", "conditions", default=[])
    return next((str(each["status"]) for each in conditions if each["type"] == kind), "")


@asynccontextmanager
async def _running_world() -> AsyncIterator[World]:
    made = World()
    await made.node.start()
    try:
        yield made
    finally:
        await made.node.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    """Give a running node that the tests of a module share; each makes pods of its own names."""
    async with _running_world() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def own_world() -> AsyncIterator[World]:
    """Give a running node for one test alone."""
    async with _running_world() as made:
        yield made
