"""The members of a hollow node, as each test plays them: scripts by namespace, and what they were told.

Layer: shell.
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from kdlib.guest import EmulatedRun
from kdlib.testing.hollow import HollowNode
from kdlib.testing.loops import LoopThread
from kdlib.wire import ExecRequest

__all__ = ["Cast", "MemberPlays"]

Play: TypeAlias = Callable[[str, tuple[str, ...]], EmulatedRun]
"""Runs the start script of a pod with arguments such as `("--configure",)`."""


def _well(pod: str, arguments: tuple[str, ...]) -> EmulatedRun:
    del pod, arguments
    return EmulatedRun()


class Cast:
    """What the members of all namespaces do; the script of a HollowMembers."""

    def __init__(self) -> None:
        self.plays: dict[str, Play] = {}
        self.runs: dict[str, list[tuple[str, tuple[str, ...]]]] = {}

    def __call__(self, request: ExecRequest, arguments: tuple[str, ...]) -> EmulatedRun:
        """Run the start script of a member, as the test of its namespace wants."""
        self.runs.setdefault(request.namespace, []).append((request.pod, arguments))
        return self.plays.get(request.namespace, _well)(request.pod, arguments)


class MemberPlays:
    """The hollow members of one namespace."""

    def __init__(self, cast: Cast, namespace: str, *, node: HollowNode, thread: LoopThread) -> None:
        self._cast = cast
        self._namespace = namespace
        self._node = node
        self._thread = thread

    @property
    def runs(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return each run of a start script so far: the pod, and the arguments such as `("--configure",)`."""
        return tuple(self._cast.runs.get(self._namespace, ()))

    def play(self, script: Play) -> None:
        """Let start scripts end as `script` says from now on, which is given pod and arguments; else they end well."""
        self._cast.plays[self._namespace] = script

    async def restart(self, pod: str, container: str = "") -> str:
        """Restart the container of a pod as if its process had died; return its new ID."""
        restarted = self._node.restart(self._namespace, pod, container)
        return await asyncio.wrap_future(self._thread.begin(restarted))
