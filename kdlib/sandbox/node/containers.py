"""One container of a pod, through all its lives: prepare, start, look after, end, and again.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.

Layer: shell.
"""

import asyncio
import signal
from dataclasses import replace
from typing import Any

from kdlib.frozen import Json, dig
from kdlib.sandbox.node.attaching import Attachment
from kdlib.sandbox.node.backoff import Backoff
from kdlib.sandbox.node.checks import Checker, CheckError
from kdlib.sandbox.node.launching import StartError, ended, exit_code, start
from kdlib.sandbox.node.life import Life
from kdlib.sandbox.node.logbook import Logbook
from kdlib.sandbox.node.preparing import Preparation, Prepared, last_words_path
from kdlib.sandbox.node.probing import Probes
from kdlib.sandbox.node.publishing import read_beneath, write_beneath
from kdlib.sandbox.node.room import Room
from kdlib.sandbox.node.states import ContainerStatus
from kdlib.sandbox.node.times import timestamp
from kdlib.sandbox.node.volumes import PodVolumes

__all__ = ["ContainerRun"]

_MOST_LAST_WORDS = 4096
_START_ERROR_CODE = 128
_NEVER = "1970-01-01T00:00:00Z"
_FOR_STARTS = ("layers", "prefixes", "mounts", "read_only", "pod")


