"""The probes of one container life: startup first, then liveness and readiness side by side.

Source: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/.

Layer: shell.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kdlib.frozen import Json
from kdlib.sandbox.node.checks import Checker, CheckError
from kdlib.sandbox.node.room import Room

__all__ = ["Probes"]

_Verdict: TypeAlias = Literal["good", "bad"]
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


@dataclass
class _Tally:
    """Counts results until there are enough of one sort in a row."""

    enough_good: int
    enough_bad: int
    _good: int = 0
    _bad: int = 0

    def count(self, *, good: bool) -> _Verdict | None:
        """Take in a result; returns the verdict, None while it is open."""
        self._good, self._bad = (self._good + 1, 0) if good else (0, self._bad + 1)
        if self._good >= self.enough_good:
            return "good"
        return "bad" if self._bad >= self.enough_bad else None


@dataclass(frozen=True)
class Probes:
    """Watches over one container life."""

    room: Room
    checker: Checker
    set_started: Callable[[], None]
    set_ready: Callable[[bool], None]
    give_up: Callable[[float], None]
    """Ask for the container's end, with a grace period in seconds."""

    async def run(self) -> None:
        """Probe until cancelled; a container without a probe is well as soon as it runs."""
        container = self.checker.container
        if "startupProbe" in container:
            await self._watch("Startup", container["startupProbe"], _until_success)
        self.set_started()
        async with asyncio.TaskGroup() as group:
            if "livenessProbe" in container:
                group.create_task(self._watch("Liveness", container["livenessProbe"], _for_ever))
            if "readinessProbe" in container:
                group.create_task(self._watch("Readiness", container["readinessProbe"], self._tell_readiness))
            else:
                self._tell_readiness("good")

    def _tell_readiness(self, verdict: _Verdict) -> bool:
        self.set_ready(verdict == "good")
        return False

    async def _watch(self, name: str, probe: Json, settled: Callable[[_Verdict], bool]) -> None:
        """Probe until `settled` says so; it is told each verdict."""
        await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
        tally = _Tally(probe.get("successThreshold") or 1, probe.get("failureThreshold") or 3)
        while True:
            verdict = tally.count(good=await self._check(name, probe))
            if verdict == "bad":
                self._failed(name, probe)
            if verdict is not None and settled(verdict):
                return
            await asyncio.sleep(probe.get("periodSeconds") or 10)

    async def _check(self, name: str, probe: Json) -> bool:
        handler = {key: value for key, value in probe.items() if key in _HANDLERS}
        try:
            await self.checker.check(handler, probe.get("timeoutSeconds") or 1)
        except CheckError as error:
            message = f"{name} probe failed: {error}"
            self.room.tell("Unhealthy", message, container=self.checker.container["name"], warning=True)
            return False
        return True

    def _failed(self, name: str, probe: Json) -> None:
        if name == "Readiness":
            return
        container = self.checker.container["name"]
        message = f"Container {container} failed {name.lower()} probe, will be restarted"
        self.room.tell("Killing", message, container=container)
        self.give_up(float(probe.get("terminationGracePeriodSeconds") or self.room.grace_seconds))


def _until_success(verdict: _Verdict) -> bool:
    return verdict == "good"


def _for_ever(_verdict: _Verdict) -> bool:
    return False
