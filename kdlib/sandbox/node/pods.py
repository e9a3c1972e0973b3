"""One pod on the node, from its first volume to its last container.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.

Layer: shell.
"""

import asyncio
import os
from dataclasses import replace
from functools import cache

from kdlib.errors import ConflictError, KubeDirectorError, NotFoundError
from kdlib.frozen import Json
from kdlib.sandbox.node.containers import ContainerRun
from kdlib.sandbox.node.keeper_link import NodeEndedError
from kdlib.sandbox.node.payloads import TokenSource
from kdlib.sandbox.node.pod_files import host_name, hosts_file, resolver_file
from kdlib.sandbox.node.publishing import write_beneath
from kdlib.sandbox.node.room import Means, Room
from kdlib.sandbox.node.states import PodFacts, initial_statuses, pod_status
from kdlib.sandbox.node.times import timestamp
from kdlib.sandbox.node.volumes import PodVolumes, VolumeError
from kdlib.wire import POD

__all__ = ["PodRun"]

_GRACE_SECONDS = 30


class PodRun:
    """Runs one pod. `number` differs among all pods that the node ever had."""

    def __init__(self, means: Means, pod: Json, *, number: int, address: str) -> None:
        self._means = means
        self._number = number
        self._own_address = address
        grace_seconds = float(pod["spec"].get("terminationGracePeriodSeconds", _GRACE_SECONDS))
        self._room = Room(means, pod, "", self._changed, key=pod["metadata"]["uid"], grace_seconds=grace_seconds)
        self._sidecar_room = replace(self._room, stopping=asyncio.Event(), limits=set())
        self._facts = PodFacts(means.settings.gateway, start_time=timestamp(means.registry.now()))
        self._volumes: PodVolumes | None = None
        # A pod keeps its tokens, so that looking at its volumes again changes nothing.
        self._token: TokenSource = cache(means.token)
        self._is_scheduled = False
        self._initial = initial_statuses(pod)
        self.runs: dict[str, ContainerRun] = {}
        self.is_over = False

    @property
    def pod(self) -> Json:
        """Return the pod as last seen."""
        return self._room.pod

    @property
    def key(self) -> str:
        """Return what the keeper calls the pod by."""
        return self._room.key

    async def run(self) -> None:
        """Run the pod until its containers have ended for good; then, if it is to go, delete it.

        Guarantees: what goes wrong with this pod ends as its status, and stops no other.
        """
        try:
            self._changed()
            await self._live()
        except* NodeEndedError:
            # Nothing of the pod is left, and the node's own end tells of it.
            self._fail("NodeLost", "the sandbox's node has ended")
        except* (KubeDirectorError, OSError, ValueError, LookupError, TypeError, AttributeError) as group:
            self._fail("NodeError", f"the sandbox cannot run the pod: {_first(group)}")
        finally:
            self.is_over = True
            if self._room.folder >= 0:
                os.close(self._room.folder)
                self._room.folder = -1
        self._facts = replace(self._facts, ended=True)
        self._publish()
        self._finish()

    def update(self, pod: Json) -> None:
        """Take in a newer version of the pod."""
        self._room.pod = self._sidecar_room.pod = pod
        self._room.poked.set()
        if pod["metadata"].get("deletionTimestamp"):
            self._stop(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
            # The store is telling of a commit at this moment; a further one must wait until all have heard of it.
            asyncio.get_running_loop().call_soon(self._finish)
        elif self._volumes is not None and not self.is_over:
            self._volumes.refresh(self._room.sources(), self._token)

    def poke(self) -> None:
        """Look again at what the pod refers to, since something changed."""
        self._room.poked.set()
        if self._volumes is not None and not self.is_over:
            self._volumes.refresh(self._room.sources(), self._token)

    def remove(self) -> None:
        """End the pod at once: nobody knows it any more."""
        self._stop(0.0)

    async def _live(self) -> None:
        room = self._room
        wanted = {
            "pod": room.key,
            "hostname": host_name(room.pod),
            "address": "" if room.pod["spec"].get("hostNetwork") else self._own_address,
            "prefix": self._means.settings.prefix,
            "gateway": self._means.settings.gateway,
            "link": f"pod{self._number}",
        }
        if room.stopping.is_set():
            return
        _, (folder,) = await self._means.keeper.call("pod", wanted)
        room.folder = self._sidecar_room.folder = folder
        try:
            volumes = await self._prepare()
            if volumes is not None:
                async with asyncio.TaskGroup() as group:
                    deadline = group.create_task(self._watch_deadline())
                    await self._run_containers(volumes)
                    deadline.cancel()
        finally:
            await self._means.keeper.call("pod_drop", {"pod": room.key})

    async def _prepare(self) -> PodVolumes | None:
        """Make the pod's files and volumes; None where the pod is to stop before all are there."""
        room, gateway = self._room, self._means.settings.gateway
        address = gateway if room.pod["spec"].get("hostNetwork") else self._own_address
        room.address = self._sidecar_room.address = address
        files = {
            "hostname": host_name(room.pod) + "\n",
            "hosts": hosts_file(room.pod, address),
            "resolv.conf": resolver_file(room.pod, gateway),
        }
        for name, text in files.items():
            write_beneath(room.folder, f"etc/{name}", text.encode())
        volumes = PodVolumes(self._means.keeper, self._means.registry, room.key, room.folder)
        while not room.stopping.is_set():
            try:
                await volumes.prepare(room.sources(), self._token)
            except VolumeError as error:
                room.tell("FailedMount", str(error), warning=True)
                await room.pause(self._means.pace.retry, until_poked=True)
                continue
            self._volumes = volumes
            self._facts = replace(self._facts, address=address)
            self._changed()
            return volumes
        return None

    async def _run_containers(self, volumes: PodVolumes) -> None:
        """Run init containers one after another, then the others side by side."""
        spec = self._room.pod["spec"]
        containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
        for container, status in zip(containers, self._initial, strict=True):
            room = self._sidecar_room if status.kind == "sidecar" else self._room
            self.runs[status.name] = ContainerRun(room, volumes, container, status)
        async with asyncio.TaskGroup() as sidecars:
            if await self._initialise(sidecars):
                async with asyncio.TaskGroup() as mains:
                    for run in self.runs.values():
                        if run.status.kind == "main":
                            mains.create_task(run.run())
            self._sidecar_room.stop(self._room.grace_seconds)

    async def _initialise(self, sidecars: asyncio.TaskGroup) -> bool:
        """Run the init containers; False where the pod cannot go on."""
        for run in self.runs.values():
            if run.status.kind == "main":
                continue
            if run.status.kind == "sidecar":
                sidecars.create_task(run.run())
                await run.begun.wait()
            else:
                await run.run()
            if self._room.stopping.is_set() or not run.status.is_over:
                return False
        return not self._room.stopping.is_set()

    async def _watch_deadline(self) -> None:
        seconds = self._room.pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return
        await asyncio.sleep(seconds)
        message = "Pod was active on the node longer than the specified deadline"
        self._room.tell("DeadlineExceeded", message, warning=True)
        self._fail("DeadlineExceeded", message)
        self._stop(self._room.grace_seconds)

    def _finish(self) -> None:
        """Take a pod that is over and asked to go out of the store."""
        if not self.is_over or not self.pod["metadata"].get("deletionTimestamp"):
            return
        metadata = self.pod["metadata"]
        try:
            self._means.registry.delete(
                POD, metadata["namespace"], metadata["name"], uid=metadata["uid"], grace_seconds=0
            )
        except (NotFoundError, ConflictError):
            return

    def _stop(self, grace_seconds: float) -> None:
        self._room.stop(grace_seconds)
        if self._sidecar_room.stopping.is_set():
            self._sidecar_room.stop(grace_seconds)

    def _fail(self, reason: str, message: str) -> None:
        self._facts = replace(self._facts, failure=(reason, message))
        self._changed()

    def _changed(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        """Write the status if it differs from what is stored."""
        self._is_scheduled = False
        metadata = self.pod["metadata"]
        try:
            stored = self._means.registry.get(POD, metadata["namespace"], metadata["name"])
            if stored["metadata"]["uid"] != metadata["uid"]:
                return
            statuses = [run.status for run in self.runs.values()] or self._initial
            status = pod_status(stored, statuses, self._facts, self._means.registry.now())
            if status != stored.get("status"):
                self._means.registry.update({**stored, "status": status}, subresource="status")
        except NotFoundError:
            return
        except ConflictError:
            self._changed()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error inside nested groups."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
