"""A store with its controllers in virtual time, and a stand-in for the node that makes pods ready on request."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import pytest

from kdlib.frozen import Json
from kdlib.sandbox.controllers import Controllers
from kdlib.sandbox.store import Registry
from kdlib.testing import VirtualTime
from kdlib.wire import EVENT, POD, Kind

NODE = Kind("v1", "Node", namespaced=False)


class House:
    """An embedded cluster without HTTP and without processes."""

    def __init__(self, time: VirtualTime) -> None:
        numbers = count(1)
        self.time = time
        self.registry = Registry(time.now, lambda: f"00000000-0000-4000-8000-{next(numbers):012d}")
        self.controllers = Controllers(self.registry, certificate="CERTIFICATE")
        self.auto_ready = False
        self.commits = 0

    async def start(self, *, node: bool = True, ready: bool = False) -> None:
        await self.controllers.start()
        self.registry.subscribe(self._told)
        self.auto_ready = ready
        if node:
            self.registry.create(
                {
                    "apiVersion": "v1",
                    "kind": "Node",
                    "metadata": {"name": "node"},
                    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                }
            )
        await self.settle()

    def _told(self, event: str, obj: Json) -> None:
        self.commits += 1
        if not self.auto_ready or obj["kind"] != "Pod" or event == "DELETED":
            return
        loop, name = asyncio.get_running_loop(), obj["metadata"]["name"]
        namespace = obj["metadata"]["namespace"]
        if obj["metadata"].get("deletionTimestamp"):
            # A pod without any time left is about to go: what has its name next is another one.
            if obj["metadata"].get("deletionGracePeriodSeconds"):
                loop.call_soon(self.finish, name, namespace)
        elif obj["spec"].get("nodeName") and obj["status"].get("phase") != "Running":
            loop.call_soon(self.run, name, namespace)

    async def settle(self, seconds: float = 5.0) -> None:
        """Let everything happen that happens within some virtual seconds."""
        await asyncio.sleep(seconds)

    def create(self, kind: Kind, name: str, spec: Json | None = None, **metadata: Any) -> Json:
        place = {"namespace": metadata.pop("namespace", "default")} if kind.namespaced else {}
        obj = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name, **place, **metadata}}
        return self.registry.create(obj if spec is None else {**obj, "spec": spec})

    def get(self, kind: Kind, name: str, namespace: str = "default") -> Json:
        return self.registry.get(kind, namespace, name)

    def names(self, kind: Kind, namespace: str = "default") -> list[str]:
        return [each["metadata"]["name"] for each in self.registry.list(kind, namespace)]

    def delete(self, kind: Kind, name: str, namespace: str = "default", **options: Any) -> None:
        self.registry.delete(kind, namespace, name, **options)

    def run(self, name: str, namespace: str = "default", *, ready: bool = True) -> None:
        """Make a pod run, as a node does."""
        pod = self.registry.find(POD, namespace, name)
        if pod is None:
            return
        moment = self.time.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        address = f"10.1.{int(pod['metadata']['uid'][-4:]) // 250}.{int(pod['metadata']['uid'][-4:]) % 250 + 1}"
        others = [each for each in pod["status"].get("conditions", ()) if each["type"] != "Ready"]
        condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": moment}
        status = {
            **pod["status"],
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [*others, condition],
        }
        self.registry.update({**pod, "status": status}, "status")

    def finish(self, name: str, namespace: str = "default") -> None:
        """End a pod that is to go, as a node does."""
        if self.registry.find(POD, namespace, name) is not None:
            self.delete(POD, name, namespace, grace_seconds=0)

    def events(self, name: str) -> list[tuple[str, str, str]]:
        found = [each for each in self.registry.list(EVENT) if each["regarding"]["name"] == name]
        return [(each["type"], each["reason"], each["note"]) for each in found]


Scenario = Callable[[House], Coroutine[Any, Any, None]]


@pytest.fixture
def play() -> Callable[[Scenario], House]:
    """Run a scenario in virtual time over a fresh house."""
    time = VirtualTime()

    def run(scenario: Scenario) -> House:
        house = House(time)

        async def whole() -> None:
            try:
                await scenario(house)
            finally:
                await house.controllers.close()

        time.run(whole())
        return house

    return run