class ContainerRun:
    """Keeps one container in the state that its pod wants."""

    def __init__(self, room: Room, volumes: PodVolumes, container: Json, status: ContainerStatus) -> None:
        self._room = room
        self._container = container
        self._preparation = Preparation(room, volumes, container, self._wait_for)
        self._backoff = Backoff(room.means.pace)
        self._lives = 0
        self.status = status
        self.life: Life | None = None
        self.log: Logbook | None = None
        self.previous_log: Logbook | None = None
        self.begun = asyncio.Event()
        """Set when the container has started, in the sense of its startup probe, or is over."""

    async def run(self) -> None:
        """Run the container until it is over for good or the pod stops."""
        try:
            while not self._room.stopping.is_set():
                prepared = await self._preparation.prepare()
                if prepared is None:
                    return
                self._backoff = self._backoff.after_run(await self._live(prepared))
                if not self._goes_on() or await self._back_off():
                    return
        finally:
            self.begun.set()

    def attach(self, life: Life) -> Attachment:
        """Share the streams of the container's life with a client."""
        has_terminal, once = bool(self._container.get("tty")), bool(self._container.get("stdinOnce"))
        return Attachment(life, terminal=has_terminal, stdin_once=once)

    def _goes_on(self) -> bool:
        policy = self._room.restart_policy()
        if self.status.kind == "sidecar":
            policy = "Always"
        elif self.status.kind == "init" and policy == "Always":
            policy = "OnFailure"
        failed = self.status.exit_code != 0
        return not self._room.stopping.is_set() and (policy == "Always" or (policy == "OnFailure" and failed))

    async def _back_off(self) -> bool:
        """Wait before the next life; returns True when the pod stops meanwhile."""
        seconds, self._backoff = self._backoff.seconds, self._backoff.longer()
        if not seconds:
            return False
        name = self.status.name
        self._warn("BackOff", f"Back-off restarting failed container {name} in pod {self._room.label}")
        message = f"back-off {seconds:g}s restarting failed container={name} pod={self._room.label}"
        self._wait_for("CrashLoopBackOff", message)
        return await self._room.pause(seconds)

    async def _live(self, prepared: Prepared) -> float:
        """Live one life; returns how long it was, in seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        life = await self._begin(prepared)
        if life is None:
            return 0.0
        try:
            async with asyncio.TaskGroup() as group:
                care = group.create_task(self._care(life, prepared))
                grace_seconds = await self._until_unwanted(life)
                care.cancel()
                if grace_seconds is not None:
                    await self._stop(life, grace_seconds)
        finally:
            self.life = None
            life.close()
        self._record_end(life, prepared)
        return loop.time() - began

    async def _begin(self, prepared: Prepared) -> Life | None:
        """Start the container; None where its program cannot be executed."""
        room, name = self._room, self.status.name
        self._lives += 1
        self.previous_log, self.log = self.log, Logbook(room.means.registry.now)
        write_beneath(room.folder, last_words_path(prepared.key), b"", 0o666)
        room.tell("Created", f"Created container: {name}", container=name)
        began = room.means.registry.now()
        has_stdin, has_terminal = bool(self._container.get("stdin")), bool(self._container.get("tty"))
        try:
            started = await start(room.means.keeper, "run", prepared.arguments, stdin=has_stdin, terminal=has_terminal)
        except StartError as error:
            self._warn("Failed", f"Error: {error}")
            self.log.close()
            self._record_refusal(prepared, str(error))
            return None
        described = {key: value for key, value in prepared.arguments.items() if key not in _FOR_STARTS}
        self.life = life = Life(
            room.means.keeper, prepared.key, started, self.log, began, described, prepared.image.stop_signal
        )
        life.record()
        room.tell("Started", f"Started container {name}", container=name)
        return life

    async def _care(self, life: Life, prepared: Prepared) -> None:
        """Run the postStart hook, then the probes."""
        checker = Checker(self._room.means.network, life.execute, self._room.address, self._container)
        hook = dig(self._container, "lifecycle", "postStart")
        if hook:
            try:
                await checker.check(hook, None)
            except (CheckError, StartError) as error:
                self._warn("FailedPostStartHook", f"PostStartHook failed: {error}")
                life.give_up(self._room.grace_seconds)
                return
        state = {"running": {"startedAt": timestamp(life.began)}}
        self._become(state=state, last_state=self._last_state(), **self._identity(prepared))
        await Probes(
            self._room,
            checker,
            set_started=self._set_started,
            set_ready=lambda ready: self._become(ready=ready),
            give_up=life.give_up,
        ).run()

    def _set_started(self) -> None:
        self._become(started=True)
        self.begun.set()

    async def _until_unwanted(self, life: Life) -> float | None:
        """Wait until the container is to end, and return its grace period; None where it has ended by itself."""
        stop = asyncio.ensure_future(self._room.stopping.wait())
        try:
            await asyncio.wait((life.process.exited, stop, life.unhealthy), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
        if life.process.exited.done():
            return None
        return self._room.grace_seconds if self._room.stopping.is_set() else life.unhealthy.result()

    async def _stop(self, life: Life, seconds: float) -> None:
        self._become(ready=False)
        if self._room.stopping.is_set():
            self._room.tell("Killing", f"Stopping container {self.status.name}", container=self.status.name)
        try:
            async with asyncio.timeout(seconds) as limit:
                with self._room.limited_by(limit):
                    await self._pre_stop(life)
                    await life.send(life.stop_signal)
                    await ended(life.process)
        except TimeoutError:
            await life.send(signal.SIGKILL)
            await ended(life.process)

    async def _pre_stop(self, life: Life) -> None:
        hook = dig(self._container, "lifecycle", "preStop")
        if not hook:
            return
        checker = Checker(self._room.means.network, life.execute, self._room.address, self._container)
        try:
            await checker.check(hook, None)
        except (CheckError, StartError) as error:
            self._warn("FailedPreStopHook", f"PreStopHook failed: {error}")

    def _record_end(self, life: Life, prepared: Prepared) -> None:
        code = exit_code(life.process.exited.result())
        terminated: Json = {
            "exitCode": code,
            "reason": "Error" if code else "Completed",
            "startedAt": timestamp(life.began),
            "finishedAt": timestamp(self._room.means.registry.now()),
            "containerID": f"sandbox://{prepared.key}",
        }
        message = self._last_words(life, failed=code != 0)
        if message:
            terminated["message"] = message
        state, last = {"terminated": terminated}, self._last_state()
        self._become(state=state, last_state=last, ready=False, started=False, **self._identity(prepared))

    def _last_words(self, life: Life, *, failed: bool) -> str:
        found = read_beneath(self._room.folder, last_words_path(life.key), _MOST_LAST_WORDS)
        if not found and failed and self._container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            return life.log.last(80, 2048)
        return found.decode(errors="replace")

    def _record_refusal(self, prepared: Prepared, message: str) -> None:
        terminated = {
            "exitCode": _START_ERROR_CODE,
            "reason": "StartError",
            "message": message,
            "startedAt": _NEVER,
            "finishedAt": timestamp(self._room.means.registry.now()),
            "containerID": f"sandbox://{prepared.key}",
        }
        state = {"terminated": terminated}
        self._become(state=state, last_state=self._last_state(), ready=False, **self._identity(prepared))

    def _identity(self, prepared: Prepared) -> dict[str, Any]:
        return {
            "container_id": f"sandbox://{prepared.key}",
            "image_id": prepared.image.id,
            "restart_count": self._lives - 1,
        }

    def _last_state(self) -> Json:
        """Return the end of the life before this one."""
        return self.status.state if "terminated" in self.status.state else self.status.last_state

    def _wait_for(self, reason: str, message: str) -> None:
        state = {"waiting": {"reason": reason, "message": message}}
        self._become(state=state, last_state=self._last_state())

    def _become(self, **changes: Any) -> None:
        status = replace(self.status, **changes)
        if status != self.status:
            self.status = status
            self._room.changed()

    def _warn(self, reason: str, message: str) -> None:
        self._room.tell(reason, message, container=self.status.name, warning=True)
